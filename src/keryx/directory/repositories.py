"""Domains, accounts and aliases in the directory: list, get, add, change, remove.

``connect`` gives them on one connection. What may be done is decided above, in ``admin``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from keryx.core import errors
from keryx.core.model import Account, Alias, Domain, Holder
from keryx.directory import engine
from keryx.directory.engine import Session
from keryx.directory.entry import Entry
from keryx.directory.mapping import PASSWORD, Names, Values, differences, filter_text
from keryx.settings.directory import ALIAS_DOMAIN
from keryx.settings.site import Site

CHANGED = "modifyTimestamp"
REMOVALS = ("cn=Delete,cn=Operations,cn=Monitor", "cn=Modrdn,cn=Operations,cn=Monitor")
"""Where OpenLDAP counts such operations (slapd-monitor(5))."""

Watcher = Callable[[str, bool], None]
_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> None:
    """Have ``watcher(address, removed)`` called after each change that this process makes."""
    _watchers.append(watcher)


def _tell(address: str, *, removed: bool = False) -> None:
    for watcher in _watchers:
        watcher(address, removed)


class Domains:
    """The domains whose mail is ours."""

    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def list(self) -> list[Domain]:
        """Return all of them, by name."""
        names = self._names
        found = self._session.pages(names.access.domain_base, names.domain_filter(), names.of_domain)
        return sorted((names.domain(entry) for entry in found), key=lambda domain: domain.name)

    def get(self, name: str) -> Domain | None:
        """Return the domain of that name."""
        entry = self._entry(name)
        return self._names.domain(entry) if entry else None

    def with_alias_domain(self, name: str) -> Domain | None:
        """Return the domain that has ``name`` as its alias domain."""
        names = self._names
        filter = names.domain_filter(f"({ALIAS_DOMAIN}={filter_text(name)})")
        found = self._session.search(names.access.domain_base, filter, names.of_domain)
        return names.domain(found[0]) if found else None

    def add(self, domain: Domain) -> None:
        """Add a domain; raises Exists."""
        classes = self._names.domain_classes(domain)
        values = {"objectClass": classes, **self._names.domain_values(domain)}
        self._session.add(self._names.domain_dn(domain.name), values)

    def change(self, domain: Domain) -> bool:
        """Make the entry say what ``domain`` says; return whether anything differed."""
        entry = _there(self._entry(domain.name), domain.name)
        before = self._names.domain_values(self._names.domain(entry))
        after = self._names.domain_values(domain)
        return _change(self._session, entry, before, after, self._names.domain_classes(domain))

    def remove(self, name: str) -> None:
        """Remove a domain's entry; raises NotFound."""
        self._session.remove(_there(self._entry(name), name).dn)
        _tell(name, removed=True)

    def _entry(self, name: str) -> Entry | None:
        names = self._names
        condition = f"({names.settings.domain_attribute}={filter_text(name)})"
        found = self._session.search(
            names.access.domain_base, names.domain_filter(condition), names.of_domain
        )
        return found[0] if found else None


