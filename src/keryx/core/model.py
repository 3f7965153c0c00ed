"""Who has mail here: domains, accounts, aliases, as plain values.

Addresses and domain names are normalised (lower case, A-labels): ``settings.names`` does it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """A domain whose mail is ours."""

    name: str
    description: str = ""
    default_quota_mb: int | None = None
    """Limit of a new account's store in MiB, 0 is unlimited; None takes the site's."""
    max_accounts: int = 0
    """How many accounts it may have; 0 is unlimited."""
    max_aliases: int = 0
    """How many further addresses it may have: aliases, lists and catch-alls of its own, and aliases
    of accounts; 0 is unlimited. postmaster and abuse, which every domain has, do not count."""
    max_quota_mb: int = 0
    """How much its accounts may be given together, in MiB; 0 is unlimited. None of them may then be
    unlimited."""
    alias_domains: tuple[str, ...] = ()
    """Domains whose every address is the same address here."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in and has a mailbox."""

    address: str
    """Address and login name."""
    name: str = ""
    """Full name of the person or the service."""
    aliases: tuple[str, ...] = ()
    """Further addresses: delivered to the account and allowed as its sender."""
    active: bool = True
    """False: no login, and nothing is accepted for any of its addresses."""
    quota_mb: int = 0
    """Limit of the store in MiB; 0 is unlimited."""
    send_only: bool = False
    """True: may send; nothing is accepted for any of its addresses."""
    super_user: bool = False
    """True: may use any sender address."""
    host: str = ""
    """The store that holds the mailbox; empty for the only one."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All its addresses, the login name first."""
        return (self.address, *self.aliases)


@dataclass(frozen=True, slots=True)
class Alias:
    """An address that delivers elsewhere: an alias, a distribution list, a catch-all."""

    address: str
    """``sales@example.org``, or ``@example.org`` for whatever that domain has no other entry for."""
    targets: tuple[str, ...] = ()
    """Addresses here or elsewhere."""
    description: str = ""
    active: bool = True


@dataclass(frozen=True)
class Holder:
    """Who has an address already."""

    address: str
    owner: str
    """The entry's own address."""
    kind: str
    """``account``, ``alias of account`` or ``alias``."""

    def __str__(self) -> str:
        if self.kind == "account":
            return f"the account {self.owner}"
        if self.kind == "alias":
            return f"the alias {self.owner}"
        return f"the account {self.owner}, as its alias"
