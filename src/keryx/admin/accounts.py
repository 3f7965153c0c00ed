"""Accounts: who logs in and has a mailbox."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from keryx.admin import addresses, aliases, effects, limits, passwords
from keryx.admin.access import Outcome, reading, writing
from keryx.admin.domains import after_removal
from keryx.core import errors, password
from keryx.core.model import Account, Domain
from keryx.directory.repositories import Directory
from keryx.settings.site import Site


@dataclass(frozen=True)
class NewAccount:
    """An account to be made."""

    address: str
    password: str = field(repr=False)
    name: str = ""
    quota_mb: int | None = None
    """None takes the domain's default, or else the site's."""
    aliases: tuple[str, ...] = ()
    active: bool = True
    send_only: bool = False
    super_user: bool = False

    def account(self, site: Site, domain: Domain) -> Account:
        """Return the account as the directory will have it."""
        quota = default_quota_mb(site, domain) if self.quota_mb is None else self.quota_mb
        return Account(
            addresses.account_address(self.address),
            " ".join(self.name.split()),
            tuple(sorted({addresses.own_address(text) for text in self.aliases})),
            self.active,
            quota,
            self.send_only,
            self.super_user,
        )


@dataclass(frozen=True)
class Changes:
    """What to change of an account; what is None stays."""

    name: str | None = None
    quota_mb: int | None = None
    active: bool | None = None
    send_only: bool | None = None
    super_user: bool | None = None
    host: str | None = None
    add_aliases: tuple[str, ...] = ()
    remove_aliases: tuple[str, ...] = ()

    def applied(self, account: Account) -> Account:
        """Return the account as it will be."""
        plain = ("name", "quota_mb", "active", "send_only", "super_user", "host")
        given = {key: getattr(self, key) for key in plain if getattr(self, key) is not None}
        kept = set(account.aliases) - {addresses.own_address(text) for text in self.remove_aliases}
        wanted = kept | {addresses.own_address(text) for text in self.add_aliases}
        return dataclasses.replace(account, **given, aliases=tuple(sorted(wanted)))


def all_of(site: Site, domain: str = "") -> Sequence[Account]:
    """Return the accounts of a domain, or all, by address."""
    with reading(site) as directory:
        found = directory.accounts.list(addresses.domain_name(domain) if domain else "")
        return sorted(found, key=lambda account: account.address)


def show(site: Site, address: str) -> Account:
    """Return an account; raises NotFound."""
    with reading(site) as directory:
        return _get(directory, addresses.own_address(address))


def default_quota_mb(site: Site, domain: Domain) -> int:
    """Return the limit of a new account of a domain, in MiB."""
    own = domain.default_quota_mb
    return site.settings.default_quota_mb if own is None else own


def add(site: Site, new: NewAccount, *, if_missing: bool = False, dry_run: bool = False) -> Outcome:
    """Add an account with its password."""
    wanted = addresses.account_address(new.address)
    with writing(site) as directory:
        domain = addresses.managed(directory, wanted)
        if if_missing and directory.accounts.get(wanted):
            return Outcome(False, (f"The account {wanted} exists already; nothing changed.",))
        account = new.account(site, domain)
        for alias in account.aliases:
            addresses.managed(directory, alias)
        addresses.free(directory, account.addresses)
        passwords.check(new.password, wanted)
        check_quota(site, account, force=True)
        limits.check_account(directory, domain, None, account)
        if not dry_run:
            directory.accounts.add(account, password.hashed(new.password))
    said = [f"Added the account {wanted}."]
    if effects.has_mailbox(site, wanted):
        said.append("It takes over the mail that an earlier account of this address left on disk.")
    if not dry_run:
        # A login that was tried before the account existed is remembered as failed.
        said += effects.forget(site, *account.addresses, disconnect=False)
        # Nor may it come by the roles and rules of an earlier account of that address.
        effects.forget_records(site, wanted)
    return Outcome(True, tuple(said))


def change(
    site: Site, address: str, changes: Changes, *, force: bool = False, dry_run: bool = False
) -> Outcome:
    """Change an account."""
    wanted = addresses.own_address(address)
    with writing(site) as directory:
        before = _get(directory, wanted)
        after = changes.applied(before)
        if after == before:
            return Outcome(False, (f"The account {wanted} is so already; nothing changed.",))
        if changes.quota_mb is not None:
            check_quota(site, after, force=force)
        new = set(after.aliases) - set(before.aliases)
        for alias in sorted(new):
            addresses.managed(directory, alias)
        addresses.free(directory, [wanted, *sorted(new)], owner=wanted)
        domain = directory.domains.get(addresses.domain_of(wanted))
        if domain is not None:
            limits.check_account(directory, domain, before, after)
        if not force:
            check_administrator(site, before, after)
            if not _receives(after) and _receives(before):
                _check_not_catch_all(directory, after)
            for gone in sorted(set(before.aliases) - set(after.aliases)):
                _check_not_target(directory, gone)
        elsewhere = addresses.in_alias_domains(directory, {*before.addresses, *after.addresses})
        if not dry_run:
            directory.accounts.change(after)
    said = [f"Changed the account {wanted}: {_difference(before, after)}."]
    if not dry_run:
        aliases_of_both = {*before.aliases, *after.aliases, *elsewhere}
        ends = before.active and not after.active
        said += effects.forget(site, wanted, *aliases_of_both, disconnect=ends)
        if before.aliases != after.aliases:
            said += effects.refresh_script(site, wanted)
        if ends:
            said += effects.sign_out(site, wanted)
    return Outcome(True, tuple(said))


def set_password(site: Site, address: str, secret: str, *, dry_run: bool = False) -> Outcome:
    """Give an account another password; sessions that used the old one end."""
    wanted = addresses.own_address(address)
    passwords.check(secret, wanted)
    with writing(site) as directory:
        _get(directory, wanted)
        if not dry_run:
            directory.accounts.set_password(wanted, password.hashed(secret))
    said = [f"Changed the password of {wanted}."]
    if not dry_run:
        said += effects.forget(site, wanted, disconnect=True)
        said += effects.sign_out(site, wanted)
    return Outcome(True, tuple(said))


def remove(
    site: Site, address: str, *, force: bool = False, purge_mail: bool = False, dry_run: bool = False
) -> Outcome:
    """Remove an account. Its mail stays on disk unless ``purge_mail``."""
    wanted = addresses.own_address(address)
    with writing(site) as directory:
        account = _get(directory, wanted)
        if not force:
            check_administrator(site, account, None)
            for own in account.addresses:
                _check_not_target(directory, own)
        said = [f"Removed the account {wanted}."]
        for own in account.addresses:
            said += aliases.without_target(directory, own, dry_run=dry_run)
        if not dry_run:
            directory.accounts.remove(wanted)
    said += after_removal(site, account, purge_mail=purge_mail, dry_run=dry_run)
    return Outcome(True, tuple(said))


def check_quota(site: Site, account: Account, *, force: bool) -> None:
    """Raise when a limit is impossible, or below what the mailbox holds already."""
    if account.quota_mb < 0:
        raise errors.BadInput(
            f"A quota of {account.quota_mb} MB cannot be.", remedy="Write the limit in MiB, 0 for none."
        )
    if account.quota_mb == 0 or force:
        return
    used = effects.quota_use_mb(site, account.address)
    if used is not None and used > account.quota_mb:
        raise errors.Refused(
            f"A quota of {account.quota_mb} MB is below what {account.address} uses now: {used:.0f} MB.",
            remedy="Give more, or use --force: then no mail is accepted until the user has made room.",
        )


def check_administrator(site: Site, before: Account, after: Account | None) -> None:
    """Raise when the site's administrator would go or could no longer receive mail."""
    if before.address != site.settings.administrator_address:
        return
    if after is None or (before.active and not after.active) or (after.send_only and not before.send_only):
        raise errors.Refused(
            f"{before.address} is the site's administrator and gets its postmaster's mail.",
            remedy="Use --force if it has to be all the same.",
        )


