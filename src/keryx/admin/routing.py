"""How an address is resolved, by the very rules of Postfix's tables (components/postfix/lookups.py).

An address is looked up as it is, then without its extension (``+...``), then as ``@domain``; each time in
the tables in their order: accounts (those that receive), aliases and lists, the same in the target of an
alias domain, accounts that receive nothing, the addresses that every domain must have, and for an address
without extension in an alias domain the target's catch-all. So an entry for the full address always comes
before a catch-all, in an alias domain as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from keryx.core.model import Account, Alias
from keryx.directory.repositories import Directory
from keryx.settings.site import Site

Rule = Literal["account", "alias", "alias-domain", "catch-all", "inactive", "send-only", "required"]

CARRIED = re.compile(r"[^+/%*$?`{|}]+")
"""Account addresses that Dovecot can carry (Postfix's map ``carried``)."""
REQUIRED = re.compile(r"(?:postmaster|abuse)@.+")


@dataclass(frozen=True)
class Match:
    """What the tables say to an address."""

    rule: Rule
    key: str
    """What was found: the address, without its extension, or ``@domain``."""
    entry: str
    """The entry's own address."""
    targets: tuple[str, ...]
    """Where it leads; for an account its own address, for one that receives nothing none."""


class Router:
    """Resolves addresses with one open directory, or as with an alias that is not yet written there."""

    def __init__(self, site: Site, directory: Directory, wanted: Alias | None = None) -> None:
        self._site, self._directory, self._wanted = site, directory, wanted
        self._homes: dict[str, str] = {}

    def home(self, domain: str) -> str:
        """Return the domain that a domain's addresses belong to: itself, or the target of an alias domain.

        Empty for a domain that is none of ours.
        """
        if domain not in self._homes:
            found = self._directory.domains.get(domain) or self._directory.domains.with_alias_domain(domain)
            self._homes[domain] = found.name if found else ""
        return self._homes[domain]

    def at_home(self, address: str) -> str:
        """Return an address of an alias domain as the one in its target; any other as it is."""
        local, _, domain = address.rpartition("@")
        home = self.home(domain)
        return f"{local}@{home}" if home else address

    def match(self, address: str) -> Match | None:
        """Return what the tables say to an address; None when nothing."""
        for key in keys(address):
            found = self._found(key, "catch-all" if key.startswith("@") else "alias")
            if found is None:
                local, _, domain = key.rpartition("@")
                home = self.home(domain)
                if local and home and home != domain:
                    found = self._found(f"{local}@{home}", "alias-domain")
                    if found is not None and found.rule == "account":
                        found = Match("alias-domain", key, found.entry, found.targets)
            if found is None and REQUIRED.fullmatch(key) and self.home(key.rpartition("@")[2]):
                found = Match("required", key, key, (self._site.settings.role_target,))
            if found is None and not key.startswith("@") and "+" not in key:
                found = self._catch_all_of_target(key)
            if found is not None:
                return Match(found.rule, key, found.entry, with_extension(found.targets, address, key))
        return None

    def account(self, address: str) -> Account | None:
        """Return the account that has an address as its own or as an alias."""
        return self._directory.accounts.with_address(address)

    def receives(self, account: Account) -> bool:
        """Whether mail for an account is accepted."""
        return account.active and not account.send_only and self._site.settings.mailboxes

    def _catch_all_of_target(self, key: str) -> Match | None:
        domain = key.rpartition("@")[2]
        home = self.home(domain)
        caught = self._found(f"@{home}", "catch-all") if home and home != domain else None
        return caught and Match("catch-all", key, caught.entry, caught.targets)

    def _found(self, key: str, rule: Rule) -> Match | None:
        account = None if key.startswith("@") else self._directory.accounts.with_address(key)
        if account is not None and self.receives(account):
            if CARRIED.fullmatch(account.address):
                return Match("account", key, account.address, (account.address,))
            account = None
        wanted = self._wanted
        alias = wanted if wanted and wanted.address == key else self._directory.aliases.get(key)
        if alias is not None and alias.active:
            return Match(rule, key, alias.address, alias.targets)
        if account is not None:
            return Match("send-only" if account.active else "inactive", key, account.address, ())
        return None


def keys(address: str) -> tuple[str, ...]:
    """Return what an address is looked up as, in order."""
    local, _, domain = address.rpartition("@")
    plain = local.partition("+")[0]
    without = (f"{plain}@{domain}",) if plain and plain != local else ()
    return (address, *without, f"@{domain}")


def with_extension(targets: tuple[str, ...], address: str, key: str) -> tuple[str, ...]:
    """Return targets with the extension that the key did not have (propagate_unmatched_extensions)."""
    if key == address or key.startswith("@"):
        return targets
    extension = address.rpartition("@")[0].partition("+")[2]
    parts = [target.rpartition("@") for target in targets]
    return tuple(f"{local}+{extension}@{domain}" for local, _, domain in parts)


def without_extension(address: str) -> str:
    """Return an address without its ``+...``."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
