"""A simple bind, and nothing else of LDAP: a probe asks often, so it starts no process.

RFC 4511, sections 4.2 (bind) and 5.1 (encoding).
"""

from __future__ import annotations

from keryx.core import errors, network
from keryx.core.network import Endpoint

INTEGER, OCTETS, ENUMERATED, SEQUENCE = 0x02, 0x04, 0x0A, 0x30
BIND_REQUEST, BIND_RESPONSE, SIMPLE = 0x60, 0x61, 0x80
VERSION = 3


def result(endpoint: Endpoint, name: str, password: str) -> int:
    """Return the result code of a bind (RFC 4511, appendix A): 0 for success, 49 for a wrong password.

    Raises NotReady when no answer to a bind comes.
    """
    answer = network.exchange(endpoint, _request(name.encode(), password.encode()))
    # A sequence of the message's number and the answer, which begins with the result code.
    try:
        _, message = _content(answer, SEQUENCE)
        behind, _ = _content(message, INTEGER)
        _, response = _content(behind, BIND_RESPONSE)
        return int.from_bytes(_content(response, ENUMERATED)[1])
    except (IndexError, ValueError) as error:
        raise errors.NotReady(f"{endpoint} does not answer a bind: {answer[:60]!r}.") from error


def _request(name: bytes, password: bytes) -> bytes:
    bind = _element(INTEGER, bytes([VERSION])) + _element(OCTETS, name) + _element(SIMPLE, password)
    return _element(SEQUENCE, _element(INTEGER, b"\1") + _element(BIND_REQUEST, bind))


def _element(kind: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([kind, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([kind, 0x80 | len(length)]) + length + content


def _content(data: bytes, kind: int) -> tuple[bytes, bytes]:
    """Take an element of that kind off the data; return what is behind it, and its content."""
    if data[0] != kind:
        raise ValueError(data[0])
    size, begin = data[1], 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[2:begin])
    return data[begin + size :], data[begin : begin + size]
