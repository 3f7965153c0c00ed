"""Announcements: sentences that everybody sees who signs in."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import pydantic
from fastapi import APIRouter, Path

from keryx.admin import announcements
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import LINES, Model, Moment, Page, PageQuery, page_of

router = APIRouter(tags=["announcements"])

Level = Literal["info", "warning", "danger"]


class NewAnnouncement(Model):
    """An announcement to be made."""

    text: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=1000, pattern=LINES)]
    level: Level = "info"
    expires: Moment | None = None
    """With its time zone; null: until it is taken back."""


class Announcement(Model):
    """An announcement."""

    id: int
    text: str
    level: Level
    created: datetime.datetime
    expires: datetime.datetime | None


@router.get("/announcements")
def list_(call: Annotated[Call, over_nothing("announcements.read")], paging: PageQuery) -> Page[Announcement]:
    """List the announcements that have not expired."""
    return page_of(
        announcements.current(call.site),
        paging,
        shown,
        sorts={"created": lambda found: found.created, "level": lambda found: found.level},
        text=lambda found: found.text,
    )


@router.post("/announcements", status_code=201)
def add(call: Annotated[Call, over_nothing("announcements.change")], body: NewAnnouncement) -> Announcement:
    """Announce something to everybody who signs in."""
    made = announcements.add(call.site, body.text, level=body.level, expires=body.expires)
    call.did("announcement.add", str(made.id), after=made)
    return shown(made)


@router.delete("/announcements/{id}", status_code=204)
def remove(
    call: Annotated[Call, over_nothing("announcements.change")], id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> None:
    """Take an announcement back."""
    announcements.remove(call.site, id)
    call.did("announcement.remove", str(id))


def shown(found: announcements.Announcement) -> Announcement:
    """Return an announcement as the API shows it."""
    return Announcement(
        id=found.id, text=found.text, level=found.level, created=found.created, expires=found.expires
    )
