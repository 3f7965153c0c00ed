"""The audit log: who changed what, when, from where, and how it was before."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keryx.admin.permissions import Actor, Via
from keryx.settings.site import Site

Values = Mapping[str, object]


@dataclass(frozen=True)
class Event:
    """One change."""

    id: int
    at: datetime.datetime
    who: str
    via: Via
    from_ip: str
    action: str
    subject: str
    """The address, domain, key or message that was changed."""
    before: Values | None
    after: Values | None


@dataclass(frozen=True)
class Page:
    """Some of the events, the latest first, and how many there are."""

    items: Sequence[Event]
    total: int


def record(
    site: Site,
    actor: Actor,
    action: str,
    subject: str,
    *,
    before: object | None = None,
    after: object | None = None,
) -> None:
    """Write an event. Dataclasses and mappings are kept by their fields, without secrets."""
    raise NotImplementedError


def search(
    site: Site, *, who: str = "", subject: str = "", action: str = "", page: int = 1, per_page: int = 50
) -> Page:
    """Return events that fit; the texts may be parts."""
    raise NotImplementedError
