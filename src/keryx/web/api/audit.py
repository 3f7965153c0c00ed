"""The audit log: who changed what, when, from where, and how it was before."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from keryx.admin import audit
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import LINE, Model, Page

router = APIRouter(tags=["audit"])

Part = Annotated[str, Query(max_length=320, pattern=LINE, description="May be a part of it.")]


class Event(Model):
    """One change."""

    id: int
    at: datetime.datetime
    who: str
    """The account that did it; ``root`` on the command line."""
    via: Literal["session", "key", "cli"]
    from_ip: str
    action: str
    """Such as ``account.change``."""
    subject: str
    """The address, domain, key or message that was changed."""
    before: dict[str, Any] | None
    """How it was, without secrets; null when it was not there."""
    after: dict[str, Any] | None
    """How it is since, without secrets; null when it is gone."""


@router.get("/audit")
def list_(
    call: Annotated[Call, over_nothing("audit.read")],
    who: Part = "",
    subject: Part = "",
    action: Part = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[Event]:
    """Search the audit log, the latest first."""
    found = audit.search(call.site, who=who, subject=subject, action=action, page=page, per_page=per_page)
    return Page[Event](
        items=[_shown(event) for event in found.items], total=found.total, page=page, per_page=per_page
    )


def _shown(event: audit.Event) -> Event:
    return Event(
        id=event.id,
        at=event.at,
        who=event.who,
        via=event.via,
        from_ip=event.from_ip,
        action=event.action,
        subject=event.subject,
        before=None if event.before is None else dict(event.before),
        after=None if event.after is None else dict(event.after),
    )
