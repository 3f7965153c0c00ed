"""How the suite is: its components, its queue, its disk."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from keryx.admin import overview
from keryx.core.check import ComponentStatus
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import Model

router = APIRouter(tags=["status"])


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
    """How the suite is. What could not be found out is null, and a sentence in ``problems``."""

    components: list[Component] | None
    """In start order."""
    disk: Disk | None
    queue: Queue | None
    directory: bool
    """Whether the directory answers."""
    database: bool
    """Whether the database answers."""
    problems: list[str]


@router.get("/status")
def show(call: Annotated[Call, over_nothing("status.read")]) -> Status:
    """Show how the suite is: every component, the disk, the queue."""
    found = overview.show(call.site)
    reserve = call.site.settings.disk_reserve
    return Status(
        components=None if found.components is None else [_component(part) for part in found.components],
        disk=found.disk
        and Disk(total_mb=found.disk.total >> 20, free_mb=found.disk.free >> 20, reserve_mb=reserve >> 20),
        queue=found.queue and Queue(count=found.queue.count, oldest_seconds=found.queue.oldest_seconds),
        directory=found.directory,
        database=found.database,
        problems=list(found.problems),
    )


def _component(part: ComponentStatus) -> Component:
    return Component(
        name=part.name,
        title=part.title,
        state=part.state,
        sentence=part.sentence,
        memory_mb=round(part.memory / 2**20, 1),
        uptime=part.uptime,
    )
