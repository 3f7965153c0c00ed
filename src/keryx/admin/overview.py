"""How the site is, at a glance: components, queue, disk, directory, database.

For a page that must come up when something is broken: what is away is part of the answer, as the
sentence that says so, and no part waits for another.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from keryx.admin import pods, queue, store
from keryx.admin.access import reading
from keryx.admin.queue import Depth
from keryx.admin.store import Disk
from keryx.core import errors, privileged
from keryx.core.check import ComponentStatus
from keryx.records import engine
from keryx.settings.site import Site

T = TypeVar("T")


@dataclass(frozen=True)
class Overview:
    """The site at a glance. What could not be found out is None, and a sentence in ``problems``."""

    components: list[ComponentStatus] | None
    queue: Depth | None
    disk: Disk | None
    directory: bool
    """Whether the directory answers."""
    database: bool
    """Whether the database answers."""
    problems: tuple[str, ...]


def components(site: Site) -> list[ComponentStatus]:
    """Return how every wanted component is, in start order; raises Unreachable when nobody can tell."""
    if site.placement is not None:
        return pods.statuses(site, site.placement)
    return privileged.elsewhere(
        site.privileged, "keryx.host.status.of_all", list[ComponentStatus], {}, timeout=30
    )


def show(site: Site) -> Overview:
    """Return the site at a glance; never raises because a part of the site is away."""
    problems: list[str] = []
    with ThreadPoolExecutor(5) as threads:
        parts = threads.submit(_tried, components, site, problems)
        depth = threads.submit(_tried, queue.depth, site, problems)
        room = threads.submit(_tried, store.disk, site, problems)
        directory = threads.submit(_tried, _directory, site, problems)
        database = threads.submit(_tried, _database, site, problems)
    return Overview(
        parts.result(),
        depth.result(),
        room.result(),
        bool(directory.result()),
        bool(database.result()),
        tuple(sorted(set(problems))),
    )


def _tried(question: Callable[[Site], T], site: Site, problems: list[str]) -> T | None:
    try:
        return question(site)
    except errors.KeryxError as error:
        problems.append(error.sentence)
    except OSError as error:
        problems.append(f"{error}.")
    return None


def _directory(site: Site) -> bool:
    with reading(site):
        return True


def _database(site: Site) -> bool:
    with engine.connection(site):
        return True
