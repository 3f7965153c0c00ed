"""How use cases reach the directory, and what they give back."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass

from keryx.directory import repositories
from keryx.directory.repositories import Directory
from keryx.settings.site import Site

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
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
