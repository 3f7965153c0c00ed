"""Statistics of the site: what the filter decided, how long the queue is, how full the disk.

The web process takes a sample each minute (``Collector``) and keeps it in the records. The filter
counts from its own start on; kept are the differences between two looks, and a counter that has
fallen was reset: then all it shows is new. Where nobody could be asked there is no sample, so that a
graph shows a gap and no zero.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pydantic

from keryx.admin import queue, store
from keryx.components.rspamd import commands
from keryx.components.rspamd.commands import Counters
from keryx.core import errors
from keryx.core.privileged import privileged
from keryx.records import samples
from keryx.records.samples import SPANS, Period, Point
from keryx.settings.site import Site

COUNTED = ("accepted", "rejected", "spam")
"""Series whose samples add up: messages that were let in, refused, and let in to Junk (which are
among the accepted)."""
MEASURED = ("queue", "queue_seconds", "disk")
"""Series whose samples are means: messages that wait, age of the oldest, share of the disk in use."""
THIN_EVERY = 3600.0
"""Seconds between two rounds in which old samples become fewer."""


@dataclass(frozen=True)
class Series:
    """Figures for a graph."""

    step: int
    """Seconds that one point stands for."""
    points: Mapping[str, Sequence[Point]]
    """By name of the series, oldest first. Of counted series each point is a number of messages."""


def series(site: Site, period: Period) -> Series:
    """Return the figures of the last day or month; raises Unreachable when the records are away."""
    found = {name: samples.series(site, name, period, summed=True) for name in COUNTED}
    found |= {name: samples.series(site, name, period) for name in MEASURED}
    return Series(SPANS[period][1], found)


@privileged()
def counters(site: Site) -> Counters:
    """Return what the filter has counted since its start; raises NotReady."""
    return commands.counters(site)


_COUNTERS = pydantic.TypeAdapter(Counters)


class Collector:
    """Takes samples. What it saw last is kept in a file, so that a restart loses no message."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._file = site.paths.run("admin") / "counters.json"
        self._last = self._read()
        self._thinned = 0.0

    def collect(self, now: datetime.datetime | None = None) -> dict[str, float]:
        """Take one sample and keep it; raises Unreachable when the records are away.

        Messages that could not be kept now are counted with the next sample.
        """
        moment = (now or datetime.datetime.now(datetime.UTC)).replace(second=0, microsecond=0)
        values, seen = self._look()
        if values:
            # A second process that samples the same minute changes nothing.
            samples.add(self._site, values, moment)
        if seen is not None:
            self._remember(seen)
        if time.monotonic() - self._thinned > THIN_EVERY:
            samples.thin(self._site, summed=COUNTED)
            self._thinned = time.monotonic()
        return values

    def _look(self) -> tuple[dict[str, float], Counters | None]:
        values: dict[str, float] = {}
        seen = None
        try:
            seen = counters(self._site)
            if self._last is not None:
                values |= decided(self._last, seen)
        except errors.KeryxError:
            pass
        try:
            depth = queue.depth(self._site)
            values |= {"queue": depth.count, "queue_seconds": depth.oldest_seconds}
        except errors.KeryxError:
            pass
        try:
            room = store.disk(self._site)
            values |= {"disk": 1 - room.free / room.total}
        except errors.KeryxError:
            pass
        return values, seen

    def _read(self) -> Counters | None:
        try:
            return _COUNTERS.validate_json(self._file.read_bytes())
        except (OSError, ValueError):
            return None

    def _remember(self, seen: Counters) -> None:
        self._last = seen
        beside = self._file.with_suffix(".new")
        beside.write_bytes(_COUNTERS.dump_json(seen))
        beside.rename(self._file)


def decided(before: Counters, now: Counters) -> dict[str, float]:
    """Return how many messages were accepted, rejected and taken for spam between two looks."""
    new = {
        part.name: _increase(getattr(before, part.name), getattr(now, part.name))
        for part in dataclasses.fields(Counters)
    }
    spam = new["add_header"] + new["rewrite_subject"]
    return {"accepted": new["no_action"] + spam, "rejected": new["reject"], "spam": spam}


def _increase(before: int, now: int) -> int:
    return now - before if now >= before else now
