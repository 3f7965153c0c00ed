"""A simple bind by hand: lengths, refusals, servers that are none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keryx.components.openldap import bind
from keryx.core import errors
from keryx.core.network import Endpoint


@contextmanager
def serving(path: Path, answer: bytes) -> Iterator[Callable[[], bytes]]:
    """Give one answer; what was asked can be had afterwards."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            stream, _ = listener.accept()
            with stream:
                asked.append(stream.recv(65536))
                stream.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield lambda: asked[0]
        thread.join()


def answer(code: int) -> bytes:
    """Return a bind response (RFC 4511, section 4.2.2)."""
    return bytes.fromhex("300c02010161070a01") + bytes([code]) + bytes.fromhex("04000400")


@pytest.mark.parametrize("code", [0, 49])
def test_the_result_code_is_told(tmp_path: Path, code: int) -> None:
    with serving(tmp_path / "s", answer(code)) as asked:
        assert bind.result(Endpoint(tmp_path / "s"), "cn=r", "pw") == code
    assert asked() == bytes.fromhex("3012020101600d020103") + b"\x04\x04cn=r\x80\x02pw"


def test_long_names_have_long_lengths(tmp_path: Path) -> None:
    with serving(tmp_path / "s", answer(0)) as asked:
        bind.result(Endpoint(tmp_path / "s"), "x" * 300, "pw")
    assert asked().startswith(bytes.fromhex("3082013e0201016082013702010304" + "82012c"))
    assert len(asked()) == 4 + 0x13E


@pytest.mark.parametrize("said", [b"HTTP/1.0 400 Bad Request\r\n\r\n", b"0", b""])
def test_what_is_no_answer_is_told(tmp_path: Path, said: bytes) -> None:
    refusal = pytest.raises(errors.NotReady, match="does not answer a bind")
    with serving(tmp_path / "s", said), refusal:
        bind.result(Endpoint(tmp_path / "s"), "cn=r", "pw")
