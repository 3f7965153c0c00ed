"""Roundcube's tables: made once, brought up to date when the package is newer.

The package's own SQL is taken (``/usr/share/roundcube/SQL``): ``postgres.initial.sql`` for an empty
database, then one file per change, named by its date. Which the database has is in its table
``system``. Each change and the note of it are one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from keryx.components.roundcube.commands import Database
from keryx.core import errors

VERSION = "SELECT value FROM system WHERE name = 'roundcube-version'"


def ensure(database: Database, folder: Path) -> None:
    """Bring the tables to what the installed Roundcube expects; raises Unreachable or KeryxError."""
    if database.query("SELECT to_regclass('public.system')") == "":
        database.execute([folder / "postgres.initial.sql"])
    present = database.query(VERSION)
    if not present.isdigit():
        raise errors.KeryxError(
            f"The database {database.access.name} has tables, but not Roundcube's: no version is noted.",
            remedy="Give Roundcube an empty database of its own.",
        )
    for change in newer((folder / "postgres").glob("*.sql"), int(present)):
        database.execute([change], noted(change))


def newer(files: Iterable[Path], present: int) -> Sequence[Path]:
    """Return the changes that come after a version, oldest first."""
    dated = [path for path in files if path.stem.isdigit() and int(path.stem) > present]
    return sorted(dated, key=lambda path: int(path.stem))


def noted(change: Path) -> str:
    """Return the statement that notes a change."""
    version = int(change.stem)
    return f"UPDATE system SET value = '{version}' WHERE name = 'roundcube-version'"  # noqa: S608  (a number)
