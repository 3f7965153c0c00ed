"""Where would this address go? The rules of Postfix and the directory, followed step by step.

Asked as a server from outside would: first what the reply to RCPT is, then how the address is resolved
(``routing``), copy by copy, and what people have set for their own mail (forwarding). What depends on the
message (spam, filter rules, the limit of a quota) is no part of it, but that a mailbox is full.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from keryx.admin import addresses, routing, selfservice, store
from keryx.admin.access import reading
from keryx.admin.routing import Match, Router
from keryx.admin.sieve import Forwarding
from keryx.core import errors
from keryx.core.model import Account
from keryx.directory.repositories import Directory
from keryx.settings.site import Site

Kind = Literal["mailbox", "external", "elsewhere", "refused", "discarded"]

FOREIGN = "554 5.7.1 Relay access denied"
UNKNOWN = "550 5.1.1 Recipient address rejected: User unknown"
BLOCKED = "550 5.2.1 This address does not accept mail"
FULL = "552 5.2.2 Mailbox is full"
LOOP = "451 4.6.0 Alias expansion error"
NOBODY = "550 5.1.1 User doesn't exist (after it was accepted: the sender gets a bounce)"
DEEPEST = 50
"""Aliases within aliases that are followed; Postfix gives up at 1000."""


@dataclass(frozen=True)
class Step:
    """One rule that was applied."""

    address: str
    rule: str
    """``account``, ``alias``, ``list``, ``extension``, ``catch-all``, ``alias-domain``, ``required``,
    ``inactive``, ``send-only``, ``full``, ``forwarding``, ``external``, ``elsewhere``, ``unknown``,
    ``foreign`` or ``loop``."""
    text: str
    """A sentence."""


@dataclass(frozen=True)
class Destination:
    """Where a copy ends."""

    kind: Kind
    address: str
    reply: str = ""
    """What the sender's server is told, such as ``550 5.1.1 ...``; empty when it is accepted."""


@dataclass(frozen=True)
class Trace:
    """The whole way of an address."""

    steps: tuple[Step, ...]
    destinations: tuple[Destination, ...]


def trace(site: Site, address: str, may: Callable[[str], bool] = lambda domain: True) -> Trace:
    """Follow a recipient's address as mail from outside would; raises BadInput when it is none.

    ``may`` says into which of our domains the asker may look; a copy to another one is not followed:
    who the members of its lists are is for its own administrators to know.
    """
    wanted = addresses.target_address(address)
    with reading(site) as directory:
        return _Way(site, directory, may).followed(wanted)


