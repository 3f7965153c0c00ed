"""Alias domains: every address of one is the same address in the domain that it belongs to.

Kept in the directory entry of the target domain (``mailDomainAlias``). An alias domain has no accounts and
aliases of its own; it has DKIM keys and DNS records. Its addresses may be used as senders, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keryx.admin.access import Outcome
from keryx.settings.site import Site


def every(site: Site) -> Mapping[str, str]:
    """Return all alias domains with their targets."""
    raise NotImplementedError


def all_of(site: Site, domain: str) -> Sequence[str]:
    """Return the alias domains of a domain, by name; raises NotFound."""
    raise NotImplementedError


def add(site: Site, domain: str, name: str, *, dry_run: bool = False) -> Outcome:
    """Make ``name`` an alias domain of ``domain``, with its DKIM keys. Idempotent."""
    raise NotImplementedError


def remove(site: Site, domain: str, name: str, *, dry_run: bool = False) -> Outcome:
    """Take an alias domain away, with its DKIM keys; raises NotFound."""
    raise NotImplementedError
