"""A home made by an older Keryx gets new attributes by the next start, without losing anything."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from keryx.admin import accounts, alias_domains, domains
from keryx.admin.accounts import NewAccount
from keryx.components.openldap import component, data
from tests.integration.slapd import Slapd

NEW = ("mailMaxAliases", "mailMaxQuotaMb", "mailDomainAlias")


def without_new(text: str) -> str:
    """Return the schema as it was before alias domains and limits."""
    kept = re.sub(rf"(?ms)^olcAttributeTypes: \( \S+ NAME '(?:{'|'.join(NEW)})'.*?(?=^olc)", "", text)
    for name in NEW:
        kept = re.sub(rf"\s*\$\s+{name}\b", "", kept)
    return kept


def test_new_attributes_come_and_the_data_stay(
    make_slapd: Callable[..., Slapd], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_schema = component._schema
    with monkeypatch.context() as older:
        older.setattr(component, "_schema", lambda name: without_new(new_schema(name)))
        older.setattr(data, "PLAIN_INDEXES", tuple(set(data.PLAIN_INDEXES) - set(NEW)))
        slapd = make_slapd()
        site = slapd.site
        schema = (slapd.home / "etc/openldap/schema/keryx.ldif").read_text()
        assert "NAME 'mailDomainAlias'" not in schema
        assert "mailMaxAccounts" in schema
        domains.add(site, "d.example", max_accounts=7)
        accounts.add(site, NewAccount("ann@d.example", "wonder-land-rabbit", quota_mb=5))
        before = accounts.all_of(site)
        slapd.stop()
    slapd.start()
    assert accounts.all_of(site) == before
    assert domains.show(site, "d.example").max_accounts == 7
    domains.change(site, "d.example", max_aliases=3, max_quota_mb=100)
    alias_domains.add(site, "d.example", "d.test")
    shown = domains.show(site, "d.example")
    assert (shown.max_aliases, shown.max_quota_mb, shown.alias_domains) == (3, 100, ("d.test",))
