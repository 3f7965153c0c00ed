"""What people set for their own mail: forwarding, vacation, filter rules.

Kept as entered (records.preference) and compiled to one Sieve script (RFC 5228) named ``keryx``, which
Dovecot runs before the user's own active script.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keryx.admin.access import Outcome
from keryx.settings.site import Site

Field = Literal["from", "to", "subject", "list-id", "size"]
Test = Literal["contains", "is", "matches", "over"]
Do = Literal["fileinto", "discard", "flag", "redirect"]


@dataclass(frozen=True)
class Forwarding:
    """Where mail goes on to."""

    targets: tuple[str, ...] = ()
    keep_copy: bool = True
    active: bool = False


@dataclass(frozen=True)
class Vacation:
    """The answer while away (RFC 5230)."""

    active: bool = False
    subject: str = ""
    text: str = ""
    start: datetime.date | None = None
    """First day; None is at once."""
    end: datetime.date | None = None
    """Last day; None is until switched off."""
    days: int = 7
    """Each sender is answered once in so many days."""


@dataclass(frozen=True)
class Filter:
    """One rule: when a field fits, do something."""

    name: str
    field: Field
    test: Test
    value: str
    """Text; for ``size`` a number of KiB. ``matches`` knows ``*`` and ``?``."""
    action: Do
    argument: str = ""
    """The folder of fileinto, the address of redirect, the flag of flag."""
    stop: bool = True
    """Whether later rules are left out."""
    active: bool = True


def forwarding(site: Site, address: str) -> Forwarding:
    """Return an account's forwarding."""
    raise NotImplementedError


def set_forwarding(site: Site, address: str, wanted: Forwarding) -> Outcome:
    """Change it; raises BadInput, and Refused for a loop."""
    raise NotImplementedError


def vacation(site: Site, address: str) -> Vacation:
    """Return an account's vacation answer."""
    raise NotImplementedError


def set_vacation(site: Site, address: str, wanted: Vacation) -> Outcome:
    """Change it; raises BadInput."""
    raise NotImplementedError


def filters(site: Site, address: str) -> Sequence[Filter]:
    """Return an account's rules, in order."""
    raise NotImplementedError


def set_filters(site: Site, address: str, wanted: Sequence[Filter]) -> Outcome:
    """Replace them all; raises BadInput naming the rule."""
    raise NotImplementedError
