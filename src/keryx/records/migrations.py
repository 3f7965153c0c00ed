"""The records' tables, brought up to date by Alembic's migrations.

``keryx up`` and the admin process run them at their start.

Each step of ``schema/versions`` is one revision, numbered; all that are missing are applied in one
transaction, under a lock of the database's, so that two processes never do it at once and a failure
leaves what was there. Alembic and SQLAlchemy are imported only when there is something to do.
Manual: https://alembic.sqlalchemy.org/
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import psycopg

from keryx.core import errors
from keryx.records.engine import connect, parameters, shown, translate, translated
from keryx.settings.site import DatabaseAccess, Site

FOLDER = Path(__file__).parent / "schema"
DATABASE = "keryx"
"""The records' own database, for ``site.database``."""
LOCK = 0x6B65727978
"""The number of our lock (pg_advisory_xact_lock): "keryx" in ASCII."""


def known() -> list[str]:
    """Return the revisions that this code knows, oldest first."""
    found = (re.fullmatch(r"r(\d{4})_\w+\.py", path.name) for path in (FOLDER / "versions").iterdir())
    return sorted(match[1] for match in found if match)


def present(access: DatabaseAccess) -> str:
    """Return the database's revision; empty when it has no tables yet."""
    with contextlib.closing(connect(access, autocommit=True)) as opened, translated(access):
        # Asked first: the server logs every statement that fails.
        there = opened.execute("SELECT to_regclass('alembic_version')").fetchone()
        if there is None or there[0] is None:
            return ""
        row = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def check(site: Site) -> None:
    """Raise Refused when a newer Keryx has changed the records, and KeryxError when they are older."""
    access = site.database("keryx")
    there = present(access)
    _refuse_newer(access, there)
    if there != known()[-1]:
        raise errors.KeryxError(
            f"The records in the database {shown(access)} are not up to date.", remedy="Run keryx up."
        )


def upgrade(site: Site) -> list[str]:
    """Apply what is missing; return what was done, as phrases. Quick when there is nothing to do.

    Raises Refused when the records are of a newer Keryx, Unreachable when the database is away.
    """
    access = site.database("keryx")
    there = present(access)
    _refuse_newer(access, there)
    if there == known()[-1]:
        return []
    _apply(access)
    return ["the tables of the records" if not there else f"the tables of the records anew ({known()[-1]})"]


def _refuse_newer(access: DatabaseAccess, there: str) -> None:
    if there and there not in known():
        raise errors.Refused(
            f"The records in the database {shown(access)} are of a newer Keryx (revision {there}; this one "
            f"knows them up to {known()[-1]}).",
            remedy="Install that version again, or restore a backup from before the upgrade.",
        )


def _apply(access: DatabaseAccess) -> None:
    import alembic.command
    import alembic.config
    import sqlalchemy
    import sqlalchemy.exc

    config = alembic.config.Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(**{**parameters(access), "options": "-c lock_timeout=60s"}),
        poolclass=sqlalchemy.NullPool,
    )
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise translate(access, error.orig) from error
        raise
