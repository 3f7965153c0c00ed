"""Where DKIM private keys are kept.

A key is a file that the filter reads when it signs, ``data/dkim/<domain>.<selector>.key``, readable by
root and the filter only. On a machine that is all. In a cluster, where the web process that makes keys and
the filters that use them stand in pods of their own, they are kept in the records, and each filter's pod
makes its files of them (``deliver``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from keryx.core import errors, files
from keryx.records import dkim_keys, notices
from keryx.records.dkim_keys import Kept
from keryx.settings.site import Site

GROUP = "_rspamd"
_NAME = re.compile(r"(?P<domain>.+)\.(?P<selector>[a-z0-9-]+)\.key")


class Keys(Protocol):
    """A place for keys."""

    def every(self) -> Sequence[Kept]:
        """Return all keys, by domain and selector."""

    def of(self, domain: str) -> Sequence[Kept]:
        """Return a domain's keys, by selector."""

    def selectors(self, domain: str) -> set[str]:
        """Return the selectors of a domain's keys."""

    def add(self, key: Kept) -> None:
        """Keep a key unless there is one of that name."""

    def remove(self, domain: str, selector: str) -> None:
        """Remove a key."""


def of(site: Site) -> Keys:
    """Return where this site's keys are kept."""
    return _Folder(site) if site.placement is None else _Records(site)


def deliver(site: Site) -> bool:
    """Make the filter's files in this pod those of the records; return whether anything differed."""
    folder = _Folder(site)
    wanted, there = set(_Records(site).every()), set(folder.every())
    for key in there - wanted:
        folder.remove(key.domain, key.selector)
    for key in sorted(wanted - there, key=lambda key: (key.domain, key.selector)):
        folder.add(key)
    return wanted != there


@dataclass(frozen=True)
class _Folder:
    site: Site

    def every(self) -> Sequence[Kept]:
        return [Kept(domain, selector, _text(path)) for path, domain, selector in self._named("*")]

    def of(self, domain: str) -> Sequence[Kept]:
        return [
            Kept(domain, selector, _text(path))
            for path, found, selector in self._named(domain)
            if found == domain
        ]

    def selectors(self, domain: str) -> set[str]:
        return {selector for _, found, selector in self._named(domain) if found == domain}

    def add(self, key: Kept) -> None:
        folder = files.Directory(self.site.paths.dkim, 0o750, "root", GROUP)
        files.make_directory(folder)
        path = self._path(key.domain, key.selector)
        if not path.exists():
            files.write(path, key.content, mode=0o640, group=GROUP)

    def remove(self, domain: str, selector: str) -> None:
        self._path(domain, selector).unlink(missing_ok=True)

    def _named(self, domain: str) -> Iterator[tuple[Path, str, str]]:
        """Yield files with their domains and selectors; also those of a longer name that begins so."""
        for path in sorted(self.site.paths.dkim.glob(f"{domain}.*.key")):
            # A selector has no dot.
            match = _NAME.fullmatch(path.name)
            if match:
                yield path, match["domain"], match["selector"]

    def _path(self, domain: str, selector: str) -> Path:
        return self.site.paths.dkim / f"{domain}.{selector}.key"


@dataclass(frozen=True)
class _Records:
    site: Site

    def every(self) -> Sequence[Kept]:
        return dkim_keys.every(self.site)

    def of(self, domain: str) -> Sequence[Kept]:
        return dkim_keys.of(self.site, domain)

    def selectors(self, domain: str) -> set[str]:
        return {key.selector for key in self.of(domain)}

    def add(self, key: Kept) -> None:
        dkim_keys.add(self.site, key)
        notices.announce(self.site, notices.FILTER)

    def remove(self, domain: str, selector: str) -> None:
        dkim_keys.remove(self.site, domain, selector)
        notices.announce(self.site, notices.FILTER)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.KeryxError(
            f"The DKIM key {path} cannot be read: {error}.",
            remedy="Restore it from a backup; or remove the file, make a new key with keryx up, and "
            "publish its record.",
        ) from error
