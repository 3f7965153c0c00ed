"""A milter client: hands one message to the filter as Postfix would and tells what it decided.

Protocol version 6, as spoken by Postfix (src/milter/milter8.c) and sendmail's libmilter: packets
of a four-byte length, a command byte and data; the filter answers after the end of the message.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Verdict:
    """The filter's answer."""

    action: str = ""
    """``accept``, ``continue``, ``reject``, ``tempfail``, ``discard`` or ``reply``."""
    reply: str = ""
    """The SMTP reply, when the filter worded one."""
    added: list[tuple[str, str]] = field(default_factory=list)
    """Header fields added, in order."""
    inserted: list[tuple[int, str, str]] = field(default_factory=list)
    """Header fields inserted, with their position."""
    changed: list[tuple[int, str, str]] = field(default_factory=list)
    """Header fields changed; an empty value means removed."""

    def headers(self, name: str) -> list[str]:
        """Return the values of the new fields of that name."""
        every = [*((n, v) for _, n, v in self.inserted), *self.added, *((n, v) for _, n, v in self.changed)]
        return [value for given, value in every if value and given.lower() == name.lower()]

    def apply(self, message: bytes) -> bytes:
        """Return the message as the MTA would pass it on."""
        head, _, body = message.partition(b"\r\n\r\n")
        fields = _fields(head)
        for index, name, value in self.changed:
            places = [i for i, (n, _) in enumerate(fields) if n.lower() == name.lower()]
            if index > len(places):
                # Postfix adds a field that it was told to change and does not find.
                fields += [(name, " " + value)] if value else []
            elif value:
                fields[places[index - 1]] = (name, " " + value)
            else:
                del fields[places[index - 1]]
        for index, name, value in self.inserted:
            fields.insert(index, (name, " " + value))
        fields += [(name, " " + value) for name, value in self.added]
        text = b"".join(
            f"{n}:{v}".replace("\r\n", "\n").replace("\n", "\r\n").encode() + b"\r\n" for n, v in fields
        )
        return text + b"\r\n" + body


def _fields(head: bytes) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in head.decode("utf-8", "surrogateescape").split("\r\n"):
        if line[:1] in " \t" and found:
            found[-1] = (found[-1][0], found[-1][1] + "\r\n" + line)
        else:
            name, _, value = line.partition(":")
            found.append((name, value))
    return found


ENDS = {b"a": "accept", b"c": "continue", b"r": "reject", b"t": "tempfail", b"d": "discard"}


class Session:
    """One connection to the filter, packet by packet."""

    def __init__(self, path: Path) -> None:
        self.stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.stream.settimeout(60)
        self.stream.connect(str(path))
        self.reader = self.stream.makefile("rb")

    def send(self, command: bytes, data: bytes = b"") -> None:
        self.stream.sendall(struct.pack("!I", len(data) + 1) + command + data)

    def macros(self, command: bytes, values: Mapping[str, str]) -> None:
        self.send(b"D", command + _strings(word for pair in values.items() for word in pair))

    def receive(self) -> tuple[bytes, bytes]:
        length = self.reader.read(4)
        if len(length) < 4:
            raise EOFError("the filter closed the connection")
        packet = self.reader.read(struct.unpack("!I", length)[0])
        return packet[:1], packet[1:]

    def close(self) -> None:
        self.reader.close()
        self.stream.close()


def _strings(words: Iterable[str]) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


def scan(
    path: Path,
    message: bytes | str,
    *,
    sender: str = "someone@remote.example",
    recipients: Sequence[str] = ("alice@example.org",),
    client: str = "192.0.2.55",
    helo: str = "mx.remote.example",
    login: str = "",
    queue_id: str = "4ABCDEF",
    door: str = "mail.example.org",
) -> Verdict:
    """Hand the message to the filter at ``path``; raises EOFError when it hangs up.

    ``door`` is what the MTA calls the service by which it came ({daemon_name}).
    """
    raw = message.encode() if isinstance(message, str) else message
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    session = Session(path)
    try:
        session.send(b"O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF & ~0))
        session.receive()
        session.macros(b"C", {"j": "mail.example.org", "{daemon_name}": door, "v": "Postfix"})
        family = b"6" if ":" in client else b"4"
        session.send(b"C", helo.encode() + b"\0" + family + struct.pack("!H", 2525) + client.encode() + b"\0")
        session.send(b"H", helo.encode() + b"\0")
        session.macros(b"M", {"{mail_addr}": sender, **({"{auth_authen}": login} if login else {})})
        session.send(b"M", f"<{sender}>".encode() + b"\0")
        for recipient in recipients:
            session.macros(b"R", {"{rcpt_addr}": recipient})
            session.send(b"R", f"<{recipient}>".encode() + b"\0")
        session.macros(b"T", {"i": queue_id})
        session.send(b"T")
        for name, value in _fields(head):
            session.send(b"L", _strings((name, value.replace("\r\n", "\n").lstrip(" "))))
        session.send(b"N")
        for start in range(0, len(body), 65535):
            session.send(b"B", body[start : start + 65535])
        session.macros(b"E", {"i": queue_id})
        session.send(b"E")
        return _verdict(session)
    finally:
        session.close()


def _verdict(session: Session) -> Verdict:
    verdict = Verdict()
    while True:
        command, data = session.receive()
        if command == b"h":
            name, value, *_ = data.decode().split("\0")
            verdict.added.append((name, value))
        elif command in (b"i", b"m"):
            index = struct.unpack("!I", data[:4])[0]
            name, value, *_ = data[4:].decode().split("\0")
            (verdict.inserted if command == b"i" else verdict.changed).append((index, name, value))
        elif command == b"y":
            verdict.action, verdict.reply = "reply", data.rstrip(b"\0").decode()
            return verdict
        elif command in ENDS:
            verdict.action = ENDS[command]
            return verdict
