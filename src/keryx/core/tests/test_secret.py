"""Secrets: made once, whoever asks first."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from keryx.core import errors
from keryx.core.secret import SecretStore, read


def _made(folder: Path) -> list[str]:
    store = SecretStore(folder)
    return [str.__str__(store.get(f"password-{number}")) for number in range(100)]


def test_processes_that_start_together_agree_on_every_secret(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        seen = list(pool.map(_made, [tmp_path / "secrets"] * 4))
    assert seen[1:] == seen[:1] * 3
    kept = sorted((tmp_path / "secrets").iterdir())
    assert len(kept) == 100, "and leave nothing else behind"
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file or directory"),
        (b"", "is empty"),
        ("p\xe4ssword".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_what_is_no_secret_is_refused_with_the_reason(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.BadInput, match=sentence) as caught:
        read(path)
    assert str(path) in caught.value.sentence
