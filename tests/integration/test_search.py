"""The account index against a real slapd: what is found, in which order, and how fresh it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from keryx.admin import accounts, aliases, domains, search
from keryx.admin.accounts import Changes, NewAccount
from keryx.core import errors
from keryx.settings.site import Site
from tests.integration.slapd import ROOT, Slapd
from tests.running import wait_for

GOOD = "wonder-land-rabbit"
WITHIN = 10
"""Seconds within which changes of others must be seen, with a busy machine in mind."""


@pytest.fixture
def index(site: Site) -> Iterator[Site]:
    """The site with an index of its own for this test."""
    search.close(site)
    yield site
    search.close(site)


@pytest.fixture
def people(index: Site, domain: str) -> list[str]:
    made = [("carla", "Ann Müller", 30), ("ann", "Carla Bruni", 10), ("bob", "Bob Ann", 20)]
    for name, full, quota in made:
        account = NewAccount(f"{name}@{domain}", GOOD, full, quota, (f"{name}.x@{domain}",))
        accounts.add(index, account)
    return [f"{name}@{domain}" for name, _, _ in made]


def found(site: Site, text: str, domain: str, sort: str = "address") -> list[str]:
    page = search.accounts(site, text, domains=[domain], sort=sort)
    return [account.address.partition("@")[0] for account in page.items]


class TestFinding:
    def test_every_word_counts_wherever_it_stands(self, index: Site, domain: str, people: list[str]) -> None:
        assert found(index, "", domain) == ["ann", "bob", "carla"]
        assert found(index, "ann", domain) == ["ann", "bob", "carla"]
        assert found(index, "MÜLLER", domain) == ["carla"]
        assert found(index, "bruni ann@", domain) == ["ann"]
        assert found(index, "bob.x", domain) == ["bob"]
        assert found(index, "nobody", domain) == []
        assert found(index, "ann", "elsewhere.example") == []

    def test_orders(self, index: Site, domain: str, people: list[str]) -> None:
        assert found(index, "", domain, "-address") == ["carla", "bob", "ann"]
        assert found(index, "", domain, "name") == ["carla", "bob", "ann"]
        assert found(index, "", domain, "quota_mb") == ["ann", "bob", "carla"]
        with pytest.raises(errors.BadInput, match="to sort by"):
            found(index, "", domain, "password")

    def test_pages(self, index: Site, domain: str, people: list[str]) -> None:
        pages = [search.accounts(index, domains=[domain], page=number, per_page=2) for number in (1, 2, 3)]
        assert [page.total for page in pages] == [3, 3, 3]
        assert [len(page.items) for page in pages] == [2, 1, 0]
        for page, per_page in ((0, 50), (1, 0), (1, 201)):
            with pytest.raises(errors.BadInput):
                search.accounts(index, page=page, per_page=per_page)

    def test_aliases_by_target_and_description(self, index: Site, domain: str, people: list[str]) -> None:
        aliases.add(index, f"sales@{domain}", people[:2], description="The shop")
        for text in ("sales", "shop", "carla@"):
            items = search.aliases(index, text, domains=[domain]).items
            assert [alias.address for alias in items] == [f"sales@{domain}"]

    def test_what_domains_use(self, index: Site, domain: str, people: list[str]) -> None:
        used = search.use(index)[domain]
        assert (used.accounts, used.aliases, used.quota_mb) == (3, 3, 60)


class TestFreshness:
    def test_own_changes_are_seen_at_once(self, index: Site, domain: str, people: list[str]) -> None:
        assert found(index, "zaphod", domain) == []
        accounts.change(index, people[0], Changes(name="Zaphod", quota_mb=5))
        assert found(index, "zaphod", domain) == ["carla"]
        assert found(index, "", domain, "quota_mb") == ["carla", "ann", "bob"]
        accounts.remove(index, people[0])
        assert found(index, "zaphod", domain) == []
        accounts.add(index, NewAccount(people[0], GOOD, "Zaphod again"))
        assert found(index, "zaphod", domain) == ["carla"]
        aliases.add(index, f"team@{domain}", [people[1]])
        assert search.aliases(index, "team", domains=[domain]).total == 1
        aliases.remove(index, f"team@{domain}")
        assert search.aliases(index, "team", domains=[domain]).total == 0

    def test_a_domain_goes_with_all_that_is_in_it(self, index: Site, domain: str, people: list[str]) -> None:
        assert found(index, "", domain)
        domains.remove(index, domain, force=True)
        assert found(index, "", domain) == []

    def test_changes_of_others_are_seen_soon(
        self, index: Site, slapd: Slapd, domain: str, people: list[str]
    ) -> None:
        assert len(found(index, "", domain)) == 3
        name = f"mail=new@{domain},ou=users,{ROOT}"
        slapd.as_root(
            "ldapadd",
            input=f"dn: {name}\nobjectClass: inetOrgPerson\nobjectClass: mailAccount\nmail: new@{domain}\n"
            "cn: Newcomer\nsn: x\nmailActive: TRUE\nmailSendOnly: FALSE\nmailSuperUser: FALSE\n"
            "mailQuotaMb: 0\n",
        )
        wait_for(lambda: found(index, "newcomer", domain) == ["new"], "an entry of others", WITHIN)
        slapd.as_root("ldapmodify", input=f"dn: {name}\nchangetype: modify\nreplace: cn\ncn: Oldtimer\n")
        wait_for(lambda: found(index, "oldtimer", domain) == ["new"], "a change of others", WITHIN)
        slapd.as_root("ldapdelete", name)
        wait_for(lambda: found(index, "oldtimer", domain) == [], "a removal of others", WITHIN)
        assert len(found(index, "", domain)) == 3

    def test_the_directory_may_go_and_come_back(
        self, make_slapd: Callable[..., Slapd], request: pytest.FixtureRequest
    ) -> None:
        slapd = make_slapd()
        site = slapd.site
        request.addfinalizer(lambda: search.close(site))
        domains.add(site, "d.example")
        accounts.add(site, NewAccount("ann@d.example", GOOD))
        accounts.add(site, NewAccount("bob@d.example", GOOD))
        assert found(site, "", "d.example") == ["ann", "bob"]
        slapd.stop()
        assert found(site, "", "d.example") == ["ann", "bob"]
        slapd.start()
        slapd.as_root("ldapdelete", f"mail=bob@d.example,ou=users,{ROOT}")
        wait_for(lambda: found(site, "", "d.example") == ["ann"], "the directory is followed again", WITHIN)


def test_a_directory_that_never_answered_is_an_error_in_a_sentence(
    make_slapd: Callable[..., Slapd], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(search, "PATIENCE", 0.5)
    slapd = make_slapd()
    slapd.stop()
    request.addfinalizer(lambda: search.close(slapd.site))
    with pytest.raises(errors.Unreachable):
        search.accounts(slapd.site)
