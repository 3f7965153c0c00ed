"""The matrix of who may do what: every action for every kind of actor, and nobody above himself."""

from __future__ import annotations

import dataclasses

import pytest

from keryx.admin import permissions
from keryx.admin.permissions import ACTIONS, Actor
from keryx.admin.roles import NOBODY, Standing
from keryx.core import errors

SITE = Actor("root@a.example", "site")
DOMAIN = Actor("boss@a.example", "domain", frozenset({"a.example"}))
USER = Actor("user@a.example", "user")
KEY = dataclasses.replace(DOMAIN, via="key")
READER = dataclasses.replace(SITE, access="read", via="key")

ANYONE = {"announcements.read", "session.read", "session.end"}
OWN = {
    "account.read", "account.password", "account.quota", "account.setup", "forwarding.read",
    "forwarding.change", "vacation.read", "vacation.change", "filters.read", "filters.change", "spam.read",
    "spam.change", "preferences.read", "preferences.change", "mail-sessions.read", "mail-sessions.end",
}  # fmt: skip
"""What users may do to their own account."""
IN_DOMAIN = OWN | {
    "domain.list", "domain.read", "domain.change", "domain.dns", "domain.dkim.read", "domain.dkim.make",
    "domain.administrators.read", "domain.administrators.change", "domain.alias-domains.read", "trace.read",
    "account.list", "account.add", "account.change", "account.remove", "alias.list", "alias.read",
    "alias.add", "alias.change", "alias.remove", "api-keys.read", "api-keys.change",
}  # fmt: skip
"""What domain administrators may do within their domains."""
READING = {name for name, action in ACTIONS.items() if not action.writes}
PEOPLE = {"session.end", "api-keys.read", "api-keys.change", "rspamd.use"}


def allowed(actor: Actor, domain: str = "", account: str = "", standing: Standing = NOBODY) -> set[str]:
    return {
        name
        for name in ACTIONS
        if not permissions.refusal(actor, name, domain=domain, account=account, standing=standing)
    }


def test_a_site_administrator_may_do_everything() -> None:
    assert allowed(SITE, "b.example", "any@b.example") == set(ACTIONS)


def test_a_domain_administrator_works_within_the_own_domains() -> None:
    assert allowed(DOMAIN, "a.example", "any@a.example") == IN_DOMAIN | ANYONE
    assert allowed(DOMAIN, "b.example", "any@b.example") == ANYONE
    assert allowed(DOMAIN, "sub.a.example", "any@sub.a.example") == ANYONE


def test_a_domain_administrator_is_also_a_user() -> None:
    elsewhere = dataclasses.replace(DOMAIN, address="boss@b.example")
    assert allowed(elsewhere, account="boss@b.example") == OWN | ANYONE


def test_a_user_works_on_the_own_account_only() -> None:
    assert allowed(USER, account="user@a.example") == OWN | ANYONE
    assert allowed(USER, account="other@a.example") == ANYONE
    assert allowed(USER, "a.example") == ANYONE


def test_a_key_is_no_person() -> None:
    assert allowed(KEY, "a.example", "any@a.example") == (IN_DOMAIN | ANYONE) - PEOPLE
    # Not even the account of who made it, outside the key's domains.
    elsewhere = dataclasses.replace(KEY, address="boss@b.example")
    assert allowed(elsewhere, account="boss@b.example") == ANYONE - PEOPLE


def test_a_reading_key_reads() -> None:
    assert allowed(READER, "b.example", "any@b.example") == READING - PEOPLE


@pytest.mark.parametrize(
    "standing",
    [
        Standing("site"),
        Standing("domain", frozenset({"b.example"})),
        Standing("domain", frozenset({"a.example", "b.example"})),
        Standing("user", super_user=True),
    ],
)
def test_nobody_reaches_above_himself(standing: Standing) -> None:
    mighty = "mighty@a.example"
    assert allowed(DOMAIN, account=mighty, standing=standing) == (IN_DOMAIN & READING) | ANYONE
    assert allowed(KEY, account=mighty, standing=standing) == ((IN_DOMAIN & READING) | ANYONE) - PEOPLE
    assert allowed(SITE, account=mighty, standing=standing) == set(ACTIONS)


def test_administrators_of_the_same_domain_are_equals() -> None:
    equal = Standing("domain", frozenset({"a.example"}))
    assert allowed(DOMAIN, account="other@a.example", standing=equal) == IN_DOMAIN | ANYONE


def test_a_key_is_not_its_owner() -> None:
    """A key for one domain is no way to the account of the site administrator who made it."""
    key = Actor("root@a.example", "domain", frozenset({"a.example"}), via="key")
    above = allowed(key, account="root@a.example", standing=Standing("site"))
    assert above == ((IN_DOMAIN & READING) | ANYONE) - PEOPLE


def test_the_own_account_is_never_above_oneself() -> None:
    own = Standing("user", super_user=True)
    assert allowed(USER, account=USER.address, standing=own) == OWN | ANYONE


def test_aliases_in_foreign_domains_are_refused() -> None:
    permissions.check_addresses(DOMAIN, ["x@a.example"])
    permissions.check_addresses(SITE, ["x@b.example"])
    for actor in (DOMAIN, USER):
        with pytest.raises(errors.Forbidden, match=r"b\.example"):
            permissions.check_addresses(actor, ["x@b.example"])


def test_a_key_does_no_more_than_who_makes_it() -> None:
    permissions.check_key(SITE, "site", [])
    permissions.check_key(DOMAIN, "domain", ["a.example"])
    for role, domains in (("site", []), ("domain", []), ("domain", ["a.example", "b.example"])):
        with pytest.raises(errors.Forbidden):
            permissions.check_key(DOMAIN, role, domains)
    with pytest.raises(errors.Forbidden):
        permissions.check_key(USER, "domain", ["a.example"])


def test_what_may_be_listed() -> None:
    assert permissions.visible_domains(SITE) is None
    assert permissions.visible_domains(DOMAIN) == frozenset({"a.example"})
    assert permissions.visible_domains(USER) == frozenset()
