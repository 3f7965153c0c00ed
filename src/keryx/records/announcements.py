"""Announcements: sentences that everybody sees who signs in, until they expire."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keryx.records import engine
from keryx.settings.site import Site

Level = Literal["info", "warning", "danger"]
COLUMNS = "id, text, level, created, expires"


@dataclass(frozen=True)
class Announcement:
    """A sentence for everybody."""

    id: int
    text: str
    level: Level
    created: datetime.datetime
    expires: datetime.datetime | None


def current(site: Site) -> Sequence[Announcement]:
    """Return those in force, the latest first."""
    query = f"SELECT {COLUMNS} FROM announcement WHERE expires IS NULL OR expires > now() ORDER BY id DESC"
    return engine.rows(site, Announcement, query)


def add(site: Site, text: str, level: Level, expires: datetime.datetime | None) -> Announcement:
    """Keep an announcement and return it."""
    query = f"""INSERT INTO announcement (text, level, expires) VALUES (%(text)s, %(level)s, %(expires)s)
        RETURNING {COLUMNS}"""
    values = {"text": engine.plain(text, 2000), "level": level, "expires": expires}
    made = engine.row(site, Announcement, query, values)
    assert made is not None
    return made


def remove(site: Site, id: int) -> Announcement | None:
    """Remove an announcement and return what it was; None when there is none."""
    query = f"DELETE FROM announcement WHERE id = %(id)s RETURNING {COLUMNS}"
    return engine.row(site, Announcement, query, {"id": id})


def forget_expired(site: Site) -> int:
    """Remove those that expired; return how many."""
    return engine.execute(site, "DELETE FROM announcement WHERE expires <= now()")
