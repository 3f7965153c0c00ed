"""How a database server is: its version, how full it is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from keryx.records.engine import connect, translated
from keryx.settings.site import DatabaseAccess


@dataclass(frozen=True)
class Condition:
    """What one role can find out about its database and the server."""

    version: str
    """Such as ``15.18``."""
    size: int
    """Bytes of the database on disk."""
    connections: int
    """Sessions that are open now, everybody's."""
    most_connections: int
    """How many the server takes from ordinary roles."""


def condition(access: DatabaseAccess) -> Condition:
    """Return how the server of a database is; raises Unreachable."""
    with contextlib.closing(connect(access, autocommit=True)) as opened, translated(access):
        row = opened.execute(
            """SELECT split_part(current_setting('server_version'), ' ', 1),
                pg_database_size(current_database()),
                (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL),
                current_setting('max_connections')::int
                    - current_setting('superuser_reserved_connections')::int"""
        ).fetchone()
    assert row is not None
    return Condition(*row)
