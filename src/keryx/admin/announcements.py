"""Announcements: sentences that everybody sees who signs in, until they expire."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keryx.settings.site import Site

Level = Literal["info", "warning", "danger"]


@dataclass(frozen=True)
class Announcement:
    """A sentence for everybody."""

    id: int
    text: str
    level: Level
    created: datetime.datetime
    expires: datetime.datetime | None


def current(site: Site) -> Sequence[Announcement]:
    """Return those that have not expired, the latest first."""
    raise NotImplementedError


def add(
    site: Site, text: str, *, level: Level = "info", expires: datetime.datetime | None = None
) -> Announcement:
    """Announce something; raises BadInput."""
    raise NotImplementedError


def remove(site: Site, id: int) -> None:
    """Take an announcement back; raises NotFound."""
    raise NotImplementedError