@dataclass
class _Way:
    """What was found so far."""

    site: Site
    directory: Directory
    may: Callable[[str], bool]
    steps: list[Step] = field(default_factory=list)
    ends: dict[tuple[str, str], Destination] = field(default_factory=dict)
    loops: bool = False

    def followed(self, address: str) -> Trace:
        self.router = Router(self.site, self.directory)
        if not self._refused(address):
            self._resolve(address, ())
            if self.loops:
                self.ends = {}
                self._end("refused", address, LOOP)
        return Trace(tuple(self.steps), tuple(self.ends.values()))

    # --- the reply to RCPT

    def _refused(self, address: str) -> bool:
        """Note and return whether the address is refused at the door."""
        domain = addresses.domain_of(address)
        if not self.router.home(domain):
            self._step(address, "foreign", f"{domain} is none of our domains: nobody outside may send here.")
            self._end("refused", address, FOREIGN)
            return True
        account = self._blocked(address)
        if account is not None:
            why = "inactive" if not account.active else "send-only"
            self._step(address, why, f"The account {account.address} is {_WHY[why]}.")
            self._end("refused", address, BLOCKED)
            return True
        found = self.router.match(address)
        if found is None:
            self._step(address, "unknown", f"There is no {address} here, and no catch-all for {domain}.")
            self._end("refused", address, UNKNOWN)
            return True
        return self._full(address)

    def _blocked(self, address: str) -> Account | None:
        """Return the account for whose sake RCPT is refused: its own address, or an alias of it alone."""
        for key in routing.keys(address)[:-1]:
            own = self.router.at_home(key)
            account = self.router.account(own)
            if account is None:
                alias = self.directory.aliases.get(own)
                if alias is None or not alias.active or len(alias.targets) != 1:
                    continue
                account = self.router.account(alias.targets[0])
            if account is not None and not self.router.receives(account):
                return account
        return None

    def _full(self, address: str) -> bool:
        """Note and return whether the address is one of a mailbox that is full."""
        account = next(
            (
                found
                for key in routing.keys(address)[:-1]
                if (found := self.router.account(self.router.at_home(key)))
            ),
            None,
        )
        if account is None or not account.quota_mb:
            return False
        try:
            used = store.quota_use_mb(self.site, account.address)
        except errors.KeryxError:
            return False
        if used is None or used < account.quota_mb:
            return False
        self._step(address, "full", f"The mailbox of {account.address} is full: {used:.0f} MB are used.")
        self._end("refused", address, FULL)
        return True

    # --- copies

    def _resolve(self, address: str, way: tuple[str, ...]) -> None:
        if address in way or len(way) > DEEPEST:
            self._step(address, "loop", f"Mail to {address} would come back to it.")
            self.loops = True
            return
        domain = addresses.domain_of(address)
        if not self.router.home(domain):
            self._step(address, "external", f"{address} is elsewhere: sent on with our own sender (SRS).")
            self._end("external", address)
            return
        if way and not self.may(domain):
            self._step(address, "elsewhere", f"{domain} is a domain of this server that others administer.")
            self._end("elsewhere", address)
            return
        found = self.router.match(address)
        if found is None:
            self._step(address, "unknown", f"There is no {address} here.")
            self._end("refused", address, NOBODY)
        elif found.rule in ("inactive", "send-only"):
            self._step(address, found.rule, f"The account {found.entry} is {_WHY[found.rule]}.")
            self._end("discarded", address)
        elif routing.without_extension(found.targets[0]) == found.entry and self._account(found):
            self._deliver(address, found, way)
        else:
            self._explain(address, found)
            for target in found.targets:
                self._resolve(target, (*way, address))

    def _account(self, found: Match) -> bool:
        return found.rule == "account" or (
            found.rule == "alias-domain" and self.directory.accounts.get(found.entry) is not None
        )

    def _explain(self, address: str, found: Match) -> None:
        targets = ", ".join(found.targets)
        if found.rule == "required":
            text = f"Nobody has {found.key}, which every domain must have: it goes to {targets}."
        elif found.rule == "catch-all":
            text = f"There is no {address}; the catch-all {found.entry} takes it to {targets}."
        else:
            text = f"The alias {found.entry} delivers to {targets}."
        rule = "list" if found.rule == "alias" and len(found.targets) > 1 else found.rule
        self._step(address, rule, text)

    def _deliver(self, address: str, found: Match, way: tuple[str, ...]) -> None:
        owner = found.entry
        if found.rule == "alias-domain":
            self._step(
                address, "alias-domain", f"{addresses.domain_of(address)} is an alias domain: {owner}."
            )
        elif found.key != address:
            self._step(address, "extension", f"{address} is a sub-address of {found.key}.")
        self._step(owner, "account", f"{found.key} belongs to the account {owner}.")
        forwarding = self._forwarding(owner)
        if not forwarding.active:
            self._end("mailbox", owner)
            return
        how = "keeps a copy and forwards" if forwarding.keep_copy else "forwards everything"
        self._step(owner, "forwarding", f"{owner} {how} to {', '.join(forwarding.targets)}.")
        if forwarding.keep_copy:
            self._end("mailbox", owner)
        for target in forwarding.targets:
            if target not in way:
                self._resolve(target, (*way, address))

    def _forwarding(self, owner: str) -> Forwarding:
        try:
            return selfservice.forwarding(self.site, owner)
        except errors.Unreachable:
            return Forwarding()

    def _step(self, address: str, rule: str, text: str) -> None:
        step = Step(address, rule, text)
        if step not in self.steps:
            self.steps.append(step)

    def _end(self, kind: Kind, address: str, reply: str = "") -> None:
        self.ends.setdefault((kind, address), Destination(kind, address, reply))


_WHY = {
    "inactive": "inactive and receives nothing",
    "send-only": "for sending only and receives nothing",
}