class Accounts:
    """Those who log in."""

    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def list(self, domain: str = "") -> Iterator[Account]:
        """Yield the accounts of a domain, or all, in the directory's order."""
        names = self._names
        condition = _in_domain(names.settings.attributes.mail, domain)
        for entry in self._session.pages(
            names.access.user_base, names.account_filter(condition), names.of_account
        ):
            yield names.account(entry)

    def with_alias_in(self, domain: str) -> Iterator[Account]:
        """Yield the accounts that have an alias in a domain."""
        names = self._names
        condition = _in_domain(names.settings.attributes.alias, domain)
        for entry in self._session.pages(
            names.access.user_base, names.account_filter(condition), names.of_account
        ):
            yield names.account(entry)

    def count(self, domain: str = "") -> int:
        """Return how many accounts a domain has, or how many there are."""
        condition = _in_domain(self._names.settings.attributes.mail, domain)
        found = self._session.pages(
            self._names.access.user_base, self._names.account_filter(condition), ["1.1"]
        )
        return sum(1 for _ in found)

    def get(self, address: str) -> Account | None:
        """Return the account of that address."""
        entry = self._entry(address)
        return self._names.account(entry) if entry else None

    def add(self, account: Account, password_hash: str) -> None:
        """Add an account; raises Exists."""
        values = {
            "objectClass": self._names.account_classes(account),
            **self._names.account_values(account),
            PASSWORD: [password_hash],
        }
        self._session.add(self._names.account_dn(account.address), values)
        _tell(account.address)

    def change(self, account: Account) -> bool:
        """Make the entry say what ``account`` says; return whether anything differed."""
        entry = _there(self._entry(account.address), account.address)
        before = self._names.account_values(self._names.account(entry))
        after = self._names.account_values(account)
        changed = _change(self._session, entry, before, after, self._names.account_classes(account))
        _tell(account.address)
        return changed

    def set_password(self, address: str, password_hash: str) -> None:
        """Give the account another password."""
        entry = _there(self._entry(address), address)
        self._session.replace(entry.dn, {PASSWORD: [password_hash]})

    def authenticate(self, site: Site, address: str, password: str) -> Account | None:
        """Return the account whose address and password these are, by a login as itself."""
        entry = self._entry(address)
        if entry is None or not engine.authenticates(site, entry.dn, password):
            return None
        return self._names.account(entry)

    def passwords(self) -> Iterator[tuple[str, str]]:
        """Yield every account's address and password hash; only the administrator may read them."""
        mail = self._names.settings.attributes.mail
        for entry in self._session.pages(
            self._names.access.user_base, self._names.account_filter(), [mail, PASSWORD]
        ):
            # slapd's own argon2 hashes end with the zero byte of a C string.
            yield entry.one(mail).lower(), entry.one(PASSWORD).rstrip("\0")

    def remove(self, address: str) -> None:
        """Remove an account's entry; raises NotFound."""
        self._session.remove(_there(self._entry(address), address).dn)
        _tell(address, removed=True)

    def present(self) -> set[str]:
        """Return the addresses of all accounts, and nothing else of them."""
        mail = self._names.settings.attributes.mail
        found = self._session.pages(self._names.access.user_base, self._names.account_filter(), [mail])
        return {entry.one(mail).lower() for entry in found}

    def with_stamps(self, condition: str = "") -> Iterator[tuple[Account, str]]:
        """Yield accounts that fit a condition with when they were changed (modifyTimestamp)."""
        names = self._names
        attributes = [*names.of_account, CHANGED]
        for entry in self._session.pages(names.access.user_base, names.account_filter(condition), attributes):
            yield names.account(entry), entry.one(CHANGED)

    def with_address(self, address: str) -> Account | None:
        """Return the account that has the address as its own or as an alias."""
        attributes = self._names.settings.attributes
        text = filter_text(address)
        found = self._find(f"(|({attributes.mail}={text})({attributes.alias}={text}))")
        return self._names.account(found) if found else None

    def _entry(self, address: str) -> Entry | None:
        return self._find(f"({self._names.settings.attributes.mail}={filter_text(address)})")

    def _find(self, condition: str) -> Entry | None:
        names = self._names
        found = self._session.search(
            names.access.user_base, names.account_filter(condition), names.of_account
        )
        return found[0] if found else None


