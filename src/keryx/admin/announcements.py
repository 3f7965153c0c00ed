"""Announcements: sentences that everybody sees who signs in, until they expire."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from keryx.core import errors
from keryx.records import announcements as kept
from keryx.records.announcements import Announcement, Level
from keryx.settings.site import Site

__all__ = ["Announcement", "Level", "add", "current", "remove"]

LONGEST = 1000
"""Characters of an announcement."""


def current(site: Site) -> Sequence[Announcement]:
    """Return those that have not expired, the latest first."""
    return kept.current(site)


def add(
    site: Site, text: str, *, level: Level = "info", expires: datetime.datetime | None = None
) -> Announcement:
    """Announce something; raises BadInput."""
    said = text.strip()
    if not said or len(said) > LONGEST:
        raise errors.BadInput(f"An announcement has 1 to {LONGEST} characters.")
    if expires is not None and expires <= datetime.datetime.now(datetime.UTC):
        raise errors.BadInput("The announcement would have expired already.", remedy="Give a time to come.")
    return kept.add(site, said, level, expires)


def remove(site: Site, id: int) -> None:
    """Take an announcement back; raises NotFound."""
    if kept.remove(site, id) is None:
        raise errors.NotFound(f"There is no announcement {id}.")
