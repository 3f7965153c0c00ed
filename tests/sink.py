"""Somebody else's mail server, for tests: takes mail at an address of its own and keeps it."""

from __future__ import annotations

import base64
import email
import email.message
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.running import wait_for


@dataclass(frozen=True)
class Received:
    """A message with its envelope and the circumstances under which it came."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    login: str
    tls: bool

    @property
    def message(self) -> email.message.Message:
        """The message, parsed."""
        return email.message_from_bytes(self.content)


@dataclass
class Sink:
    """What the server does and what it got."""

    host: str
    port: int = 25
    tls: ssl.SSLContext | None = None
    wrapper: bool = False
    """TLS from the first byte on."""
    logins: dict[str, str] = field(default_factory=dict)
    """Names and passwords; mail without a login is then refused."""
    refusal: str = ""
    """Answer to RCPT instead of 250."""
    refuses: tuple[str, ...] = ()
    """Recipients that get the refusal; empty for all."""
    got: list[Received] = field(default_factory=list)

    def wait(self, subject: str, timeout: float = 30) -> Received:
        """Return the message with this subject, waiting until it came."""

        def look() -> Received | None:
            return next((found for found in self.got if found.message["Subject"] == subject), None)

        found = wait_for(look, f"{subject!r} at {self.host}", timeout)
        assert found is not None
        return found


class _Session(socketserver.StreamRequestHandler):
    """One SMTP session (RFC 5321), as much of it as Postfix's client uses."""

    sender: str
    recipients: list[str]

    def handle(self) -> None:
        self.sink: Sink = self.server.sink  # type: ignore[attr-defined]
        self.secure, self.login = False, ""
        if self.sink.wrapper:
            self._secure()
        self._forget()
        self._say("220 sink.ext.test ESMTP")
        while line := self.rfile.readline(2000).decode(errors="replace").strip():
            if not self._answer(line):
                return

    def finish(self) -> None:
        super().finish()
        self.rfile.close()
        self.connection.close()

    def _answer(self, line: str) -> bool:
        verb = line.split(" ", 1)[0].upper()
        if verb == "EHLO":
            extras = ["STARTTLS"] if self.sink.tls and not self.secure else []
            extras += ["AUTH PLAIN"] if self.sink.logins else []
            words = ["sink.ext.test", *extras, "8BITMIME"]
            for word in words[:-1]:
                self._say(f"250-{word}")
            self._say(f"250 {words[-1]}")
        elif verb == "STARTTLS" and self.sink.tls:
            self._say("220 go ahead")
            self._secure()
        elif verb == "AUTH":
            _, name, password = base64.b64decode(line.split()[2]).decode().split("\0")
            good = self.sink.logins.get(name) == password
            self.login = name if good else ""
            self._say("235 welcome" if good else "535 5.7.8 no")
        elif verb == "MAIL":
            self.sender = line.split("<", 1)[1].split(">", 1)[0]
            allowed = self.login or not self.sink.logins
            self._say("250 ok" if allowed else "530 5.7.0 login first")
        elif verb == "RCPT":
            recipient = line.split("<", 1)[1].split(">", 1)[0]
            refused = self.sink.refusal and recipient in (self.sink.refuses or (recipient,))
            if not refused:
                self.recipients.append(recipient)
            self._say(self.sink.refusal if refused else "250 ok")
        elif verb == "DATA":
            self._say("354 go ahead")
            self._data()
        elif verb == "RSET":
            self._forget()
            self._say("250 ok")
        else:
            self._say("221 bye" if verb == "QUIT" else "502 no")
            return verb != "QUIT"
        return True

    def _data(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            assert line
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        content = b"".join(lines)
        self.sink.got.append(Received(self.sender, tuple(self.recipients), content, self.login, self.secure))
        self._forget()
        self._say("250 ok")

    def _forget(self) -> None:
        self.sender, self.recipients = "", []

    def _secure(self) -> None:
        assert self.sink.tls is not None
        self.connection = self.sink.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.secure = True

    def _say(self, text: str) -> None:
        self.connection.sendall(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        super().__init__((sink.host, sink.port), _Session)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def serving(sink: Sink) -> Iterator[Sink]:
    """Run the server for the time of the block."""
    with _Server(sink) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
