"""Files that Keryx makes: described as data, written whole or not at all.

A file is written beside its place, given its mode and owner, flushed to disk and renamed, so
that a reader never meets half of one; an equal file is left untouched.
"""

from __future__ import annotations

import difflib
import grp
import hashlib
import os
import pwd
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from keryx.core import errors


@dataclass(frozen=True)
class File:
    """A file as it should be. ``content`` is text in UTF-8."""

    path: Path
    content: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    secret: bool = False
    """Whether the content must be left out of diffs and of ``keryx render`` listings."""

    @property
    def digest(self) -> str:
        """Hash over content, mode and owner: what a daemon last started with is judged by it."""
        return digest(f"{self.mode:o} {self.owner}:{self.group}\n{self.content}".encode())


@dataclass(frozen=True)
class Directory:
    """A directory as it should be."""

    path: Path
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Change:
    """A file that differs from what should be there, and how."""

    path: Path
    kind: str
    """``added``, ``changed`` or ``removed``."""
    diff: str


def digest(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def identifiers(owner: str, group: str) -> tuple[int, int]:
    """Return the numeric user and group; raises KeryxError when one is unknown.

    Who is not root can give nothing away and keeps what he makes: a container that starts as its
    daemon's user, alone in its home. The group is the wanted one where he belongs to it.
    """
    try:
        uid, gid = pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise errors.KeryxError(
            f"The system user {owner} or group {group} does not exist.",
            remedy="Install the packages first: keryx up does it.",
        ) from error
    if os.geteuid() == 0:
        return uid, gid
    return os.geteuid(), gid if gid in os.getgroups() else os.getegid()


def make_directory(directory: Directory) -> None:
    """Create the directory with its parents, or give an existing one its mode and owner."""
    uid, gid = identifiers(directory.owner, directory.group)
    directory.path.mkdir(parents=True, exist_ok=True)
    state = directory.path.stat()
    if os.geteuid() not in (0, state.st_uid):
        return  # the folder of a volume, which stays as the cluster has made it
    if (state.st_uid, state.st_gid) != (uid, gid):
        os.chown(directory.path, uid, gid)
    if state.st_mode & 0o7777 != directory.mode:
        directory.path.chmod(directory.mode)


def write(
    path: Path, content: str | bytes, *, mode: int = 0o644, owner: str = "root", group: str = "root"
) -> bool:
    """Write one file atomically; return whether anything had to change."""
    data = content.encode() if isinstance(content, str) else content
    uid, gid = identifiers(owner, group)
    try:
        state = path.stat()
        same = (
            (state.st_mode & 0o7777, state.st_uid, state.st_gid) == (mode, uid, gid)
            and state.st_size == len(data)
            and path.read_bytes() == data
        )
    except FileNotFoundError:
        same = False
    if same:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            os.fchown(stream.fileno(), uid, gid)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def sync(path: Path) -> None:
    """Let the disk have a file, or the names in a folder, before this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def install(file: File) -> bool:
    """Write a described file; return whether anything had to change."""
    return write(file.path, file.content, mode=file.mode, owner=file.owner, group=file.group)


def compare(wanted: Iterable[File], present: Iterable[Path] = ()) -> list[Change]:
    """Return what installing ``wanted`` would change, and which of ``present`` it leaves behind."""
    changes = []
    paths = set()
    for file in wanted:
        paths.add(file.path)
        before = file.path.read_text(errors="replace") if file.path.exists() else None
        if before == file.content:
            continue
        diff = "(a secret; not shown)" if file.secret else _diff(file.path, before, file.content)
        changes.append(Change(file.path, "added" if before is None else "changed", diff))
    for path in sorted(set(present) - paths):
        changes.append(Change(path, "removed", ""))
    return changes


def _diff(path: Path, before: str | None, after: str) -> str:
    lines = difflib.unified_diff(
        (before or "").splitlines(),
        after.splitlines(),
        fromfile=f"{path} (now)",
        tofile=f"{path} (new)",
        lineterm="",
        n=1,
    )
    return "\n".join(lines)
