"""Dumps: all that a database keeps as one file, written whole or not at all, loaded whole or not at all.

A dump is written beside its place and renamed when its last line is on disk. It is loaded where there
are no data yet, at a start: a mark beside the data says that this has begun, until it is done. So a
start that finds the mark begins anew, whatever an interrupted one has left.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from keryx.core import errors, files

log = logging.getLogger(__name__)

TAIL = 4096
"""Bytes at the end of a file in which its last line is looked for."""


@dataclass(frozen=True)
class Dump:
    """A component's dump and what is known of its loading."""

    component: str
    path: Path
    last_line: str
    """What a whole one ends with, but for empty lines and comment signs."""
    mark: Path
    """In the folder of the data: there from the beginning of the loading to its end."""

    @property
    def part(self) -> Path:
        """Where it is written."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def begun(self) -> bool:
        """Whether a loading was begun and not ended."""
        return self.mark.exists()

    def write(self, tool: Callable[[Path], None]) -> None:
        """Let the tool write to the path that it is given, and put that in place; it holds passwords.

        Raises Refused while another one is being written.
        """
        files.make_directory(files.Directory(self.path.parent, 0o700))
        with _alone(self.path.parent):
            os.close(os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            try:
                tool(self.part)
                _check(self.part, self.last_line)
                files.sync(self.part)
                self.part.rename(self.path)
            except Exception:
                self.part.unlink(missing_ok=True)
                raise
            files.sync(self.path.parent)

    def find(self) -> Path | None:
        """Return the dump to be loaded where there are no data; None where there is none.

        Raises Refused when one is there that is not whole, or when a loading was broken off and its
        dump is gone.
        """
        if self.path.exists():
            _check(self.path, self.last_line)
            return self.path
        if self.part.exists():
            raise errors.Refused(
                f"{self.component} has no data, and {self.part} is a dump that was broken off.",
                remedy="Put a whole dump in its place, or remove it to start with nothing.",
            )
        if self.begun:
            raise errors.Refused(
                f"The restore of {self.component} was broken off, and its dump {self.path} is gone.",
                remedy=f"Bring the dump back, or remove {self.mark} to start with nothing.",
            )
        return None

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """Load it in this block, after the removal of what an earlier try has left."""
        made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self.path.stat().st_mtime))
        log.warning("%s has no data: it is restored from %s, written %s.", self.component, self.path, made)
        files.write(self.mark, f"{self.path}\n")
        files.sync(self.mark.parent)
        yield
        self.loaded()
        log.warning("%s is restored.", self.component)

    def loaded(self) -> None:
        """Forget that a loading was begun: the data are whole."""
        if self.begun:
            self.mark.unlink()
            files.sync(self.mark.parent)


def _check(path: Path, last_line: str) -> None:
    """Raise Refused unless the file ends as a whole one does."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        lines = [line.strip(b"-# \r") for line in file.read().split(b"\n")]
    said = [line for line in lines if line]
    if not said or said[-1].decode(errors="replace") != last_line:
        raise errors.Refused(
            f'{path} is not a whole dump: its last line is not "{last_line}".',
            remedy="Take another one, or remove it to start with nothing.",
        )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise errors.Refused("Another dump is being written.", remedy="Wait for its end.") from error
        yield
    finally:
        os.close(handle)
