"""Domains: those whose mail is accepted here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from keryx.admin import addresses, aliases, dkim, dkim_forms, effects, limits, search
from keryx.admin.access import Outcome, reading, writing
from keryx.core import errors
from keryx.core.model import Account, Alias, Domain
from keryx.directory.repositories import Directory
from keryx.settings.names import REQUIRED
from keryx.settings.site import Site


@dataclass(frozen=True)
class Summary:
    """A domain with how much is in it."""

    name: str
    description: str
    default_quota_mb: int | None
    max_accounts: int
    max_aliases: int
    max_quota_mb: int
    alias_domains: tuple[str, ...]
    accounts: int
    aliases: int
    """Aliases, lists and catch-alls of its own, and aliases of accounts."""
    quota_given_mb: int
    """What its accounts were given together."""


def all_of(site: Site) -> Sequence[Summary]:
    """Return all domains, by name."""
    with reading(site) as directory:
        # Reading all accounts takes a while where there are very many.
        used = search.known_use(site)
        if used is None:
            used = limits.tally(directory.accounts.list(), directory.aliases.list())
        return [summary(domain, used.get(domain.name, limits.Use())) for domain in directory.domains.list()]


def show(site: Site, name: str) -> Summary:
    """Return a domain; raises NotFound."""
    with reading(site) as directory:
        domain = _get(directory, addresses.domain_name(name))
        used = search.known_use(site)
        if used is None:
            return summary(domain, limits.use(directory, domain.name))
        return summary(domain, used.get(domain.name, limits.Use()))


def add(
    site: Site,
    name: str,
    *,
    description: str = "",
    default_quota_mb: int | None = None,
    max_accounts: int = 0,
    max_aliases: int = 0,
    max_quota_mb: int = 0,
    if_missing: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Add a domain with its postmaster and abuse addresses and its DKIM keys.

    With ``if_missing`` one that exists is completed: whatever it lacks of these is added.
    """
    domain = Domain(
        addresses.domain_name(name), description, default_quota_mb, max_accounts, max_aliases, max_quota_mb
    )
    _check_numbers(domain)
    with writing(site) as directory:
        exists = directory.domains.get(domain.name) is not None
        if exists and not if_missing:
            raise errors.Exists(
                f"The domain {domain.name} exists already.", remedy=f"See keryx domain show {domain.name}"
            )
        target = directory.domains.with_alias_domain(domain.name)
        if target is not None:
            raise errors.Exists(
                f"{domain.name} is an alias domain of {target.name}.",
                remedy=f"Remove it there first: keryx domain alias remove {target.name} {domain.name}",
            )
        missing = _missing_aliases(site, directory, domain.name)
        # One that came by ldapadd has neither keys nor the required addresses: completed.
        unsigned = not dkim.complete(site, domain.name)
        if not dry_run:
            # The keys first: no message may leave unsigned.
            dkim.ensure(site, domain.name)
            if not exists:
                directory.domains.add(domain)
            for alias in missing:
                directory.aliases.add(alias)
    said = [] if exists else [f"Added the domain {domain.name}."]
    said += [f"Added the alias {alias.address}: it delivers to {alias.targets[0]}." for alias in missing]
    if exists and unsigned:
        said.append(f"Made the DKIM keys of {domain.name}; publish them: keryx dkim show {domain.name}")
    if not said:
        return Outcome(False, (f"The domain {domain.name} exists already; nothing changed.",))
    return Outcome(True, tuple(said))


def make_keys(site: Site, names: Sequence[str] = (), *, dry_run: bool = False) -> Outcome:
    """Make the DKIM keys that domains lack; of all domains when none is named.

    For domains that came into the directory without Keryx; nothing is written there.
    """
    with reading(site) as directory:
        if names:
            wanted = [_name(directory, addresses.domain_name(name)) for name in names]
        else:
            every = directory.domains.list()
            wanted = [name for domain in every for name in (domain.name, *domain.alias_domains)]
    missing = [name for name in wanted if not dkim.complete(site, name)]
    if not missing:
        return Outcome(False, ("Every domain has its DKIM keys; nothing changed.",))
    if not dry_run:
        for name in missing:
            dkim.ensure(site, name)
    return Outcome(
        True, tuple(f"Made the DKIM keys of {name}; publish them: keryx dkim show {name}" for name in missing)
    )