class Aliases:
    """Aliases and lists of their own."""

    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def list(self, domain: str = "") -> Sequence[Alias]:
        """Return the aliases of a domain, or all, by address."""
        return self._listed(_in_domain(self._names.settings.attributes.mail, domain))

    def with_target(self, address: str) -> Sequence[Alias]:
        """Return the aliases that deliver to an address."""
        return self._listed(f"({self._names.settings.attributes.target}={filter_text(address)})")

    def present(self) -> set[str]:
        """Return the addresses of all aliases, and nothing else of them."""
        mail = self._names.settings.attributes.mail
        found = self._session.pages(self._names.access.alias_base, self._names.alias_filter(), [mail])
        return {entry.one(mail).lower() for entry in found}

    def with_stamps(self, condition: str = "") -> Iterator[tuple[Alias, str]]:
        """Yield aliases that fit a condition with when they were changed (modifyTimestamp)."""
        names = self._names
        attributes = [*names.of_alias, CHANGED]
        for entry in self._session.pages(names.access.alias_base, names.alias_filter(condition), attributes):
            yield names.alias(entry), entry.one(CHANGED)

    def get(self, address: str) -> Alias | None:
        """Return the alias of that address."""
        entry = self._entry(address)
        return self._names.alias(entry) if entry else None

    def add(self, alias: Alias) -> None:
        """Add an alias; raises Exists."""
        values = {"objectClass": self._names.alias_classes(), **self._names.alias_values(alias)}
        self._session.add(self._names.alias_dn(alias.address), values)
        _tell(alias.address)

    def change(self, alias: Alias) -> bool:
        """Make the entry say what ``alias`` says; return whether anything differed."""
        entry = _there(self._entry(alias.address), alias.address)
        before = self._names.alias_values(self._names.alias(entry))
        after = self._names.alias_values(alias)
        changed = _change(self._session, entry, before, after, self._names.alias_classes())
        _tell(alias.address)
        return changed

    def remove(self, address: str) -> None:
        """Remove an alias's entry; raises NotFound."""
        self._session.remove(_there(self._entry(address), address).dn)
        _tell(address, removed=True)

    def _listed(self, condition: str) -> Sequence[Alias]:
        names = self._names
        found = self._session.pages(names.access.alias_base, names.alias_filter(condition), names.of_alias)
        return sorted((names.alias(entry) for entry in found), key=lambda alias: alias.address)

    def _entry(self, address: str) -> Entry | None:
        names = self._names
        condition = f"({names.settings.attributes.mail}={filter_text(address)})"
        found = self._session.search(names.access.alias_base, names.alias_filter(condition), names.of_alias)
        return found[0] if found else None


class Changes:
    """Whether anything changed since one last looked, as far as the server tells."""

    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def revision(self) -> tuple[str, ...]:
        """Return the newest change numbers of the tree (contextCSN); none where there are no such."""
        entry = self._session.read(self._names.access.root_dn, ["contextCSN"])
        return tuple(sorted(entry.all("contextCSN"))) if entry else ()

    def removals(self) -> int | None:
        """Return how many entries were removed or renamed since the server started, if it tells."""
        counts = [self._session.read(name, ["monitorOpCompleted"]) for name in REMOVALS]
        texts = [entry.one("monitorOpCompleted") if entry else "" for entry in counts]
        return sum(map(int, texts)) if all(text.isdigit() for text in texts) else None


@dataclass(frozen=True)
class Directory:
    """All of them on one connection."""

    domains: Domains
    accounts: Accounts
    aliases: Aliases
    changes: Changes

    def holder(self, address: str) -> Holder | None:
        """Return who has an address: an account, one of its aliases, an alias of its own."""
        account = self.accounts.with_address(address)
        if account is not None:
            kind = "account" if account.address == address else "alias of account"
            return Holder(address, account.address, kind)
        alias = self.aliases.get(address)
        return Holder(address, alias.address, "alias") if alias else None

    def holders(self) -> dict[str, Holder]:
        """Return who has every address of the directory."""
        found = {}
        for account in self.accounts.list():
            found[account.address] = Holder(account.address, account.address, "account")
            for address in account.aliases:
                found.setdefault(address, Holder(address, account.address, "alias of account"))
        for alias in self.aliases.list():
            found.setdefault(alias.address, Holder(alias.address, alias.address, "alias"))
        return found


@contextlib.contextmanager
def connect(site: Site, *, write: bool = False) -> Iterator[Directory]:
    """Open the directory, to read it or to write it too."""
    names = Names.of(site)
    with engine.session(site, write=write) as session:
        yield Directory(
            Domains(session, names),
            Accounts(session, names),
            Aliases(session, names),
            Changes(session, names),
        )


def _in_domain(attribute: str, domain: str) -> str:
    return f"({attribute}=*@{filter_text(domain)})" if domain else ""


def _there(entry: Entry | None, name: str) -> Entry:
    if entry is None:
        raise errors.NotFound(f"The directory has no entry for {name}.")
    return entry


def _change(session: Session, entry: Entry, before: Values, after: Values, classes: Iterable[str]) -> bool:
    """Write what differs. Attributes and classes that are not ours stay as they are."""
    changes = differences(before, after)
    present = {name.lower() for name in entry.all("objectClass")}
    missing = [name for name in classes if name.lower() not in present and name.lower() != "top"]
    if not changes:
        return False
    if missing:
        changes["objectClass"] = [*entry.all("objectClass"), *missing]
    session.replace(entry.dn, changes)
    return True
