"""The audit log: who changed what, when, from where, and how it was before."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Collection, Mapping
from typing import Any

from keryx.admin.permissions import Actor
from keryx.records import audit as kept
from keryx.records.audit import Event, Page
from keryx.settings.site import Site

__all__ = ["Event", "Page", "record", "search"]

SECRET = ("password", "secret", "hash", "token", "csrf")
"""Words in names of fields whose values are never written."""


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
    kept.add(
        site,
        who=actor.address,
        via=actor.via,
        from_ip=actor.ip,
        action=action,
        subject=subject,
        before=_values(before),
        after=_values(after),
    )


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
    """Return events that fit; the texts may be parts."""
    return kept.search(
        site,
        who=who,
        subject=subject,
        action=action,
        since=since,
        until=until,
        page=page,
        per_page=per_page,
    )


def _values(thing: object | None) -> Mapping[str, Any] | None:
    if thing is None:
        return None
    found = _plain(thing)
    return found if isinstance(found, dict) else {"value": found}


def _plain(thing: object) -> Any:
    """Return a value as JSON knows it, without what is secret."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        thing = {part.name: getattr(thing, part.name) for part in dataclasses.fields(thing)}
    if isinstance(thing, Mapping):
        return {str(name): _plain(value) for name, value in thing.items() if not _is_secret(str(name))}
    if isinstance(thing, enum.Enum):
        return _plain(thing.value)
    if thing is None or isinstance(thing, (bool, int, float)):
        return thing
    if isinstance(thing, (datetime.date, datetime.datetime)):
        return thing.isoformat()
    if isinstance(thing, Collection) and not isinstance(thing, (str, bytes)):
        values = [_plain(value) for value in thing]
        return sorted(values, key=str) if isinstance(thing, (set, frozenset)) else values
    return str(thing)


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRET)
