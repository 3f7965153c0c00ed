"""Mail programs for tests: IMAP, ManageSieve and LMTP, as much of each as a question needs."""

from __future__ import annotations

import base64
import concurrent.futures
import email.message
import email.policy
import imaplib
import poplib
import random
import re
import smtplib
import socket
import ssl
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage

from keryx.core import network
from tests.running import Suite, wait_for


def letter(subject: str, body: str = "Hello.\n", **headers: str) -> EmailMessage:
    """Return a message; ``X_Spam="Yes"`` becomes the header X-Spam."""
    message = EmailMessage()
    message["From"] = headers.pop("From", "Friend <friend@elsewhere.example>")
    message["To"] = headers.pop("To", "someone@example.org")
    message["Subject"] = subject
    message["Date"] = "Sun, 01 Mar 2026 12:00:00 +0000"
    message["Message-ID"] = f"<{subject.replace(' ', '.')}@elsewhere.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message


def lmtp(
    suite: Suite, recipient: str, message: EmailMessage, sender: str = "friend@elsewhere.example"
) -> tuple[int, str]:
    """Deliver a message as Postfix does; return the reply to the message, or to RCPT if refused."""
    client = smtplib.LMTP(str(suite.site.lmtp.path), 0)
    try:
        client.sendmail(sender, [recipient], message.as_bytes(policy=email.policy.SMTP))
    except smtplib.SMTPRecipientsRefused as error:
        code, text = error.recipients[recipient]
        return code, text.decode()
    except smtplib.SMTPDataError as error:
        return error.smtp_code, str(error.smtp_error)
    finally:
        client.close()
    return 250, ""


def fresh(name: str, domain: str = "example.org") -> str:
    """Return an address that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}@{domain}"


def somewhere() -> str:
    """Return a source address on this machine. Dovecot slows an address down that fails to log in
    (auth penalty); with one for each connection the tests do not wait for each other."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


class _Imap(imaplib.IMAP4_SSL):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        stream = socket.create_connection((self.host, self.port), 60, (somewhere(), 0))
        return network.unverified_tls().wrap_socket(stream)


class _Pop3(poplib.POP3_SSL):
    def _create_socket(self, timeout: float) -> socket.socket:
        stream = socket.create_connection((self.host, self.port), 60, (somewhere(), 0))
        return network.unverified_tls().wrap_socket(stream)


def pop3(suite: Suite) -> poplib.POP3_SSL:
    """Return a POP3 connection inside TLS, before login."""
    return _Pop3("127.0.0.1", suite.port("pop3s"))


@contextmanager
def imap(suite: Suite, address: str, password: str) -> Iterator[imaplib.IMAP4]:
    """Give a logged-in IMAP connection."""
    client = _Imap("127.0.0.1", suite.port("imaps"))
    try:
        client.login(address, password)
        yield client
    finally:
        client.shutdown()


def folders(client: imaplib.IMAP4, pattern: str = "*") -> dict[str, str]:
    """Return folder names with their flags."""
    found = {}
    for line in client.list('""', pattern)[1]:
        if isinstance(line, bytes):
            match = re.fullmatch(r'\((.*)\) "/" "?(.*?)"?', line.decode())
            assert match, line
            found[match[2]] = match[1]
    return found


def subjects(client: imaplib.IMAP4, folder: str = "INBOX") -> list[str]:
    """Return the subjects of all messages in a folder, oldest first."""
    return [str(message["Subject"]) for message in messages(client, folder)]


def messages(client: imaplib.IMAP4, folder: str = "INBOX") -> list[email.message.Message]:
    """Return all messages of a folder, oldest first, leaving them unread."""
    status, text = client.select(f'"{folder}"', readonly=True)
    assert status == "OK", text
    if text == [b"0"]:
        return []
    parts = client.fetch("1:*", "(BODY.PEEK[])")[1]
    return [email.message_from_bytes(part[1]) for part in parts if isinstance(part, tuple)]


def arrives(
    suite: Suite, login: tuple[str, str], subject: str, folder: str = "INBOX"
) -> email.message.Message:
    """Wait for a message with that subject and return it."""

    def look() -> email.message.Message | None:
        with imap(suite, *login) as client:
            found = [found for found in messages(client, folder) if found["Subject"] == subject]
            return found[0] if found else None

    found = wait_for(look, f"{subject!r} in {folder} of {login[0]}")
    assert found is not None
    return found


