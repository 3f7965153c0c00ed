"""The audit log: who changed what, when, from where. Rows are added and, when old, removed; never changed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from keryx.records import engine
from keryx.settings.site import Site

Values = Mapping[str, Any]

COLUMNS = "id, at, who, via, from_ip, action, subject, before, after"
FITS = r"""(%(who)s = '' OR who ILIKE %(who)s) AND (%(subject)s = '' OR subject ILIKE %(subject)s)
    AND (%(action)s = '' OR action ILIKE %(action)s)
    AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR at < %(until)s)"""


@dataclass(frozen=True)
class Event:
    """One change."""

    id: int
    at: datetime.datetime
    who: str
    via: str
    """``session``, ``key`` or ``cli``."""
    from_ip: str
    action: str
    subject: str
    """The address, domain, key or message that was changed."""
    before: Values | None
    after: Values | None


@dataclass(frozen=True)
class Page:
    """Some of the events, the latest first, and how many there are in all."""

    items: Sequence[Event]
    total: int


def add(
    site: Site,
    *,
    who: str,
    via: str,
    from_ip: str,
    action: str,
    subject: str,
    before: Values | None = None,
    after: Values | None = None,
) -> Event:
    """Write an event. ``before`` and ``after`` must be JSON already, and hold no secret."""
    query = f"""INSERT INTO audit (who, via, from_ip, action, subject, before, after)
        VALUES (%(who)s, %(via)s, %(from_ip)s, %(action)s, %(subject)s, %(before)s, %(after)s)
        RETURNING {COLUMNS}"""
    values = {
        "who": who,
        "via": via,
        "from_ip": from_ip,
        "action": action,
        "subject": engine.plain(subject, 1000),
        "before": None if before is None else Jsonb(engine.without_nul(before)),
        "after": None if after is None else Jsonb(engine.without_nul(after)),
    }
    made = engine.row(site, Event, query, values)
    assert made is not None
    return made


def search(
    site: Site,
    *,
    who: str = "",
    subject: str = "",
    action: str = "",
    since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
    page: int = 1,
    per_page: int = 50,
) -> Page:
    """Return events that fit; the texts may be parts, in either case of letters. Pages count from 1."""
    values: dict[str, object] = {
        "who": engine.part(who),
        "subject": engine.part(subject),
        "action": engine.part(action),
        "since": since,
        "until": until,
        "limit": per_page,
        "offset": (max(page, 1) - 1) * per_page,
    }
    with engine.connection(site) as opened:
        counted = opened.execute(f"SELECT count(*) FROM audit WHERE {FITS}", values).fetchone()
        with opened.cursor(row_factory=kwargs_row(Event)) as cursor:
            query = (
                f"SELECT {COLUMNS} FROM audit WHERE {FITS} ORDER BY id DESC LIMIT %(limit)s OFFSET %(offset)s"
            )
            items = cursor.execute(query, values).fetchall()
    return Page(items, counted[0] if counted else 0)


def forget_before(site: Site, at: datetime.datetime) -> int:
    """Remove events older than that; return how many."""
    return engine.execute(site, "DELETE FROM audit WHERE at < %(at)s", {"at": at})
