"""Word that something in the records changed, for processes that follow it (PostgreSQL's NOTIFY)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from psycopg import sql

from keryx.records import engine
from keryx.settings.site import Site

FILTER = "keryx_filter"
"""The channel for what the filter's files are made of: signing keys, people's spam settings."""


def announce(site: Site, channel: str) -> None:
    """Tell whoever listens; raises Unreachable when the database is away."""
    engine.execute(site, "SELECT pg_notify(%(channel)s, '')", {"channel": channel})


@contextlib.contextmanager
def listening(site: Site, channel: str) -> Iterator[Callable[[float], bool]]:
    """Give a function that waits for word, for so many seconds at most, and returns whether it came.

    Raises Unreachable, also while waiting, when the database is away.
    """
    access = site.database("keryx")
    with contextlib.closing(engine.connect(access, autocommit=True)) as opened, engine.translated(access):
        opened.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))

        def wait(seconds: float) -> bool:
            return any(True for _ in opened.notifies(timeout=seconds, stop_after=1))

        yield wait
