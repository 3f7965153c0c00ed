"""DKIM keys of the domains (RFC 6376): made when a domain is added, gone when it is removed."""

from __future__ import annotations

from keryx.settings.site import Site


def ensure(site: Site, domain: str) -> None:
    """Make the domain's keys where they are missing."""


def remove(site: Site, domain: str) -> None:
    """Remove the domain's keys."""
