"""Limits of a domain: how many accounts and further addresses, how much quota given away together.

They stand in the domain's entry and hold for every way in: single accounts, aliases, imports. Lowering a
limit below what is there already takes nothing away; it refuses what would add to it.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keryx.admin import addresses
from keryx.core import errors
from keryx.core.model import Account, Alias, Domain
from keryx.directory.repositories import Directory
from keryx.settings.names import REQUIRED


@dataclass
class Use:
    """How much of its limits a domain uses."""

    accounts: int = 0
    aliases: int = 0
    """Aliases, lists and catch-alls of its own without the required ones, and aliases of accounts."""
    quota_mb: int = 0
    """What its accounts were given together; an unlimited account adds nothing."""


def use(directory: Directory, name: str) -> Use:
    """Return what a domain uses; this reads all its accounts."""
    return tally(
        itertools.chain(
            directory.accounts.list(name),
            (account for account in directory.accounts.with_alias_in(name) if not _is_in(account, name)),
        ),
        directory.aliases.list(name),
    )[name]


def tally(accounts: Iterable[Account], aliases: Iterable[Alias]) -> Mapping[str, Use]:
    """Return what every domain uses of these."""
    found: dict[str, Use] = collections.defaultdict(Use)
    for account in accounts:
        domain = found[addresses.domain_of(account.address)]
        domain.accounts += 1
        domain.quota_mb += account.quota_mb
        for alias in account.aliases:
            found[addresses.domain_of(alias)].aliases += counts(alias)
    for group in aliases:
        found[addresses.domain_of(group.address)].aliases += counts(group.address)
    return found


def _is_in(account: Account, domain: str) -> bool:
    return addresses.domain_of(account.address) == domain


def check_account(directory: Directory, domain: Domain, before: Account | None, after: Account) -> None:
    """Raise Refused when an account would exceed the limits of its domain, or its aliases those of theirs.

    ``before`` is the account as it is, None for a new one. Nothing is counted where nothing is limited.
    """
    if before is None and domain.max_accounts:
        check_accounts(domain, directory.accounts.count(domain.name) + 1)
    if domain.max_quota_mb and wants_quota(before, after):
        given = use(directory, domain.name).quota_mb - (before.quota_mb if before else 0)
        check_quota(domain, after, given)
    old, new = set(before.aliases) if before else set(), set(after.aliases)
    check_aliases(directory, new - old, old - new)


def wants_quota(before: Account | None, after: Account) -> bool:
    """Whether a change asks for more quota than the account has."""
    if before is None:
        return True
    return after.quota_mb != before.quota_mb and not 0 < after.quota_mb < before.quota_mb


def check_aliases(directory: Directory, new: Iterable[str], gone: Iterable[str] = ()) -> None:
    """Raise Refused when a domain has no room for these new addresses, where others go."""
    for name, count in more(new, gone).items():
        domain = directory.domains.get(name)
        if domain is not None and domain.max_aliases:
            check_alias_count(domain, use(directory, name).aliases + count)


def more(new: Iterable[str], gone: Iterable[str]) -> dict[str, int]:
    """Return by domain how many aliases are added in all, where any are."""
    found = collections.Counter(addresses.domain_of(address) for address in new if counts(address))
    found.subtract(addresses.domain_of(address) for address in gone if counts(address))
    return {name: count for name, count in found.items() if count > 0}


def check_accounts(domain: Domain, count: int) -> None:
    """Raise Refused when the domain may not have so many accounts."""
    if domain.max_accounts and count > domain.max_accounts:
        raise errors.Refused(
            f"The domain {domain.name} may have no more than {domain.max_accounts} accounts.",
            remedy=f"Raise the limit: keryx domain set {domain.name} --max-accounts N",
        )


def check_alias_count(domain: Domain, count: int) -> None:
    """Raise Refused when the domain may not have so many further addresses."""
    if domain.max_aliases and count > domain.max_aliases:
        raise errors.Refused(
            f"The domain {domain.name} may have no more than {domain.max_aliases} aliases.",
            remedy=f"Raise the limit: keryx domain set {domain.name} --max-aliases N",
        )


def check_quota(domain: Domain, account: Account, given_mb: int) -> None:
    """Raise Refused when the domain, which gave ``given_mb`` to others, has not enough left for this one."""
    if not domain.max_quota_mb:
        return
    if not account.quota_mb:
        raise errors.Refused(
            f"The domain {domain.name} shares out {domain.max_quota_mb} MB, so {account.address} cannot be"
            " without a quota.",
            remedy="Give a quota in MiB: --quota N",
        )
    left = max(0, domain.max_quota_mb - given_mb)
    if account.quota_mb > left:
        raise errors.Refused(
            f"The domain {domain.name} has {left} of its {domain.max_quota_mb} MB left, and"
            f" {account.address} would get {account.quota_mb} MB.",
            remedy=f"Give less, or raise the limit: keryx domain set {domain.name} --max-quota N",
        )


def counts(address: str) -> bool:
    """Whether an address counts as an alias: all but the required ones."""
    return address.partition("@")[0] not in REQUIRED
