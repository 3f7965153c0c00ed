"""Spam settings of each user: threshold, senders that are let in or taken for spam.

Kept in records.preference; a map file made of all of them is read by Rspamd (its ``settings`` module).
"""

from __future__ import annotations

from dataclasses import dataclass

from keryx.admin.access import Outcome
from keryx.settings.site import Site


@dataclass(frozen=True)
class Spam:
    """A user's settings."""

    threshold: float | None = None
    """Score from which mail is filed to Junk; None is the site's."""
    allow: tuple[str, ...] = ()
    """Addresses, or domains such as ``@example.org``, that are never spam."""
    block: tuple[str, ...] = ()
    """The same, that always are."""


def show(site: Site, address: str) -> Spam:
    """Return an account's settings."""
    raise NotImplementedError


def change(site: Site, address: str, wanted: Spam) -> Outcome:
    """Change them; they work within seconds. Raises BadInput."""
    raise NotImplementedError


def write_map(site: Site) -> bool:
    """Write Rspamd's map of all users anew (as root); return whether it differed."""
    raise NotImplementedError
