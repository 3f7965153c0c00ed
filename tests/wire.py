"""SMTP said byte by byte: what a library would not say, and what it would not show."""

from __future__ import annotations

import email.policy
import socket
import uuid
from email.message import EmailMessage
from types import TracebackType

from tests.running import Suite


class Wire:
    """A plain connection to an SMTP port."""

    def __init__(self, port: int, *, source: str = "127.0.0.1", header: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20, (source, 0))
        self._reader = self.socket.makefile("rb")
        if header:
            self.socket.sendall(header)
        self.greeting = self.reply()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()
        self.socket.close()

    def reply(self) -> str:
        """Return one reply, continuation lines joined; empty at the end of the connection."""
        lines = []
        while line := self._reader.readline().decode(errors="replace").rstrip("\r\n"):
            lines.append(line)
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    def say(self, command: str | bytes) -> str:
        """Send a line and return the reply."""
        data = command.encode() if isinstance(command, str) else command
        self.socket.sendall(data + b"\r\n")
        return self.reply()

    def envelope(self, sender: str, *recipients: str) -> list[str]:
        """Begin a message; return the replies to MAIL and to each RCPT."""
        self.say("EHLO client.ext.test")
        return [self.say(f"MAIL FROM:<{sender}>"), *(self.say(f"RCPT TO:<{to}>") for to in recipients)]

    def data(self, content: bytes) -> str:
        """Send DATA with raw content, which must bring its own end; return the reply to it."""
        assert self.say("DATA").startswith("354")
        self.socket.sendall(content)
        return self.reply()


def stranger() -> str:
    """Return a sender nobody has seen: Postfix remembers for 30 s what became of the last one."""
    return f"{uuid.uuid4().hex[:12]}@ext.test"


def rcpt(suite: Suite, recipient: str) -> str:
    """Return the reply to RCPT from another server."""
    with Wire(suite.port("smtp")) as wire:
        return wire.envelope(stranger(), recipient)[1]


def send(suite: Suite, message: EmailMessage, *recipients: str) -> str:
    """Send a message from another server; return the first reply that is not 250, or the last one."""
    with Wire(suite.port("smtp")) as wire:
        for reply in wire.envelope(stranger(), *recipients):
            if not reply.startswith("250"):
                return reply
        return wire.data(message.as_bytes(policy=email.policy.SMTP) + b"\r\n.\r\n")