def _check_not_target(directory: Directory, address: str) -> None:
    found = [alias.address for alias in directory.aliases.with_target(address)]
    if found:
        raise errors.Refused(
            f"{address} is a target of {', '.join(found)}.",
            remedy="Change those first, or use --force, which takes it out there.",
        )


def _receives(account: Account) -> bool:
    return account.active and not account.send_only


def _check_not_catch_all(directory: Directory, account: Account) -> None:
    """Raise when a catch-all would deliver to nobody: its mail would be taken and discarded.

    Postfix refuses mail for a full address whose only target receives nothing; what a catch-all
    catches it takes for deliverable.
    """
    for own in account.addresses:
        for alias in directory.aliases.with_target(own):
            if alias.address.startswith("@") and alias.active and len(alias.targets) == 1:
                raise errors.Refused(
                    f"{own} is the only target of {alias.address}, whose mail nobody would get then.",
                    remedy=f"Change it first (keryx alias set {alias.address} --to ...), or use --force.",
                )


def _get(directory: Directory, address: str) -> Account:
    account = directory.accounts.get(address)
    if account is None:
        holder = directory.holder(address)
        remedy = f"The address belongs to {holder}." if holder else "See keryx user list."
        raise errors.NotFound(f"There is no account {address}.", remedy=remedy)
    return account


def _difference(before: Account, after: Account) -> str:
    said = []
    for part in dataclasses.fields(Account):
        old, new = getattr(before, part.name), getattr(after, part.name)
        if old != new:
            said.append(f"{part.name} {_shown(old)} to {_shown(new)}")
    return "; ".join(said)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "empty"
