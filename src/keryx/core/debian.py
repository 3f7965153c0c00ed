"""Debian packages as dpkg knows them: which are installed, in which version."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from keryx.core.process import run


@functools.lru_cache(maxsize=1)
def listing() -> Mapping[str, str]:
    """Return every installed package with its full version, such as ``1:2.3.19.1+dfsg1-2``."""
    text = run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"]).stdout
    rows = (line.split(" ", 2) for line in text.splitlines())
    return {package: version for status, package, version in rows if status == "installed"}


@functools.lru_cache(maxsize=1)
def installed() -> Mapping[str, tuple[int, ...]]:
    """Return every installed package with its upstream version as numbers."""
    return {package: version(text) for package, text in listing().items()}


def forget() -> None:
    """Look again at the next question: packages have been installed."""
    listing.cache_clear()
    installed.cache_clear()


def version(text: str) -> tuple[int, ...]:
    """Return the numbers of a Debian version: ``1:2.3.19.1+dfsg1-2`` is (2, 3, 19, 1)."""
    upstream = text.split(":", 1)[-1].rsplit("-", 1)[0]
    match = re.match(r"\d+(\.\d+)*", upstream)
    return tuple(int(part) for part in match.group().split(".")) if match else ()
