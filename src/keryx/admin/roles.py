"""Administrators: who has which role beyond the own account.

Kept in the records, not in the directory: an external directory need not know of them. As long as no site
administrator is recorded at all, ``administrator`` of keryx.yaml is one, so that nobody is locked out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from keryx.admin import addresses
from keryx.admin.access import Outcome, reading
from keryx.core import errors
from keryx.records import roles as kept
from keryx.settings.site import Site

Name = Literal["site", "domain", "user"]


@dataclass(frozen=True)
class Grant:
    """A role: of the whole site (empty domain), or of one domain."""

    address: str
    domain: str = ""


@dataclass(frozen=True)
class Standing:
    """What an address may do beyond its own account."""

    role: Name = "user"
    domains: frozenset[str] = field(default_factory=frozenset)
    """Domains of a domain administrator; empty for a site administrator."""
    super_user: bool = False
    """Whether the account may use any sender address."""


NOBODY = Standing()


def of(site: Site, address: str) -> Standing:
    """Return the recorded role of an account (``super_user`` is not looked up)."""
    domains = {role.domain for role in kept.of(site, address)}
    if kept.WHOLE_SITE in domains or _stands_in(site, address):
        return Standing("site")
    return Standing("domain", frozenset(domains)) if domains else NOBODY


def standing(site: Site, address: str) -> Standing:
    """Return the role of the account that has this address, as its own or as an alias."""
    with reading(site) as directory:
        account = directory.accounts.with_address(address)
    found = of(site, account.address if account else address)
    return Standing(found.role, found.domains, account.super_user if account else False)


def all_of(site: Site, domain: str | None = None) -> Sequence[Grant]:
    """Return the grants: all, the site's (``""``) or one domain's."""
    found = [Grant(role.address, role.domain) for role in kept.all_of(site, domain)]
    if domain in (None, kept.WHOLE_SITE) and not any(grant.domain == kept.WHOLE_SITE for grant in found):
        found.insert(0, Grant(site.settings.administrator_address))
    return found


def add(site: Site, address: str, domain: str = "", *, dry_run: bool = False) -> Outcome:
    """Make an account administrator of a domain, or of the whole site. Idempotent."""
    wanted = addresses.own_address(address)
    name = addresses.domain_name(domain) if domain else kept.WHOLE_SITE
    first = site.settings.administrator_address
    with reading(site) as directory:
        stand_in = directory.accounts.get(first) is not None
        if directory.accounts.get(wanted) is None:
            raise errors.NotFound(f"There is no account {wanted}.", remedy=f"Add it: keryx user add {wanted}")
        if name and directory.domains.get(name) is None:
            raise errors.NotFound(f"There is no domain {name}.", remedy="See keryx domain list.")
    said = f"{wanted} administers {name or 'the whole site'}"
    if Grant(wanted, name) in all_of(site, name) and (name or not _stands_in(site, wanted)):
        return Outcome(False, (f"{said} already; nothing changed.",))
    if not dry_run:
        if not name and stand_in and _stands_in(site, first):
            # Giving the role to somebody else must not take it from who had it while nobody was recorded.
            kept.add(site, first, name)
        kept.add(site, wanted, name)
    return Outcome(True, (f"{said} now.",))


def remove(site: Site, address: str, domain: str = "", *, dry_run: bool = False) -> Outcome:
    """Take a role away; raises NotFound, and Refused for the last site administrator."""
    wanted = addresses.own_address(address)
    name = addresses.domain_name(domain) if domain else kept.WHOLE_SITE
    what = name or "the whole site"
    if Grant(wanted, name) not in all_of(site, name):
        raise errors.NotFound(f"{wanted} does not administer {what}.", remedy="See keryx admin list.")
    if not name and all_of(site, name) == [Grant(wanted)]:
        raise errors.Refused(
            f"{wanted} is the last administrator of the site.", remedy="Make somebody else one first."
        )
    if not dry_run:
        kept.remove(site, wanted, name)
    return Outcome(True, (f"{wanted} no longer administers {what}.",))


def _stands_in(site: Site, address: str) -> bool:
    """Whether this is the administrator of keryx.yaml while nobody is recorded."""
    return address == site.settings.administrator_address and not kept.all_of(site, kept.WHOLE_SITE)
