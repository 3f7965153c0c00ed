"""A real message through the whole suite: submission, filter, delivery, IMAP, DKIM.

What a user does, done by the suite itself; each step that fails raises KeryxError naming it.
Standards: RFC 6409 (submission), RFC 9051 (IMAP), RFC 6376 and RFC 8463 (DKIM).
"""

from __future__ import annotations

import email.message
import email.policy
import email.utils
import imaplib
import smtplib
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import dkim

from keryx.core import errors, network
from keryx.settings.site import Site


@dataclass(frozen=True)
class Login:
    """Who sends and reads the message."""

    address: str
    password: str


def send(site: Site, login: Login, token: str) -> str:
    """Submit a message from the account to itself; return its Message-ID.

    Raises KeryxError saying which step of the submission failed and what the server said.
    """
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = message["To"] = login.address
    message["Subject"] = f"Keryx doctor {token}"
    message["Date"] = email.utils.localtime()
    message_id = f"<{token}@{site.settings.host}>"
    message["Message-ID"] = message_id
    message.set_content("This message went through submission, filter and delivery. It may be deleted.\n")
    endpoint = site.inside("submission")
    try:
        with smtplib.SMTP(endpoint.host, endpoint.port, timeout=60) as client:
            client.starttls(context=network.unverified_tls())
            client.login(login.address, login.password)
            client.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise errors.KeryxError(
            f"Submission at {endpoint} failed: {_said(error)}.",
            remedy="Look at keryx logs postfix and keryx logs rspamd.",
        ) from error
    return message_id


def read_back(site: Site, login: Login, message_id: str, *, timeout: float = 60) -> bytes:
    """Wait for the message in any folder, fetch and delete it; return it whole.

    Raises KeryxError when it has not arrived after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    with imap(site, login) as client:
        while True:
            for folder in ("INBOX", "Junk"):
                if (found := _take(client, folder, message_id)) is not None:
                    return found
            if time.monotonic() > deadline:
                raise errors.KeryxError(
                    f"The message was accepted and is not in the mailbox after {timeout:g} s.",
                    remedy="Look at keryx queue list and keryx logs postfix.",
                )
            time.sleep(0.2)


@contextmanager
def imap(site: Site, login: Login) -> Iterator[imaplib.IMAP4]:
    """Give an authenticated IMAP connection; raises KeryxError when there is none to be had."""
    endpoint = site.inside("imap")
    try:
        client = imaplib.IMAP4(endpoint.host, endpoint.port, timeout=30)
        client.starttls(ssl_context=network.unverified_tls())
        client.login(login.address, login.password)
    except (OSError, imaplib.IMAP4.error, ssl.SSLError) as error:
        raise errors.KeryxError(
            f"IMAP login at {endpoint} failed: {_said(error)}.", remedy="Look at keryx logs dovecot."
        ) from error
    try:
        yield client
    except (OSError, imaplib.IMAP4.error) as error:
        raise errors.KeryxError(
            f"IMAP at {endpoint} failed: {_said(error)}.", remedy="Look at keryx logs dovecot."
        ) from error
    finally:
        client.shutdown()


def verify_signatures(message: bytes, keys: Mapping[str, str]) -> tuple[int, int]:
    """Verify every DKIM signature of the message against the given TXT records.

    ``keys`` maps ``selector._domainkey.domain`` to the record's text: what is signed with,
    whether or not it is published yet. Returns how many of how many signatures are good.
    """
    count = len(email.message_from_bytes(message).get_all("DKIM-Signature", []))

    def look_up(name: bytes, timeout: float = 5) -> bytes:
        return keys.get(name.decode().rstrip("."), "").encode()

    good = 0
    for index in range(count):
        try:
            good += dkim.DKIM(message).verify(index, dnsfunc=look_up)
        except dkim.DKIMException:
            continue
    return good, count


def _take(client: imaplib.IMAP4, folder: str, message_id: str) -> bytes | None:
    client.select(folder)
    _, found = client.search(None, "HEADER", "Message-ID", message_id)
    numbers = found[0].split() if found and found[0] else []
    if not numbers:
        return None
    _, fetched = client.fetch(numbers[0].decode(), "(BODY.PEEK[])")
    client.store(numbers[0].decode(), "+FLAGS", "\\Deleted")
    client.expunge()
    part = fetched[0]
    return part[1] if isinstance(part, tuple) else None


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return f"{code} {text.decode(errors='replace')}"
    return str(error)
