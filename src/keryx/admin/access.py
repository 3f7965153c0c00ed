"""How use cases reach the directory, and what they give back."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from keryx.core import errors
from keryx.directory import repositories
from keryx.directory.repositories import Directory
from keryx.settings.site import Site

PATIENCE = 60.0
"""Seconds to wait for somebody else's change."""
LOCK_FLAGS = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Outcome:
    """What a use case did, or with ``dry_run`` would do."""

    changed: bool
    sentences: tuple[str, ...]
    """For people; the first says the main thing."""


@contextlib.contextmanager
def reading(site: Site) -> Iterator[Directory]:
    """Open the directory to look things up."""
    with repositories.connect(site) as directory:
        yield directory


@contextlib.contextmanager
def writing(site: Site) -> Iterator[Directory]:
    """Open the directory to change it. One at a time: what a rule has looked at stays so."""
    with repositories.connect(site, write=True) as directory, lock(site):
        yield directory


@contextlib.contextmanager
def lock(site: Site) -> Iterator[None]:
    """Keep other commands of this home, and the web process, from changing the directory."""
    site.paths.directory_lock.parent.mkdir(parents=True, exist_ok=True)
    # Made by whoever of root's comes first; the web process only opens it. No link is followed.
    handle = os.open(site.paths.directory_lock, LOCK_FLAGS, 0o600)
    try:
        _wait(handle)
        yield
    finally:
        os.close(handle)


def _wait(handle: int) -> None:
    """Take the lock; raises Unreachable when somebody keeps it for longer than PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.001
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise errors.Unreachable(
                    f"Somebody else has been changing the directory for more than {PATIENCE:g} s.",
                    remedy="Try again when that is done: a large removal or import takes a while.",
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
