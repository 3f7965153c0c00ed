"""Debian packages: which are there, and installing the rest without starting their daemons."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

from keryx.components.component import Platform
from keryx.core.process import run
from keryx.settings.site import Version


@functools.lru_cache(maxsize=1)
def installed() -> Mapping[str, Version]:
    """Return every installed package with its upstream version as numbers."""
    listing = run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"]).stdout
    found = {}
    for line in listing.splitlines():
        status, package, text = line.split(" ", 2)
        if status == "installed":
            found[package] = version(text)
    return found


def version(text: str) -> Version:
    """Return the numbers of a Debian version: ``1:2.3.19.1+dfsg1-2`` is (2, 3, 19, 1)."""
    upstream = text.split(":", 1)[-1].rsplit("-", 1)[0]
    match = re.match(r"\d+(\.\d+)*", upstream)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


@functools.lru_cache(maxsize=1)
def platform() -> Platform:
    """Return the distribution, as /etc/os-release names it (os-release(5))."""
    values = {}
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        values[key] = value.strip('"')
    return Platform(values.get("ID", ""), values.get("VERSION_ID", ""))
