"""How the suite is: its components, its queue, its disk."""

from __future__ import annotations

import datetime
import shutil
from typing import Annotated

from fastapi import APIRouter

from keryx.admin import queue
from keryx.core import errors, privileged
from keryx.core.check import ComponentStatus
from keryx.settings.site import Site
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import Model

router = APIRouter(tags=["status"])

TIMEOUT = 60.0
"""Seconds: a daemon that hangs is given some before it counts as not ready."""


class Component(Model):
    """One component."""

    name: str
    title: str
    state: str
    """``running``, ``starting``, ``failing``, ``stopped`` or ``not ready``."""
    sentence: str
    """What is wrong, when something is."""
    memory_mb: float
    """Its processes' proportional set size."""
    uptime: int
    """Seconds."""


class Disk(Model):
    """Room where the suite keeps its data."""

    total_mb: int
    free_mb: int
    reserve_mb: int
    """Below this no mail is taken for the time being."""


class Queue(Model):
    """Mail that waits."""

    count: int
    oldest_seconds: int
    """Age of the oldest message; 0 when nothing waits."""


class Status(Model):
    """How the suite is."""

    components: list[Component]
    disk: Disk
    queue: Queue | None
    """null when Postfix does not answer."""


@router.get("/status")
def show(call: Annotated[Call, over_nothing("status.read")]) -> Status:
    """Show how the suite is: every component, the disk, the queue."""
    return Status(components=components(call.site), disk=disk(call.site), queue=waiting(call.site))


def components(site: Site) -> list[Component]:
    """Return how every component is; root's side asks the supervisor and the daemons."""
    told = privileged.elsewhere(
        site.privileged, "keryx.host.status.of_all", list[ComponentStatus], {}, timeout=TIMEOUT
    )
    return [
        Component(
            name=part.name,
            title=part.title,
            state=part.state,
            sentence=part.sentence,
            memory_mb=round(part.memory / 2**20, 1),
            uptime=part.uptime,
        )
        for part in told
    ]


def disk(site: Site) -> Disk:
    """Return how much room there is."""
    usage = shutil.disk_usage(site.paths.home)
    return Disk(
        total_mb=usage.total >> 20, free_mb=usage.free >> 20, reserve_mb=site.settings.disk_reserve >> 20
    )


def waiting(site: Site) -> Queue | None:
    """Return how much waits and for how long."""
    try:
        messages = queue.list_messages(site)
    except errors.Unreachable:
        return None
    if not messages:
        return Queue(count=0, oldest_seconds=0)
    age = datetime.datetime.now(datetime.UTC) - min(message.arrived for message in messages)
    return Queue(count=len(messages), oldest_seconds=max(0, int(age.total_seconds())))
