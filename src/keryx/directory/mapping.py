"""What the directory calls things: names of attributes and classes as data, entries to values and back.

Text enters a filter or a distinguished name only through ``filter_text`` (RFC 4515) and
``dn_text`` (RFC 4514).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import bonsai

from keryx.core.model import Account, Alias, Domain
from keryx.directory.entry import Entry
from keryx.settings.directory import ALIAS_DOMAIN, Directory
from keryx.settings.site import DirectoryAccess, Site

Values = dict[str, list[str]]

HOST = "mailHost"
DEFAULT_QUOTA = "mailDefaultQuotaMb"
MAX_ACCOUNTS = "mailMaxAccounts"
MAX_ALIASES = "mailMaxAliases"
MAX_QUOTA = "mailMaxQuotaMb"
PASSWORD = "userPassword"  # noqa: S105  (the attribute's name)


def filter_text(text: str) -> str:
    """Return the text as it may stand in a filter."""
    return "".join(f"\\{ord(char):02x}" if char in "\\*()\0" else char for char in text)


def dn_text(text: str) -> str:
    """Return the text as it may stand as a value in a distinguished name."""
    return str(bonsai.escape_attribute_value(text))


@dataclass(frozen=True)
class Names:
    """The names of this site's directory."""

    settings: Directory
    access: DirectoryAccess

    @classmethod
    def of(cls, site: Site) -> Names:
        """Return the names that the settings give."""
        return cls(site.settings.directory, site.directory)

    # --- which attributes are read ---

    @property
    def of_domain(self) -> Sequence[str]:
        """Attributes of a domain's entry."""
        ours = (DEFAULT_QUOTA, MAX_ACCOUNTS, MAX_ALIASES, MAX_QUOTA, ALIAS_DOMAIN)
        return ("objectClass", self.settings.domain_attribute, "description", *ours)

    @property
    def of_account(self) -> Sequence[str]:
        """Attributes of an account's entry."""
        names = self.settings.attributes
        ours = (names.mail, names.alias, names.active, names.quota, names.send_only, names.super_user)
        return ("objectClass", "cn", "sn", "givenName", HOST, *ours)

    @property
    def of_alias(self) -> Sequence[str]:
        """Attributes of an alias's entry."""
        names = self.settings.attributes
        return ("objectClass", names.mail, names.target, names.active, "description")

    @property
    def everything(self) -> set[str]:
        """Every attribute that is read."""
        return {*self.of_domain, *self.of_account, *self.of_alias, PASSWORD}

    # --- names of entries ---

    def domain_dn(self, name: str) -> str:
        """Return the name of a domain's entry."""
        return f"{self.settings.domain_attribute}={dn_text(name)},{self.access.domain_base}"

    def account_dn(self, address: str) -> str:
        """Return the name of a new account's entry."""
        return f"{self.settings.attributes.mail}={dn_text(address)},{self.access.user_base}"

    def alias_dn(self, address: str) -> str:
        """Return the name of a new alias's entry."""
        return f"{self.settings.attributes.mail}={dn_text(address)},{self.access.alias_base}"

    # --- filters; ``condition`` is a filter whose texts are escaped already ---

    def domain_filter(self, condition: str = "") -> str:
        """Return the filter for domains that also fit ``condition``."""
        return _all(self.settings.domain_object_class, condition, self.settings.filters.domain)

    def account_filter(self, condition: str = "") -> str:
        """Return the filter for accounts that also fit ``condition``."""
        return _all(self.settings.account_object_class, condition, self.settings.filters.account)

    def alias_filter(self, condition: str = "") -> str:
        """Return the filter for aliases that also fit ``condition``."""
        return _all(self.settings.alias_object_class, condition, self.settings.filters.alias)

    # --- entries to values ---

    def domain(self, entry: Entry) -> Domain:
        """Return the domain that an entry describes."""
        quota = entry.one(DEFAULT_QUOTA)
        return Domain(
            entry.one(self.settings.domain_attribute).lower(),
            entry.one("description"),
            int(quota) if quota else None,
            entry.number(MAX_ACCOUNTS),
            entry.number(MAX_ALIASES),
            entry.number(MAX_QUOTA),
            tuple(sorted(name.lower() for name in entry.all(ALIAS_DOMAIN))),
        )

    def account(self, entry: Entry) -> Account:
        """Return the account that an entry describes."""
        names = self.settings.attributes
        return Account(
            address=entry.one(names.mail).lower(),
            name=entry.one("cn"),
            aliases=tuple(sorted(alias.lower() for alias in entry.all(names.alias))),
            active=entry.true(names.active),
            quota_mb=entry.number(names.quota),
            send_only=entry.true(names.send_only),
            super_user=entry.true(names.super_user),
            host=entry.one(HOST),
        )

    def alias(self, entry: Entry) -> Alias:
        """Return the alias that an entry describes."""
        names = self.settings.attributes
        return Alias(
            address=entry.one(names.mail).lower(),
            targets=tuple(sorted(target.lower() for target in entry.all(names.target))),
            description=entry.one("description"),
            active=entry.true(names.active, default=True),
        )

    # --- values to attributes ---

    def domain_values(self, domain: Domain) -> Values:
        """Return the attributes of a domain."""
        quota = domain.default_quota_mb
        return {
            self.settings.domain_attribute: [domain.name],
            "description": [domain.description] if domain.description else [],
            DEFAULT_QUOTA: [] if quota is None else [str(quota)],
            MAX_ACCOUNTS: [str(domain.max_accounts)] if domain.max_accounts else [],
            MAX_ALIASES: [str(domain.max_aliases)] if domain.max_aliases else [],
            MAX_QUOTA: [str(domain.max_quota_mb)] if domain.max_quota_mb else [],
            ALIAS_DOMAIN: list(domain.alias_domains),
        }

    def account_values(self, account: Account) -> Values:
        """Return the attributes of an account, without its password."""
        names = self.settings.attributes
        common, given, family = person(account.name or account.address.partition("@")[0])
        return {
            "cn": [common],
            "sn": [family],
            "givenName": [given] if given else [],
            names.mail: [account.address],
            names.alias: list(account.aliases),
            names.active: [_boolean(account.active)],
            names.quota: [str(account.quota_mb)],
            names.send_only: [_boolean(account.send_only)],
            names.super_user: [_boolean(account.super_user)],
            HOST: [account.host] if account.host else [],
        }

    def alias_values(self, alias: Alias) -> Values:
        """Return the attributes of an alias."""
        names = self.settings.attributes
        return {
            names.mail: [alias.address],
            names.target: list(alias.targets),
            names.active: [_boolean(alias.active)],
            "description": [alias.description] if alias.description else [],
        }

    # --- object classes ---

    def domain_classes(self, domain: Domain) -> list[str]:
        """Return the classes that a domain's entry needs."""
        numbers = (domain.max_accounts, domain.max_aliases, domain.max_quota_mb)
        ours = domain.default_quota_mb is not None or any(numbers) or domain.alias_domains
        return _unique("top", self.settings.domain_object_class, *(["mailDomain"] if ours else []))

    def account_classes(self, account: Account) -> list[str]:
        """Return the classes that an account's entry needs."""
        wanted = ["inetOrgPerson", self.settings.account_object_class]
        return _unique("top", *wanted, *(["keryxAccount"] if account.host else []))

    def alias_classes(self) -> list[str]:
        """Return the classes that an alias's entry needs."""
        return _unique("top", self.settings.alias_object_class)


def person(name: str) -> tuple[str, str, str]:
    """Return full name, given name and family name; the last word is the family name."""
    words = name.split()
    return " ".join(words), " ".join(words[:-1]), words[-1]


def differences(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> Values:
    """Return the attributes whose values differ, as they should be."""
    return {
        name: list(values) for name, values in after.items() if sorted(values) != sorted(before.get(name, ()))
    }


def _all(object_class: str, *conditions: str) -> str:
    return f"(&(objectClass={object_class}){''.join(conditions)})"


def _boolean(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _unique(*names: str) -> list[str]:
    return list(dict.fromkeys(names))
