"""Debian packages: which are there, and which a machine lacks."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from keryx.components.component import Component, Platform
from keryx.core import debian, errors

SUPPORTED = {("debian", "12"), ("debian", "13"), ("ubuntu", "24.04")}


def exact_versions(component: Component) -> dict[str, str]:
    """Return the component's packages with their full versions: a security update shows here."""
    return {
        name: debian.listing()[name] for name in component.packages(platform()) if name in debian.listing()
    }


def missing(components: Iterable[Component]) -> list[str]:
    """Return the packages that the components need and the machine lacks, in order."""
    wanted = [name for component in components for name in component.packages(platform())]
    return [name for name in dict.fromkeys(wanted) if name not in debian.listing()]


@functools.lru_cache(maxsize=1)
def platform() -> Platform:
    """Return the distribution, as /etc/os-release names it (os-release(5))."""
    values = {}
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        values[key] = value.strip('"')
    return Platform(values.get("ID", ""), values.get("VERSION_ID", ""))


def check_platform() -> None:
    """Raise BadInput on a distribution whose daemons we do not know."""
    here = platform()
    if (here.id, here.version) not in SUPPORTED:
        raise errors.BadInput(
            f"This machine runs {here.id or 'an unknown system'} {here.version}, which Keryx does not know.",
            remedy="Use Debian 12, Debian 13 or Ubuntu 24.04.",
        )
