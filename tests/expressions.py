"""Rspamd's compiled expressions, handed on from one home of the tests to the next.

At its first start in a home Rspamd compiles what its rules look for: ten seconds of a processor. It keeps
that beside its data, in files whose names are hashes of what was compiled, and its next start reads them.
So the first Rspamd of a test session compiles, and later homes are as those in which one ran before.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from pathlib import Path

SUFFIXES = (".hs", ".hsmp", ".hsmc")


def give(home: Path) -> None:
    """Put what earlier homes had compiled into a home before its Rspamd starts."""
    folder = _folder(home)
    if kept := list(_kept().iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        _copy(kept, folder)


def take(home: Path) -> None:
    """Keep what a home's Rspamd has compiled."""
    if _folder(home).exists():
        _copy([path for path in _folder(home).iterdir() if path.suffix in SUFFIXES], _kept())


def _folder(home: Path) -> Path:
    return home / "data/rspamd"


@functools.cache
def _kept() -> Path:
    folder = tempfile.mkdtemp(prefix="keryx-expressions-", dir="/tmp")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


def _copy(paths: list[Path], folder: Path) -> None:
    for path in paths:
        if (folder / path.name).exists():
            continue
        # Rspamd removes what is of no use to it any more.
        with contextlib.suppress(FileNotFoundError):
            owner = path.stat()
            fresh = folder / f"{path.name}.new"
            shutil.copy2(path, fresh)
            os.chown(fresh, owner.st_uid, owner.st_gid)
            fresh.rename(folder / path.name)