def bring_key(
    site: Site, name: str, selector: str, private: str, *, replace: bool = False, dry_run: bool = False
) -> Outcome:
    """Take over the DKIM key whose public part is published already, and sign the domain's mail with it."""
    with reading(site) as directory:
        domain = _name(directory, addresses.domain_name(name))
    came = dkim.bring(site, domain, selector, private, replace=replace, dry_run=dry_run)
    what = f"the {came.key.algorithm} key {came.key.selector}"
    if not came.changed:
        return Outcome(False, (f"{domain} signs with {what} already; nothing changed.",))
    said = [f"{domain} signs with {what} now; this record must be published: {came.key.record_name}"]
    if came.key.algorithm == "rsa" and came.bits < dkim_forms.RSA_BITS:
        said.append(
            f"It has only {came.bits} bits; sign with a longer one when you can: "
            f"keryx dkim use {domain} SELECTOR"
        )
    return Outcome(True, tuple(said))


def use_key(site: Site, name: str, selector: str, *, dry_run: bool = False) -> Outcome:
    """Sign the domain's mail with a key that is kept, instead of the other one of its algorithm."""
    domain = addresses.domain_name(name)
    if not dkim.use(site, domain, selector, dry_run=dry_run):
        return Outcome(False, (f"{domain} signs with {selector} already; nothing changed.",))
    return Outcome(True, (f"{domain} signs with {selector} now; see keryx dkim show {domain}",))


def lacking(site: Site) -> list[str]:
    """Return what the directory needs before the suite can work with it, as sentences.

    For directories that somebody else writes: their first domain, and who gets the postmaster's
    mail. Raises Unreachable when the directory does not answer.
    """
    wanted, access = site.settings.directory, site.directory
    said = []
    with reading(site) as directory:
        if directory.domains.get(site.settings.domain) is None:
            entry = f"{wanted.domain_attribute}={site.settings.domain},{access.domain_base}"
            said.append(f"the domain: {entry} (objectClass {wanted.domain_object_class}).")
        target = _absent_target(site, directory)
        if target:
            said.append(
                f"{target}, who gets the mail of postmaster and abuse;"
                " add that account, or name another in postmaster in keryx.yaml."
            )
    return said


def absent_target(site: Site) -> str:
    """Return who should get the mail of postmaster and abuse when there is no such address; else nothing."""
    with reading(site) as directory:
        return _absent_target(site, directory)


def _absent_target(site: Site, directory: Directory) -> str:
    target = site.settings.role_target
    ours = directory.domains.get(addresses.domain_of(target)) is not None
    return target if ours and directory.holder(target) is None else ""


