"""Alias domains: every address of one is the same address in the domain that it belongs to.

Kept in the directory entry of the target domain (``mailDomainAlias``); Postfix looks it up. An alias domain
has no accounts and aliases of its own, so nothing takes precedence over the target: ``sales@alias`` is
whatever ``sales@target`` is, and only where the target knows no such address its catch-all counts. Its
addresses may be used as senders, too; it has DKIM keys and DNS records of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from keryx.admin import addresses, dkim
from keryx.admin.access import Outcome, reading, writing
from keryx.core import errors
from keryx.core.model import Domain
from keryx.directory.repositories import Directory
from keryx.settings.site import Site


def every(site: Site) -> Mapping[str, str]:
    """Return all alias domains with their targets."""
    with reading(site) as directory:
        return {alias: domain.name for domain in directory.domains.list() for alias in domain.alias_domains}


def all_of(site: Site, domain: str) -> Sequence[str]:
    """Return the alias domains of a domain, by name; raises NotFound."""
    with reading(site) as directory:
        return _get(directory, addresses.domain_name(domain)).alias_domains


def add(site: Site, domain: str, name: str, *, dry_run: bool = False) -> Outcome:
    """Make ``name`` an alias domain of ``domain``, with its DKIM keys. Idempotent."""
    wanted = addresses.domain_name(name)
    with writing(site) as directory:
        target = _get(directory, addresses.domain_name(domain))
        known = wanted in target.alias_domains
        if not known:
            _check_free(directory, wanted)
        if not dry_run:
            # The keys first: no message may leave unsigned.
            dkim.ensure(site, wanted)
        if known:
            return Outcome(False, (f"{wanted} is an alias domain of {target.name} already.",))
        if not dry_run:
            names = tuple(sorted({*target.alias_domains, wanted}))
            directory.domains.change(dataclasses.replace(target, alias_domains=names))
    return Outcome(
        True,
        (
            f"Mail for any address at {wanted} goes to the same address at {target.name} now.",
            f"Publish its DNS records: keryx dkim show {wanted}",
        ),
    )


def remove(site: Site, domain: str, name: str, *, dry_run: bool = False) -> Outcome:
    """Take an alias domain away, with its DKIM keys; raises NotFound."""
    wanted = addresses.domain_name(name)
    with writing(site) as directory:
        target = _get(directory, addresses.domain_name(domain))
        if wanted not in target.alias_domains:
            raise errors.NotFound(
                f"{wanted} is no alias domain of {target.name}.",
                remedy=f"See keryx domain alias list {target.name}",
            )
        if not dry_run:
            names = tuple(alias for alias in target.alias_domains if alias != wanted)
            directory.domains.change(dataclasses.replace(target, alias_domains=names))
            dkim.remove(site, wanted)
    return Outcome(True, (f"Mail for {wanted} is no longer accepted.",))


def _check_free(directory: Directory, name: str) -> None:
    """Raise when the name is a domain, an alias domain, or the domain of an address here already."""
    if directory.domains.get(name) is not None:
        raise errors.Exists(
            f"{name} is a domain of its own here.", remedy=f"Remove it first: keryx domain remove {name}"
        )
    other = directory.domains.with_alias_domain(name)
    if other is not None:
        raise errors.Exists(
            f"{name} is an alias domain of {other.name}.",
            remedy=f"Remove it there first: keryx domain alias remove {other.name} {name}",
        )


def _get(directory: Directory, name: str) -> Domain:
    domain = directory.domains.get(name)
    if domain is not None:
        return domain
    target = directory.domains.with_alias_domain(name)
    if target is not None:
        raise errors.Refused(
            f"{name} is an alias domain itself, of {target.name}.",
            remedy=f"Make it an alias domain of {target.name}.",
        )
    raise errors.NotFound(f"There is no domain {name}.", remedy="See keryx domain list.")