class Compressed:
    """An IMAP connection with COMPRESS=DEFLATE switched on (RFC 4978)."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._socket = client.socket()
        # Raw deflate streams: no zlib header, flushed after every command.
        self._out = zlib.compressobj(wbits=-15)
        self._in = zlib.decompressobj(wbits=-15)

    def command(self, text: str) -> str:
        """Send one command and return all that the server says up to its end."""
        data = self._out.compress(f"z1 {text}\r\n".encode()) + self._out.flush(zlib.Z_SYNC_FLUSH)
        self._socket.sendall(data)
        said = b""
        while not re.search(rb"^z1 .*\r\n", said, re.M):
            received = self._socket.recv(65536)
            assert received, said
            said += self._in.decompress(received)
        return said.decode()


@dataclass(frozen=True)
class Reply:
    """A ManageSieve answer (RFC 5804)."""

    ok: bool
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class ManageSieve:
    """A ManageSieve client."""

    def __init__(self, suite: Suite, source: str = "") -> None:
        address = ("127.0.0.1", suite.port("sieve"))
        self._socket = socket.create_connection(address, 60, (source or somewhere(), 0))
        self._reader = self._socket.makefile("rb")
        self.greeting = self._answer()

    def __enter__(self) -> ManageSieve:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._socket.close()

    def starttls(self) -> None:
        assert self.command("STARTTLS").ok
        self._socket = network.unverified_tls().wrap_socket(self._socket)
        self._reader = self._socket.makefile("rb")
        self._answer()

    def login(self, address: str, password: str) -> Reply:
        token = base64.b64encode(f"\0{address}\0{password}".encode()).decode()
        return self.command(f'AUTHENTICATE "PLAIN" "{token}"')

    def activate(self, name: str, script: str) -> Reply:
        """Store a script and make it the active one; returns the first answer that is not OK."""
        body = script.encode()
        stored = self.command(f'PUTSCRIPT "{name}" {{{len(body)}+}}\r\n{script}')
        return self.command(f'SETACTIVE "{name}"') if stored.ok else stored

    def command(self, text: str) -> Reply:
        self._socket.sendall(text.encode() + b"\r\n")
        return self._answer()

    def _answer(self) -> Reply:
        lines: list[str] = []
        while True:
            line = self._reader.readline().decode()
            assert line, f"connection closed after {lines}"
            literal = re.search(r"\{(\d+)\}\r\n$", line)
            if literal:
                line = line[: literal.start()] + self._reader.read(int(literal[1])).decode() + "\r\n"
                self._reader.readline()
            lines.append(line.rstrip("\r\n"))
            if re.match(r"(OK|NO|BYE)\b", line):
                return Reply(line.startswith("OK"), tuple(lines))


def login_everywhere(suite: Suite, address: str, password: str) -> dict[str, bool]:
    """Return at which protocols the login works; all at the same time, since refusals are slow."""
    doors = {"imap": _imap_login, "pop3": _pop3_login, "sieve": _sieve_login, "submission": _smtp_login}
    with concurrent.futures.ThreadPoolExecutor(len(doors)) as pool:
        asked = {name: pool.submit(door, suite, address, password) for name, door in doors.items()}
        return {name: answer.result() for name, answer in asked.items()}


def _imap_login(suite: Suite, address: str, password: str) -> bool:
    try:
        with imap(suite, address, password):
            return True
    except imaplib.IMAP4.error:
        return False


def _pop3_login(suite: Suite, address: str, password: str) -> bool:
    client = pop3(suite)
    client.user(address)
    try:
        client.pass_(password)
    except poplib.error_proto:
        return False
    finally:
        client.close()
    return True


def _sieve_login(suite: Suite, address: str, password: str) -> bool:
    with ManageSieve(suite) as sieve:
        sieve.starttls()
        return sieve.login(address, password).ok


def _smtp_login(suite: Suite, address: str, password: str) -> bool:
    with submission(suite) as client:
        try:
            client.login(address, password)
        except smtplib.SMTPAuthenticationError:
            return False
        return True


def everywhere(answer: bool) -> dict[str, bool]:
    """Return what ``login_everywhere`` says when every protocol answers the same."""
    return dict.fromkeys(("imap", "pop3", "sieve", "submission"), answer)


@contextmanager
def submission(suite: Suite, address: str = "", password: str = "") -> Iterator[smtplib.SMTP]:
    """Give a connection to the submission port inside TLS; logged in when an address is given."""
    with smtplib.SMTP("127.0.0.1", suite.port("submission"), source_address=(somewhere(), 0)) as client:
        client.starttls(context=network.unverified_tls())
        client.ehlo("laptop.lan")
        if address:
            client.login(address, password)
        yield client


def submits(
    suite: Suite, login: tuple[str, str], message: EmailMessage, recipient: str, sender: str = ""
) -> tuple[int, str]:
    """Submit a message as a user; return the reply to it, or the first refusal before."""
    with submission(suite, *login) as client:
        for code, text in (client.mail(sender or login[0]), client.rcpt(recipient)):
            if code != 250:
                return code, text.decode()
        code, text = client.data(message.as_bytes(policy=email.policy.SMTP))
        return code, text.decode()


def old_tls() -> ssl.SSLContext:
    """A client that speaks TLS 1.1 and nothing newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options &= ~(ssl.OP_NO_TLSv1_1 | ssl.OP_NO_TLSv1)
    return context
