"""The smallest FastCGI client: one request, one answer, as the gateway asks it.

Enough to ask a pool whether it answers, without the gateway in between.
Specification: https://fastcgi-archives.github.io/FastCGI_Specification.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from keryx.core import errors, network
from keryx.core.network import Endpoint

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
RESPONDER = 1
LONGEST = 65535
HEADER = struct.Struct(">BBHHBx")
"""Version, type, request, length of the content, length of the padding."""


@dataclass(frozen=True)
class Answer:
    """What the application said."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order sent; Set-Cookie may stand there several times."""
    body: bytes
    complaints: str
    """What it wrote to its standard error."""


def ask(
    endpoint: Endpoint, parameters: Mapping[str, str], body: bytes = b"", *, timeout: float = 5
) -> Answer:
    """Send one request and return the answer; raises NotReady when there is none.

    ``parameters`` are CGI's variables (RFC 3875) and whatever the gateway adds.
    """
    stream = network.connect(endpoint, timeout=timeout)
    try:
        stream.sendall(_request(parameters, body))
        with stream.makefile("rb") as reader:
            out, complaints = _collect(_records(reader.read))
    except OSError as error:
        raise errors.NotReady(f"{endpoint} does not answer: {error}.") from error
    finally:
        stream.close()
    return _answer(endpoint, out, complaints)


def _request(parameters: Mapping[str, str], body: bytes) -> bytes:
    pairs = b"".join(_pair(name.encode(), value.encode()) for name, value in parameters.items())
    begin = struct.pack(">HB5x", RESPONDER, 0)
    return _record(BEGIN_REQUEST, begin) + _stream(PARAMS, pairs) + _stream(STDIN, body)


def _stream(kind: int, content: bytes) -> bytes:
    """Return the content in records, ended by an empty one."""
    parts = [content[at : at + LONGEST] for at in range(0, len(content), LONGEST)]
    return b"".join(_record(kind, part) for part in [*parts, b""])


def _record(kind: int, content: bytes) -> bytes:
    return HEADER.pack(1, kind, 1, len(content), 0) + content


def _pair(name: bytes, value: bytes) -> bytes:
    return _length(name) + _length(value) + name + value


def _length(text: bytes) -> bytes:
    """A length takes one byte, or four with the highest bit set."""
    return bytes([len(text)]) if len(text) < 128 else struct.pack(">I", len(text) | 1 << 31)


def _records(read: Callable[[int], bytes]) -> Iterator[tuple[int, bytes]]:
    while True:
        header = read(HEADER.size)
        if len(header) < HEADER.size:
            raise OSError("it closed the connection")
        _, kind, _, length, padding = HEADER.unpack(header)
        content = read(length + padding)[:length]
        yield kind, content
        if kind == END_REQUEST:
            return


def _collect(records: Iterator[tuple[int, bytes]]) -> tuple[bytes, bytes]:
    parts: dict[int, list[bytes]] = {STDOUT: [], STDERR: []}
    for kind, content in records:
        parts.setdefault(kind, []).append(content)
    return b"".join(parts[STDOUT]), b"".join(parts[STDERR])


def _answer(endpoint: Endpoint, out: bytes, complaints: bytes) -> Answer:
    head, blank, body = out.partition(b"\r\n\r\n")
    if not blank:
        raise errors.NotReady(f"{endpoint} answers {out[:60]!r}, which has no end of headers.")
    headers = []
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    status = dict(headers).get("status", "200 OK").split(" ", 1)[0]
    return Answer(int(status), tuple(headers), body, complaints.decode(errors="replace"))
