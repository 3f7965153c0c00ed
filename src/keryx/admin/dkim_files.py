"""Where DKIM private keys are kept.

A key is a file that the filter reads when it signs, ``data/dkim/<domain>.<selector>.key``, readable by
root and the filter only. On a machine that is all. In a cluster, where the web process that makes keys and
the filters that use them stand in pods of their own, they are kept in the records, and each filter's pod
makes its files of them (``deliver``).

Where a domain signs with a key of its own selector (``keryx dkim import``), ``<domain>.<algorithm>.selector``
holds that name. The filter reads it when it signs, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from keryx.core import errors, files
from keryx.records import dkim_keys, notices
from keryx.records.dkim_keys import Choice, Kept
from keryx.settings.site import Site

GROUP = "_rspamd"
_NAME = re.compile(r"(?P<domain>.+)\.(?P<selector>[a-z0-9-]+)\.key")
_CHOICE = re.compile(r"(?P<domain>.+)\.(?P<algorithm>rsa|ed25519)\.selector")


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

    def put(self, key: Kept) -> None:
        """Keep a key, in the place of one of that name."""

    def remove(self, domain: str, selector: str) -> None:
        """Remove a key."""

    def choices(self) -> Sequence[Choice]:
        """Return which keys sign where the settings' selectors do not say it."""

    def choose(self, choice: Choice) -> None:
        """Sign with that key from now on."""

    def forget_choice(self, domain: str, algorithm: str) -> None:
        """Let the settings say which key signs."""


def of(site: Site) -> Keys:
    """Return where this site's keys are kept."""
    return _Folder(site) if site.placement is None else _Records(site)


def deliver(site: Site) -> bool:
    """Make the filter's files in this pod those of the records; return whether anything differed."""
    folder, records = _Folder(site), _Records(site)
    # Choices are asked for first: what one names has been kept before it.
    chosen, wanted = set(records.choices()), set(records.every())
    choices, there = set(folder.choices()), set(folder.every())
    # Keys before what names them, and gone after it: no message leaves unsigned in between.
    for key in wanted - there:
        folder.put(key)
    for choice in chosen - choices:
        folder.choose(choice)
    kept = {(choice.domain, choice.algorithm) for choice in chosen}
    for choice in choices:
        if (choice.domain, choice.algorithm) not in kept:
            folder.forget_choice(choice.domain, choice.algorithm)
    names = {(key.domain, key.selector) for key in wanted}
    for key in there:
        if (key.domain, key.selector) not in names:
            folder.remove(key.domain, key.selector)
    return wanted != there or chosen != choices


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
        if not self._path(key.domain, key.selector).exists():
            self.put(key)

    def put(self, key: Kept) -> None:
        self._write(self._path(key.domain, key.selector), key.content)

    def remove(self, domain: str, selector: str) -> None:
        self._path(domain, selector).unlink(missing_ok=True)

    def choices(self) -> Sequence[Choice]:
        paths = sorted(self.site.paths.dkim.glob("*.selector"))
        return [
            Choice(match["domain"], match["algorithm"], _text(path).strip())
            for path in paths
            if (match := _CHOICE.fullmatch(path.name))
        ]

    def choose(self, choice: Choice) -> None:
        self._write(self._choice(choice.domain, choice.algorithm), f"{choice.selector}\n")

    def forget_choice(self, domain: str, algorithm: str) -> None:
        self._choice(domain, algorithm).unlink(missing_ok=True)

    def _write(self, path: Path, content: str) -> None:
        files.make_directory(files.Directory(self.site.paths.dkim, 0o750, "root", GROUP))
        files.write(path, content, mode=0o640, group=GROUP)

    def _named(self, domain: str) -> Iterator[tuple[Path, str, str]]:
        """Yield files with their domains and selectors; also those of a longer name that begins so."""
        for path in sorted(self.site.paths.dkim.glob(f"{domain}.*.key")):
            # A selector has no dot.
            match = _NAME.fullmatch(path.name)
            if match:
                yield path, match["domain"], match["selector"]

    def _path(self, domain: str, selector: str) -> Path:
        return self.site.paths.dkim / f"{domain}.{selector}.key"

    def _choice(self, domain: str, algorithm: str) -> Path:
        return self.site.paths.dkim / f"{domain}.{algorithm}.selector"


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

    def put(self, key: Kept) -> None:
        dkim_keys.put(self.site, key)
        notices.announce(self.site, notices.FILTER)

    def remove(self, domain: str, selector: str) -> None:
        dkim_keys.remove(self.site, domain, selector)
        notices.announce(self.site, notices.FILTER)

    def choices(self) -> Sequence[Choice]:
        return dkim_keys.choices(self.site)

    def choose(self, choice: Choice) -> None:
        dkim_keys.choose(self.site, choice)
        notices.announce(self.site, notices.FILTER)

    def forget_choice(self, domain: str, algorithm: str) -> None:
        dkim_keys.forget_choice(self.site, domain, algorithm)
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
