"""Administrators: who has which role beyond the own account.

Kept in the records, not in the directory: an external directory need not know of them. As long as no site
administrator is recorded at all, ``administrator`` of keryx.yaml is one, so that nobody is locked out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from keryx.admin.access import Outcome
from keryx.settings.site import Site


@dataclass(frozen=True)
class Grant:
    """A role: of the whole site (empty domain), or of one domain."""

    address: str
    domain: str = ""


@dataclass(frozen=True)
class Standing:
    """What an address may do beyond its own account."""

    role: str = "user"
    """``site``, ``domain`` or ``user``."""
    domains: frozenset[str] = field(default_factory=frozenset)
    """Domains of a domain administrator; empty for a site administrator."""
    super_user: bool = False
    """Whether the account may use any sender address."""


NOBODY = Standing()


def of(site: Site, address: str) -> Standing:
    """Return the recorded role of an account (``super_user`` is not looked up)."""
    raise NotImplementedError


def standing(site: Site, address: str) -> Standing:
    """Return the role of the account that has this address, as its own or as an alias."""
    raise NotImplementedError


def all_of(site: Site, domain: str | None = None) -> Sequence[Grant]:
    """Return the grants: all, the site's (``""``) or one domain's."""
    raise NotImplementedError


def add(site: Site, address: str, domain: str = "", *, dry_run: bool = False) -> Outcome:
    """Make an account administrator of a domain, or of the whole site. Idempotent."""
    raise NotImplementedError


def remove(site: Site, address: str, domain: str = "", *, dry_run: bool = False) -> Outcome:
    """Take a role away; raises NotFound, and Refused for the last site administrator."""
    raise NotImplementedError
