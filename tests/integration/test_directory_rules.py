"""Every rule about domains, accounts and aliases, refusals first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from keryx.admin import accounts, alias_domains, aliases, domains, effects, imports
from keryx.admin.accounts import Changes, NewAccount
from keryx.core import errors
from keryx.settings.site import Site
from tests.integration.slapd import Slapd

GOOD = "wonder-land-rabbit"


@pytest.fixture
def alice(site: Site, domain: str) -> str:
    address = f"alice@{domain}"
    accounts.add(site, NewAccount(address, GOOD, aliases=(f"al@{domain}",)))
    return address


class TestDomains:
    def test_a_new_domain_has_the_required_addresses(self, site: Site, domain: str) -> None:
        found = {alias.address: alias.targets for alias in aliases.all_of(site, domain)}
        administrator = (site.settings.administrator_address,)
        assert found == {f"postmaster@{domain}": administrator, f"abuse@{domain}": administrator}

    def test_a_domain_is_there_once(self, site: Site, domain: str) -> None:
        with pytest.raises(errors.Exists, match=domain):
            domains.add(site, domain.upper())
        assert not domains.add(site, domain, if_missing=True).changed

    def test_a_name_without_a_dot_is_refused(self, site: Site) -> None:
        with pytest.raises(errors.BadInput, match="no dot"):
            domains.add(site, "localhost")

    def test_a_domain_with_accounts_is_removed_by_force_only(
        self, site: Site, domain: str, alice: str
    ) -> None:
        with pytest.raises(errors.Refused, match="still has 1 account"):
            domains.remove(site, domain)
        assert accounts.show(site, alice)
        domains.remove(site, domain, force=True)
        assert domain not in [found.name for found in domains.all_of(site)]
        assert not accounts.all_of(site, domain)
        assert not aliases.all_of(site, domain)

    def test_an_empty_domain_goes_without_force(self, site: Site, domain: str) -> None:
        domains.remove(site, domain)
        with pytest.raises(errors.NotFound, match=domain):
            domains.show(site, domain)

    def test_removal_by_force_leaves_nothing_that_points_there(
        self, slapd: Slapd, site: Site, domain: str, alice: str
    ) -> None:
        other = f"{slapd.name('other')}.example"
        domains.add(site, other)
        guest = f"guest@{other}"
        accounts.add(site, NewAccount(guest, GOOD, aliases=(f"guest@{domain}",)))
        aliases.add(site, f"all@{other}", [alice, guest])
        aliases.add(site, f"only@{other}", [alice])
        domains.remove(site, domain, force=True)
        assert accounts.show(site, guest).aliases == ()
        assert aliases.show(site, f"all@{other}").targets == (guest,)
        with pytest.raises(errors.NotFound):
            aliases.show(site, f"only@{other}")

    def test_a_dry_run_of_removal_removes_nothing(self, site: Site, domain: str, alice: str) -> None:
        before = (accounts.all_of(site), aliases.all_of(site), domains.all_of(site))
        assert domains.remove(site, domain, force=True, dry_run=True).changed
        assert (accounts.all_of(site), aliases.all_of(site), domains.all_of(site)) == before

    def test_limits_of_a_domain_hold(self, site: Site, domain: str, alice: str) -> None:
        assert domains.change(site, domain, max_accounts=1, default_quota_mb=77).changed
        assert not domains.change(site, domain, max_accounts=1, default_quota_mb=77).changed
        with pytest.raises(errors.Refused, match="max-accounts"):
            accounts.add(site, NewAccount(f"bob@{domain}", GOOD))
        domains.change(site, domain, max_accounts=0)
        accounts.add(site, NewAccount(f"bob@{domain}", GOOD))
        assert accounts.show(site, f"bob@{domain}").quota_mb == 77

    def test_a_domain_gives_no_more_quota_than_it_has(self, site: Site, domain: str, alice: str) -> None:
        accounts.change(site, alice, Changes(quota_mb=400))
        domains.change(site, domain, max_quota_mb=1000, default_quota_mb=500)
        accounts.add(site, NewAccount(f"bob@{domain}", GOOD))
        assert domains.show(site, domain).quota_given_mb == 900
        with pytest.raises(errors.Refused, match="has 100 of its 1000 MB left") as refusal:
            accounts.add(site, NewAccount(f"carol@{domain}", GOOD))
        assert "--max-quota" in refusal.value.remedy
        with pytest.raises(errors.Refused, match="cannot be without a quota"):
            accounts.add(site, NewAccount(f"carol@{domain}", GOOD, quota_mb=0))
        with pytest.raises(errors.Refused, match="has 500 of its 1000 MB left"):
            accounts.change(site, alice, Changes(quota_mb=501))
        with pytest.raises(errors.Refused, match="cannot be without a quota"):
            accounts.change(site, alice, Changes(quota_mb=0))
        accounts.change(site, alice, Changes(quota_mb=500))
        domains.change(site, domain, max_quota_mb=100)
        accounts.change(site, alice, Changes(quota_mb=450, name="Less is always allowed"))

    def test_a_domain_has_no_more_aliases_than_it_may(self, site: Site, domain: str, alice: str) -> None:
        domains.change(site, domain, max_aliases=2)
        aliases.add(site, f"sales@{domain}", [alice])
        assert domains.show(site, domain).aliases == 2
        with pytest.raises(errors.Refused, match="no more than 2 aliases"):
            aliases.add(site, f"@{domain}", [alice])
        with pytest.raises(errors.Refused, match="no more than 2 aliases"):
            accounts.change(site, alice, Changes(add_aliases=(f"ally@{domain}",)))
        with pytest.raises(errors.Refused, match="no more than 2 aliases"):
            accounts.add(site, NewAccount(f"bob@{domain}", GOOD, aliases=(f"bobby@{domain}",)))
        accounts.change(
            site,
            alice,
            Changes(add_aliases=(f"ally@{domain}",), remove_aliases=(f"al@{domain}",)),
            force=True,
        )
        accounts.change(site, alice, Changes(name="Any other change is let through"))

    def test_an_import_keeps_to_the_limits(self, site: Site, domain: str, alice: str, tmp_path: Path) -> None:
        accounts.change(site, alice, Changes(quota_mb=400))
        domains.change(site, domain, max_accounts=3, max_quota_mb=1000, max_aliases=2)
        rows = [
            f"bob@{domain},{GOOD},500,",
            f"carol@{domain},{GOOD},101,",
            f"carla@{domain},{GOOD},100,car@{domain} carl@{domain}",
            f"dave@{domain},{GOOD},50,d@{domain}",
            f"eve@{domain},{GOOD},10,",
        ]
        path = tmp_path / "accounts.csv"
        path.write_text("address,password,quota,aliases\n" + "\n".join(rows) + "\n")
        with pytest.raises(imports.BadImport) as refusal:
            imports.run(site, path)
        assert [problem.partition(":")[0] for problem in refusal.value.problems] == [
            "line 3",
            "line 4",
            "line 6",
        ]
        assert [found.address for found in accounts.all_of(site, domain)] == [alice]
        path.write_text("address,password,quota,aliases\n" + "\n".join([rows[0], rows[3]]) + "\n")
        assert imports.run(site, path).added == 2


class TestAccounts:
    @pytest.mark.parametrize(
        ("address", "sentence"),
        [
            ("nobody", "write it as name@example.org"),
            ("bob@unmanaged.example", "outside the managed domains"),
            ("bob+x@{domain}", "sub-address"),
            ("b/b@{domain}", "has / before the @"),
            ("büb@{domain}", "has ü before the @"),
            ("b&b@{domain}", "login name"),
            ("-bob@{domain}", "login name"),
            (".bob@{domain}", "local-part"),
            ("postmaster@{domain}", "belongs to the alias postmaster@"),
            ("alice@{domain}", "belongs to the account alice@"),
            ("al@{domain}", "as its alias"),
        ],
    )
    def test_an_address_is_refused(
        self, site: Site, domain: str, alice: str, address: str, sentence: str
    ) -> None:
        before = accounts.all_of(site)
        with pytest.raises(errors.BadInput) as refusal:
            accounts.add(site, NewAccount(address.format(domain=domain), GOOD))
        assert sentence in str(refusal.value)
        assert accounts.all_of(site) == before

    @pytest.mark.parametrize(
        "taken", ["alice@{domain}", "al@{domain}", "postmaster@{domain}", "x@unmanaged.example"]
    )
    def test_an_alias_is_refused(self, site: Site, domain: str, alice: str, taken: str) -> None:
        alias = taken.format(domain=domain)
        with pytest.raises(errors.BadInput, match=alias):
            accounts.add(site, NewAccount(f"bob@{domain}", GOOD, aliases=(alias,)))
        accounts.add(site, NewAccount(f"bob@{domain}", GOOD))
        with pytest.raises(errors.BadInput, match=alias):
            accounts.change(site, f"bob@{domain}", Changes(add_aliases=(alias,)))
        assert accounts.show(site, f"bob@{domain}").aliases == ()

    @pytest.mark.parametrize(
        "weak", ["", "short", "aaaaaaaaaaaaaaaa", "1234567890", "password1234", "bob@{domain}", "x" * 300]
    )
    def test_a_weak_password_is_refused(self, site: Site, domain: str, weak: str) -> None:
        address = f"bob@{domain}"
        with pytest.raises(errors.BadInput, match="weak"):
            accounts.add(site, NewAccount(address, weak.format(domain=domain)))
        with pytest.raises(errors.NotFound):
            accounts.show(site, address)

    def test_a_refused_password_is_not_in_the_sentence(self, site: Site, domain: str) -> None:
        with pytest.raises(errors.BadInput) as refusal:
            accounts.add(site, NewAccount(f"bob@{domain}", "qwertyuiop"))
        assert "qwertyuiop" not in str(refusal.value)

    def test_what_is_given_is_what_is_kept(self, site: Site, domain: str) -> None:
        new = NewAccount(
            f"Bob@{domain}",
            GOOD,
            name="Bob the  Builder",
            quota_mb=12,
            aliases=(f"Builder@{domain}",),
            active=False,
            send_only=True,
            super_user=True,
        )
        accounts.add(site, new)
        kept = dataclasses.asdict(accounts.show(site, f"bob@{domain}"))
        assert kept == {
            "address": f"bob@{domain}",
            "name": "Bob the Builder",
            "aliases": (f"builder@{domain}",),
            "active": False,
            "quota_mb": 12,
            "send_only": True,
            "super_user": True,
            "host": "",
        }

    def test_setting_the_same_again_says_so(self, site: Site, alice: str) -> None:
        assert accounts.change(site, alice, Changes(quota_mb=9, active=False)).changed
        assert not accounts.change(site, alice, Changes(quota_mb=9, active=False)).changed

    def test_a_change_leaves_the_rest(self, site: Site, alice: str) -> None:
        before = accounts.show(site, alice)
        accounts.change(site, alice, Changes(super_user=True))
        assert accounts.show(site, alice) == dataclasses.replace(before, super_user=True)

    def test_a_quota_below_zero_is_refused(self, site: Site, alice: str) -> None:
        with pytest.raises(errors.BadInput, match="cannot be"):
            accounts.change(site, alice, Changes(quota_mb=-1))

    def test_a_quota_below_use_is_refused_unless_forced(
        self, site: Site, alice: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(effects, "quota_use_mb", lambda site, address: 50.4)
        with pytest.raises(errors.Refused, match="50 MB"):
            accounts.change(site, alice, Changes(quota_mb=10))
        accounts.change(site, alice, Changes(quota_mb=10), force=True)
        assert accounts.show(site, alice).quota_mb == 10

    def test_who_gets_the_catch_all_goes_on_receiving(self, site: Site, domain: str, alice: str) -> None:
        aliases.add(site, f"@{domain}", [f"al@{domain}"])
        for change in (Changes(active=False), Changes(send_only=True)):
            with pytest.raises(errors.Refused, match=f"only target of @{domain}"):
                accounts.change(site, alice, change)
        assert accounts.show(site, alice).active
        assert accounts.change(site, alice, Changes(active=False), force=True).changed

    def test_the_administrator_stays(self, site: Site) -> None:
        domains.add(site, site.settings.domain, if_missing=True)
        assert domains.absent_target(site) == site.settings.administrator_address
        administrator = site.settings.administrator_address
        accounts.add(site, NewAccount(administrator, GOOD))
        assert domains.absent_target(site) == ""
        with pytest.raises(errors.Refused, match="administrator"):
            accounts.remove(site, administrator)
        with pytest.raises(errors.Refused, match="administrator"):
            accounts.change(site, administrator, Changes(active=False))
        assert accounts.show(site, administrator).active

    def test_an_account_that_a_list_needs_goes_by_force_only(
        self, site: Site, domain: str, alice: str
    ) -> None:
        aliases.add(site, f"all@{domain}", [f"al@{domain}", "someone@elsewhere.example"])
        with pytest.raises(errors.Refused, match=f"all@{domain}"):
            accounts.remove(site, alice)
        accounts.remove(site, alice, force=True)
        assert aliases.show(site, f"all@{domain}").targets == ("someone@elsewhere.example",)

    def test_a_new_password_is_the_only_one(self, slapd: Slapd, site: Site, alice: str) -> None:
        accounts.set_password(site, alice, "rabbit-hole-garden")
        name = f"mail={alice},ou=users,dc=example,dc=org"
        assert slapd.tool("ldapwhoami", dn=name, password="rabbit-hole-garden").returncode == 0
        assert slapd.tool("ldapwhoami", dn=name, password=GOOD).returncode != 0

    def test_removal_says_that_the_mail_stays(self, site: Site, domain: str, alice: str) -> None:
        mailbox = site.paths.data("dovecot") / "mail" / domain / "alice"
        mailbox.mkdir(parents=True)
        assert "stays on disk" in " ".join(accounts.remove(site, alice).sentences)
        assert mailbox.exists()
        again = accounts.add(site, NewAccount(alice, GOOD))
        assert "takes over the mail" in " ".join(again.sentences)

    def test_mail_goes_when_asked_for(self, site: Site, domain: str, alice: str) -> None:
        mailbox = site.paths.data("dovecot") / "mail" / domain / "alice"
        mailbox.mkdir(parents=True)
        accounts.remove(site, alice, purge_mail=True)
        assert not mailbox.exists()

    def test_nothing_is_found_by_what_looks_like_a_filter(self, site: Site, alice: str) -> None:
        for address in ("*@example.org", "alice)(mail=*@example.org"):
            with pytest.raises(errors.BadInput):
                accounts.show(site, address)


class TestAliases:
    @pytest.mark.parametrize(
        ("address", "target", "sentence"),
        [
            ("self@{d}", "self@{d}", "would come back"),
            ("self@{d}", "self+x@{d}", "would come back"),
            ("@{d}", "nobody@{d}", "would come back"),
            ("list@{d}", "nobody@{d}", "does not exist here"),
            ("list@{d}", "nobody", "write it as name@example.org"),
            ("list@unmanaged.example", "alice@{d}", "outside the managed domains"),
            ("alice@{d}", "x@elsewhere.example", "belongs to the account"),
            ("al@{d}", "x@elsewhere.example", "as its alias"),
            ("postmaster@{d}", "x@elsewhere.example", "belongs to the alias"),
        ],
    )
    def test_an_alias_is_refused(
        self, site: Site, domain: str, alice: str, address: str, target: str, sentence: str
    ) -> None:
        before = aliases.all_of(site)
        with pytest.raises(errors.BadInput) as refusal:
            aliases.add(site, address.format(d=domain), [target.format(d=domain)])
        assert sentence in str(refusal.value)
        assert aliases.all_of(site) == before

    def test_a_loop_over_several_is_refused(self, site: Site, domain: str, alice: str) -> None:
        aliases.add(site, f"a@{domain}", [alice])
        aliases.add(site, f"b@{domain}", [f"a@{domain}"])
        aliases.add(site, f"c@{domain}", [f"b@{domain}"])
        with pytest.raises(errors.Refused, match=f"a@{domain} > c@{domain} > b@{domain} > a@{domain}"):
            aliases.change(site, f"a@{domain}", add_targets=[f"c@{domain}"])

    def test_targets_in_an_alias_domain_are_those_of_its_target(
        self, site: Site, domain: str, alice: str
    ) -> None:
        other = f"other-{domain}"
        alias_domains.add(site, domain, other)
        aliases.add(site, f"list@{domain}", [f"alice@{other}", f"alice+news@{other}", f"abuse@{other}"])
        with pytest.raises(errors.Refused, match=f"list@{domain} > list@{other} > list@{domain}"):
            aliases.change(site, f"list@{domain}", add_targets=[f"list@{other}"])
        with pytest.raises(errors.NotFound, match=f"keryx user add nobody@{domain}"):
            aliases.change(site, f"list@{domain}", add_targets=[f"nobody@{other}"])

    def test_a_catch_all_may_deliver_to_an_account_of_its_domain(
        self, site: Site, domain: str, alice: str
    ) -> None:
        aliases.add(site, f"@{domain}", [alice])
        assert aliases.show(site, f"@{domain}").targets == (alice,)

    def test_a_list_has_targets_here_and_elsewhere(self, site: Site, domain: str, alice: str) -> None:
        name = f"list@{domain}"
        aliases.add(site, name, ["Carol@Elsewhere.example", alice, alice])
        assert aliases.show(site, name).targets == tuple(sorted((alice, "carol@elsewhere.example")))
        assert aliases.change(site, name, remove_targets=[alice]).changed
        assert not aliases.change(site, name, remove_targets=[alice]).changed
        with pytest.raises(errors.Refused, match="nobody"):
            aliases.change(site, name, remove_targets=["carol@elsewhere.example"])

    def test_an_alias_that_a_list_needs_stays(self, site: Site, domain: str, alice: str) -> None:
        aliases.add(site, f"a@{domain}", [alice])
        aliases.add(site, f"b@{domain}", [f"a@{domain}"])
        with pytest.raises(errors.Refused, match=f"b@{domain}"):
            aliases.remove(site, f"a@{domain}")
        aliases.remove(site, f"b@{domain}")
        aliases.remove(site, f"a@{domain}")
