"""Who administers the site or a domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keryx.core import errors
from keryx.records import engine
from keryx.settings.site import Site

WHOLE_SITE = ""
"""In place of a domain: the role reaches everything."""


@dataclass(frozen=True)
class Role:
    """An address that administers a domain, or the whole site."""

    address: str
    domain: str = WHOLE_SITE


def of(site: Site, address: str) -> Sequence[Role]:
    """Return the roles of an address, the whole site's first."""
    query = "SELECT address, domain FROM role WHERE address = %(address)s ORDER BY domain"
    return engine.rows(site, Role, query, {"address": address})


def all_of(site: Site, domain: str | None = None) -> Sequence[Role]:
    """Return all roles, or those of a domain (of the whole site: ``WHOLE_SITE``)."""
    query = """SELECT address, domain FROM role WHERE %(domain)s::text IS NULL OR domain = %(domain)s
        ORDER BY domain, address"""
    return engine.rows(site, Role, query, {"domain": domain})


def add(site: Site, address: str, domain: str = WHOLE_SITE) -> bool:
    """Give a role; return whether it was new."""
    query = "INSERT INTO role (address, domain) VALUES (%(address)s, %(domain)s) ON CONFLICT DO NOTHING"
    return engine.execute(site, query, {"address": address, "domain": domain}) == 1


def remove(site: Site, address: str, domain: str = WHOLE_SITE) -> bool:
    """Take a role away; return whether it was there. Raises Refused for the last one of the site.

    The table is locked meanwhile: of two administrators who remove each other, one stays.
    """
    with engine.connection(site) as opened:
        opened.execute("LOCK TABLE role IN SHARE ROW EXCLUSIVE MODE")
        found = opened.execute(
            "DELETE FROM role WHERE address = %s AND domain = %s", [address, domain]
        ).rowcount
        left = opened.execute("SELECT 1 FROM role WHERE domain = %s LIMIT 1", [WHOLE_SITE]).fetchone()
        if found and domain == WHOLE_SITE and left is None:
            raise errors.Refused(
                f"{address} is the last administrator of the site.",
                remedy="Make somebody else one first.",
            )
    return found == 1
