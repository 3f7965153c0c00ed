"""The database's dump: SQL of all databases and roles, written beside a running server, loaded into a
cluster that initdb has just made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

from keryx.components.postgresql import commands
from keryx.core import files
from keryx.core.dump import Dump
from keryx.core.files import Directory
from keryx.settings.site import Site

LAST_LINE = "PostgreSQL database cluster dump complete"
"""pg_dumpall's own."""
KNOWN = b"CREATE ROLE postgres;"
"""What every dump has, and what every cluster has already."""


def of(site: Site) -> Dump:
    """Return where the dump is, and how a whole one is told."""
    mark = site.paths.data("postgresql") / "restoring"
    return Dump("postgresql", site.paths.dumps / "postgresql.sql", LAST_LINE, mark)


def load(programs: Path, cluster: Path, socket: Path, script: Path, password: str | None) -> None:
    """Load a dump into a fresh cluster; with a password, that of the superuser."""
    shutil.rmtree(socket, ignore_errors=True)
    files.make_directory(Directory(socket, 0o700, commands.OWNER, commands.OWNER))
    commands.start_privately(programs, cluster, socket)
    try:
        # Unbuffered: psql reads on from where the beginning ends.
        with script.open("rb", buffering=0) as file:
            beginning = socket / "beginning.sql"
            files.write(beginning, _beginning(file), mode=0o600, owner=commands.OWNER)
            commands.load(programs, socket, beginning, file)
        if password is not None:
            commands.set_password(programs, socket, password)
    finally:
        commands.stop(programs, cluster)
    shutil.rmtree(socket)


def _beginning(file: BinaryIO) -> bytes:
    """Read up to the role that is there already; return what comes before it.

    Without such a line before the first database, nothing is read.
    """
    lines: list[bytes] = []
    for line in iter(file.readline, b""):
        if line.rstrip() == KNOWN:
            return b"".join(lines)
        if line.startswith(b"\\connect"):
            break
        lines.append(line)
    file.seek(0)
    return b""
