"""Statistics: figures taken every few minutes, as series for a graph.

A sample is a figure at a moment (how long the queue is) or of the time since the sample before (how
many messages were accepted). After FINE_DAYS those of one hour become one, after KEPT_DAYS it goes.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from keryx.records import engine
from keryx.settings.site import Site

FINE_DAYS = 2
KEPT_DAYS = 32

Period = Literal["day", "month"]
SPANS: Mapping[Period, tuple[int, int]] = {"day": (86400, 600), "month": (31 * 86400, 4 * 3600)}
"""Seconds that a graph shows, and seconds that one of its points stands for."""


@dataclass(frozen=True)
class Point:
    """One point of a series."""

    at: int
    """Where its time begins, in seconds of the epoch."""
    value: float


def add(site: Site, values: Mapping[str, float], at: datetime.datetime | None = None) -> None:
    """Keep one sample of each series, of now or of that moment."""
    query = """INSERT INTO sample (name, at, value)
        SELECT name, coalesce(%(at)s::timestamptz, now()), value
        FROM unnest(%(names)s::text[], %(values)s::double precision[]) AS given (name, value)
        ON CONFLICT (name, at) DO UPDATE SET value = excluded.value"""
    figures = [float(value) for value in values.values()]
    engine.execute(site, query, {"at": at, "names": list(values), "values": figures})


def series(
    site: Site, name: str, period: Period, *, summed: bool = False, until: datetime.datetime | None = None
) -> Sequence[Point]:
    """Return a series, oldest first; where nothing was sampled there is no point.

    Each point is the mean of its samples or, with ``summed``, their sum.
    """
    span, step = SPANS[period]
    query = """SELECT (floor(extract(epoch FROM at) / %(step)s) * %(step)s)::bigint AS at,
            CASE WHEN %(summed)s THEN sum(value) ELSE avg(value) END AS value
        FROM sample
        WHERE name = %(name)s AND at <= coalesce(%(until)s::timestamptz, now())
            AND at > coalesce(%(until)s::timestamptz, now()) - make_interval(secs => %(span)s)
        GROUP BY 1 ORDER BY 1"""
    values = {"name": name, "step": step, "span": span, "summed": summed, "until": until}
    return engine.rows(site, Point, query, values)


def thin(site: Site, *, summed: Collection[str] = (), now: datetime.datetime | None = None) -> None:
    """Make one sample of each past hour and remove what is too old; to be called every now and then.

    ``summed`` names the series whose samples add up; of the others the mean is kept.
    """
    moment = now or datetime.datetime.now(datetime.UTC)
    with engine.connection(site) as opened:
        opened.execute("DELETE FROM sample WHERE at < %s", [moment - datetime.timedelta(days=KEPT_DAYS)])
        opened.execute(
            """WITH old AS (
                DELETE FROM sample WHERE NOT thinned AND at < date_trunc('hour', %(fine)s::timestamptz)
                RETURNING name, date_trunc('hour', at) AS hour, value
            )
            INSERT INTO sample (name, at, value, thinned)
            SELECT name, hour, CASE WHEN name = ANY(%(summed)s) THEN sum(value) ELSE avg(value) END, true
            FROM old GROUP BY name, hour
            ON CONFLICT (name, at) DO NOTHING""",
            {"fine": moment - datetime.timedelta(days=FINE_DAYS), "summed": list(summed)},
        )