def change(
    site: Site,
    name: str,
    *,
    description: str | None = None,
    default_quota_mb: int | None = None,
    max_accounts: int | None = None,
    max_aliases: int | None = None,
    max_quota_mb: int | None = None,
    sites_quota: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Change what is kept about a domain; what is None stays. With ``sites_quota`` it has no default of its
    own any more: new accounts take the site's."""
    with writing(site) as directory:
        before = _get(directory, addresses.domain_name(name))
        wanted = {
            "description": description,
            "default_quota_mb": default_quota_mb,
            "max_accounts": max_accounts,
            "max_aliases": max_aliases,
            "max_quota_mb": max_quota_mb,
        }
        given = {key: value for key, value in wanted.items() if value is not None}
        after = dataclasses.replace(before, **given)  # type: ignore[arg-type]
        if sites_quota:
            after = dataclasses.replace(after, default_quota_mb=None)
        _check_numbers(after)
        if after == before:
            return Outcome(False, (f"The domain {before.name} is so already; nothing changed.",))
        if not dry_run:
            directory.domains.change(after)
    return Outcome(True, (f"Changed the domain {after.name}.",))


def remove(
    site: Site, name: str, *, force: bool = False, purge_mail: bool = False, dry_run: bool = False
) -> Outcome:
    """Remove a domain; with ``force`` also one that has accounts, together with them.

    Mail stays on disk unless ``purge_mail``. DKIM keys go.
    """
    wanted = addresses.domain_name(name)
    with writing(site) as directory:
        domain = _get(directory, wanted)
        # Whoever may not touch the keys learns it before anything has gone.
        dkim.complete(site, wanted)
        accounts = list(directory.accounts.list(wanted))
        groups = directory.aliases.list(wanted)
        guests = [
            account
            for account in directory.accounts.with_alias_in(wanted)
            if addresses.domain_of(account.address) != wanted
        ]
        if not force:
            _check_empty(site, domain, accounts, groups, guests)
        said = [f"Removed the domain {wanted}."]
        gone = [address for account in accounts for address in account.addresses]
        for address in [*gone, *(group.address for group in groups)]:
            said += aliases.without_target(directory, address, spare=wanted, dry_run=dry_run)
        for guest in guests:
            kept = tuple(alias for alias in guest.aliases if addresses.domain_of(alias) != wanted)
            said.append(f"The account {guest.address} lost its aliases in {wanted}.")
            if not dry_run:
                directory.accounts.change(dataclasses.replace(guest, aliases=kept))
        if not dry_run:
            _remove(site, directory, domain, accounts, groups)
    said.append(f"Removed {_count(len(accounts), 'account')} and {_count(len(groups), 'alias', 'aliases')}.")
    if not dry_run:
        said += effects.forget_domain(site, wanted)
    for account in accounts:
        said += after_removal(site, account, purge_mail=purge_mail, dry_run=dry_run)
    return Outcome(True, tuple(said))


def _remove(
    site: Site, directory: Directory, domain: Domain, accounts: Sequence[Account], groups: Sequence[Alias]
) -> None:
    """Remove all that a domain has, its own entry last: a removal cut short can be repeated."""
    for group in groups:
        directory.aliases.remove(group.address)
    for account in accounts:
        directory.accounts.remove(account.address)
    for name in (domain.name, *domain.alias_domains):
        dkim.remove(site, name)
    directory.domains.remove(domain.name)


def _check_empty(
    site: Site,
    domain: Domain,
    accounts: Sequence[Account],
    groups: Sequence[Alias],
    guests: Sequence[Account],
) -> None:
    """Raise when somebody would miss the domain, or when it is the site's first."""
    name = domain.name
    required = [f"{local}@{name}" for local in REQUIRED]
    made = [group.address for group in groups if group.address not in required]
    found = [
        _count(len(accounts), "account") if accounts else "",
        _count(len(made), "alias", "aliases") if made else "",
        f"{_count(len(guests), 'account')} elsewhere with an alias in it" if guests else "",
        _count(len(domain.alias_domains), "alias domain") if domain.alias_domains else "",
    ]
    if any(found):
        raise errors.Refused(
            f"The domain {name} still has {' and '.join(part for part in found if part)}.",
            remedy=f"Remove them first, or all at once: keryx domain remove {name} --force",
        )
    if name == site.settings.domain:
        raise errors.Refused(
            f"{name} is the site's first domain (domain in keryx.yaml).",
            remedy="Use --force if it has to go all the same.",
        )


def after_removal(site: Site, account: Account, *, purge_mail: bool, dry_run: bool) -> list[str]:
    """End the sessions of a removed account and say where its mail stays; or remove the mail."""
    said: list[str] = []
    address = account.address
    if not dry_run:
        said += effects.forget(site, *account.addresses, disconnect=True)
        said += effects.forget_records(site, address)
    if purge_mail and not dry_run:
        return said + _purge(site, address)
    if not effects.has_mailbox(site, address):
        return said
    if not purge_mail:
        return [*said, f"The mail of {address} stays on disk; a new account of that address finds it again."]
    return [*said, f"Removed the mail of {address}."]


def _purge(site: Site, address: str) -> list[str]:
    """Remove a mailbox whose account is gone by now; say so, or why it is still there."""
    said = [*effects.purge_webmail(site, address)]
    try:
        gone = effects.purge(site, address)
    except errors.KeryxError as error:
        return [*said, f"The mail of {address} is still on disk: {error.sentence}"]
    return [*said, f"Removed the mail of {address}."] if gone else said


def _missing_aliases(site: Site, directory: Directory, name: str) -> list[Alias]:
    """Return the required addresses that nobody has yet, as aliases to who answers for the site."""
    target = site.settings.role_target
    wanted = [Alias(f"{local}@{name}", (target,)) for local in REQUIRED]
    return [alias for alias in wanted if alias.address != target and not directory.holder(alias.address)]


def _check_numbers(domain: Domain) -> None:
    numbers = (domain.max_accounts, domain.max_aliases, domain.max_quota_mb, domain.default_quota_mb or 0)
    if min(numbers) < 0:
        raise errors.BadInput(
            f"The limits of {domain.name} cannot be below 0.", remedy="Write 0 for no limit."
        )


def _get(directory: Directory, name: str) -> Domain:
    domain = directory.domains.get(name)
    if domain is None:
        raise errors.NotFound(f"There is no domain {name}.", remedy="See keryx domain list.")
    return domain


def _name(directory: Directory, name: str) -> str:
    """Return the name of a domain or an alias domain; raises NotFound."""
    return name if directory.domains.with_alias_domain(name) else _get(directory, name).name


def summary(domain: Domain, used: limits.Use) -> Summary:
    """Return a domain together with what it uses."""
    return Summary(
        **dataclasses.asdict(domain),
        accounts=used.accounts,
        aliases=used.aliases,
        quota_given_mb=used.quota_mb,
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
