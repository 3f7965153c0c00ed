"""The embedded directory as a server: who may what, uniqueness, schema, upgrades."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from keryx.admin import accounts, domains, passwords
from keryx.admin.accounts import NewAccount
from keryx.components.openldap.component import Openldap
from keryx.core import errors, password
from keryx.core.model import Account
from keryx.core.process import run
from keryx.directory import repositories
from keryx.host.prepare import prepare
from keryx.settings.site import Site
from tests.integration.slapd import ROOT, Slapd

GOOD = "wonder-land-rabbit"
INSUFFICIENT_ACCESS = 50
INVALID_CREDENTIALS = 49
CONSTRAINT_VIOLATION = 19
NO_SUCH_OBJECT = 32

TACHYDROMOS = f"""\
dn: ou=tachydromos.example,ou=domains,{ROOT}
objectClass: organizationalUnit
ou: tachydromos.example

dn: mail=alice@tachydromos.example,ou=users,{ROOT}
objectClass: inetOrgPerson
objectClass: mailAccount
cn: Alice Liddell
sn: Liddell
givenName: Alice
userPassword: {{SSHA}}r6Fcl+O/hJZgrLIYTiJlwdLdoHyvKdGq
mail: alice@tachydromos.example
mailAlias: a.liddell@tachydromos.example
mailAlias: Sales@tachydromos.example
mailActive: TRUE
mailQuotaMb: 1024
mailSendOnly: FALSE
mailSuperUser: TRUE
"""


def dn(address: str) -> str:
    return f"mail={address},ou=users,{ROOT}"


def replace(address: str, attribute: str, value: str) -> str:
    return f"dn: {dn(address)}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"


@pytest.fixture
def alice(site: Site, domain: str) -> str:
    address = f"alice@{domain}"
    accounts.add(site, NewAccount(address, GOOD, name="Alice Liddell"))
    return address


class TestRights:
    def test_the_reader_reads_everything_but_passwords(self, slapd: Slapd, alice: str) -> None:
        text = slapd.as_reader("ldapsearch", "-LLL", "-b", ROOT, f"(mail={alice})", "*").stdout
        assert "mailActive: TRUE" in text
        assert "userPassword" not in text
        assert slapd.as_reader("ldapsearch", "-LLL", "-b", ROOT, "(userPassword=*)", "dn").stdout == ""

    @pytest.mark.parametrize("attribute", ["mailActive", "userPassword"])
    def test_the_reader_writes_nothing(self, slapd: Slapd, alice: str, attribute: str) -> None:
        done = slapd.as_reader("ldapmodify", input=replace(alice, attribute, "FALSE"))
        assert done.returncode == INSUFFICIENT_ACCESS

    def test_the_reader_does_not_change_its_own_password(self, slapd: Slapd) -> None:
        change = f"dn: cn=reader,{ROOT}\nchangetype: modify\nreplace: userPassword\nuserPassword: x\n"
        assert slapd.as_reader("ldapmodify", input=change).returncode == INSUFFICIENT_ACCESS

    def test_nobody_sees_anything_without_a_login(self, slapd: Slapd, alice: str) -> None:
        done = slapd.tool("ldapsearch", "-LLL", "-b", ROOT)
        assert (done.returncode, done.stdout) == (NO_SUCH_OBJECT, "No such object (32)\n") or not done.stdout

    def test_an_account_reads_itself_and_nobody_else(self, slapd: Slapd, site: Site, alice: str) -> None:
        bob = f"bob@{alice.partition('@')[2]}"
        accounts.add(site, NewAccount(bob, GOOD))
        me = {"dn": dn(alice), "password": GOOD}
        own = slapd.tool("ldapsearch", "-LLL", "-b", dn(alice), "-s", "base", **me).stdout
        assert f"mail: {alice}" in own
        assert "userPassword" not in own
        other = slapd.tool("ldapsearch", "-LLL", "-b", dn(bob), "-s", "base", **me)
        assert other.returncode == NO_SUCH_OBJECT

    def test_an_account_changes_its_own_password(self, slapd: Slapd, alice: str) -> None:
        done = slapd.tool("ldappasswd", "-s", "another-good-rabbit", dn=dn(alice), password=GOOD)
        assert done.returncode == 0, done.stderr
        assert slapd.tool("ldapwhoami", dn=dn(alice), password=GOOD).returncode == INVALID_CREDENTIALS
        assert slapd.tool("ldapwhoami", dn=dn(alice), password="another-good-rabbit").returncode == 0
        with repositories.connect(slapd.site, write=True) as directory:
            stored = dict(directory.accounts.passwords())[alice]
        assert stored.startswith("{ARGON2}$argon2")
        assert password.verify("another-good-rabbit", stored)

    @pytest.mark.parametrize(
        ("attribute", "value"),
        [("mailQuotaMb", "0"), ("mailSuperUser", "TRUE"), ("mailAlias", "x@y.example"), ("cn", "X")],
    )
    def test_an_account_changes_nothing_else(
        self, slapd: Slapd, alice: str, attribute: str, value: str
    ) -> None:
        done = slapd.tool("ldapmodify", dn=dn(alice), password=GOOD, input=replace(alice, attribute, value))
        assert done.returncode == INSUFFICIENT_ACCESS

    def test_an_account_does_not_change_another_password(self, slapd: Slapd, site: Site, alice: str) -> None:
        bob = f"bob@{alice.partition('@')[2]}"
        accounts.add(site, NewAccount(bob, GOOD))
        change = replace(bob, "userPassword", "x")
        assert slapd.tool("ldapmodify", dn=dn(alice), password=GOOD, input=change).returncode != 0
        assert slapd.tool("ldapwhoami", dn=dn(bob), password=GOOD).returncode == 0


class TestUniqueness:
    @pytest.mark.parametrize("attribute", ["mail", "mailAlias"])
    def test_the_server_refuses_an_address_twice(self, site: Site, domain: str, attribute: str) -> None:
        taken = f"taken@{domain}"
        first = Account(f"one@{domain}", aliases=(taken,))
        second = Account(f"two@{domain}", aliases=(taken,))
        if attribute == "mail":
            second = Account(first.address)
        with repositories.connect(site, write=True) as directory:
            directory.accounts.add(first, "{SSHA}x")
            with pytest.raises(errors.Exists):
                directory.accounts.add(second, "{SSHA}x")


class TestSchema:
    def test_the_entries_of_an_existing_tree_load_and_mean_what_they_say(
        self, slapd: Slapd, site: Site
    ) -> None:
        slapd.as_root("ldapadd", input=TACHYDROMOS)
        assert accounts.show(site, "alice@tachydromos.example") == Account(
            address="alice@tachydromos.example",
            name="Alice Liddell",
            aliases=("a.liddell@tachydromos.example", "sales@tachydromos.example"),
            active=True,
            quota_mb=1024,
            send_only=False,
            super_user=True,
        )
        assert "tachydromos.example" in [domain.name for domain in domains.all_of(site)]

    @pytest.mark.parametrize(
        ("name", "number"),
        [
            ("mailAccount", "1.1"),
            ("mailActive", "2.1"),
            ("mailSendOnly", "2.2"),
            ("mailAlias", "2.3"),
            ("mailQuotaMb", "2.4"),
            ("mailSuperUser", "2.5"),
        ],
    )
    def test_numbers_are_those_of_existing_trees(self, slapd: Slapd, name: str, number: str) -> None:
        arguments = ("-LLL", "-o", "ldif-wrap=no", "-b", "cn=Subschema", "-s", "base", "+")
        text = slapd.as_root("ldapsearch", *arguments).stdout
        arc = "2.25.208731448656550482017954409186041478742.1"
        assert re.search(rf": \( {re.escape(arc)}\.{re.escape(number)} NAME '{name}' ", text)

    def test_an_attribute_that_daemons_search_is_indexed(self, slapd: Slapd) -> None:
        text = slapd.as_root(
            "ldapsearch", "-LLL", "-b", "olcDatabase={1}mdb,cn=config", "-s", "base", "olcDbIndex"
        ).stdout
        names = ("mail", "mailAlias", "mailTarget", "mailActive", "mailSendOnly", "mailSuperUser", "ou")
        for name in names:
            assert re.search(rf"olcDbIndex: {name} .*eq.*pres", text), name


class TestPasswords:
    def test_slapd_and_dovecot_verify_the_same_hash(self, slapd: Slapd, alice: str) -> None:
        assert slapd.tool("ldapwhoami", dn=dn(alice), password=GOOD).returncode == 0
        stored = password.hashed(GOOD).removeprefix(password.SCHEME)
        checked = run(["doveadm", "pw", "-t", "{ARGON2ID}" + stored, "-p", GOOD], check=False)
        assert "(verified)" in checked.stdout
        checked = run(["doveadm", "pw", "-t", "{ARGON2ID}" + stored, "-p", "wrong"], check=False)
        assert "(verified)" not in checked.stdout

    def test_a_hash_of_an_existing_tree_still_logs_in(self, slapd: Slapd, domain: str) -> None:
        address = f"old@{domain}"
        with repositories.connect(slapd.site, write=True) as directory:
            stored = run(["slappasswd", "-h", "{SSHA}", "-T", "/dev/stdin"], input=GOOD).stdout.strip()
            directory.accounts.add(Account(address), stored)
        assert slapd.tool("ldapwhoami", dn=dn(address), password=GOOD).returncode == 0

    @pytest.mark.parametrize("scheme", passwords.SCHEMES)
    def test_every_scheme_that_an_import_takes_logs_in(self, slapd: Slapd, domain: str, scheme: str) -> None:
        address = f"{scheme.lower()}@{domain}"
        # slappasswd(8) keeps the last one that is named.
        module = {"A": "argon2", "P": "pw-pbkdf2"}.get(scheme[0], "pw-sha2")
        words = ["slappasswd", "-o", "module-path=/usr/lib/ldap", "-o", f"module-load={module}"]
        words += ["-h", f"{{{scheme}}}"]
        # crypt(3) with SHA-512, as in /etc/shadow.
        words += ["-c", "$6$%.12s"] if scheme == "CRYPT" else []
        stored = run([*words, "-T", "/dev/stdin"], input=GOOD).stdout.strip()
        assert stored.startswith(f"{{{scheme}}}")
        with repositories.connect(slapd.site, write=True) as directory:
            directory.accounts.add(Account(address), stored)
        assert slapd.tool("ldapwhoami", dn=dn(address), password=GOOD).returncode == 0
        assert slapd.tool("ldapwhoami", dn=dn(address), password="wrong").returncode != 0


class TestLife:
    @pytest.fixture
    def other(self, make_slapd: Callable[..., Slapd]) -> Slapd:
        slapd = make_slapd()
        domains.add(slapd.site, "example.org")
        accounts.add(slapd.site, NewAccount("alice@example.org", GOOD))
        return slapd

    def test_a_new_configuration_keeps_the_data(self, other: Slapd) -> None:
        settings = other.home / "keryx.yaml"
        settings.write_text(settings.read_text() + "openldap: {threads: 4}\n")
        other.stop()
        before = other.site.paths.etc("openldap") / "slapd.d" / "cn=config.ldif"
        assert "olcThreads: 8" in before.read_text()
        other.start()
        assert "olcThreads: 4" in before.read_text()
        assert [account.address for account in accounts.all_of(other.site)] == ["alice@example.org"]

    def test_a_new_index_finds_old_entries(self, other: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
        from keryx.components.openldap import data

        other.stop()
        monkeypatch.setattr(data, "TEXT_INDEXES", (*data.TEXT_INDEXES, "givenName", "sn"))
        other.start()
        assert "alice@example.org" in other.as_reader("ldapsearch", "-LLL", "-b", ROOT, "(sn=alice)").stdout

    def test_a_changed_secret_is_taken_up(self, other: Slapd) -> None:
        other.stop()
        other.site.secrets.put("ldap-reader", "fresh-reader-secret")
        other.site.secrets.put("ldap-admin", "fresh-admin-secret")
        other.start()
        assert accounts.all_of(other.site)
        accounts.set_password(other.site, "alice@example.org", "rabbit-hole-garden")

    def test_preparing_again_beside_a_running_server_changes_nothing(self, other: Slapd) -> None:
        config = other.site.paths.etc("openldap") / "slapd.d"
        before = config.stat().st_ino
        prepare(Openldap(), other.site)
        assert config.stat().st_ino == before
        assert accounts.all_of(other.site)

    def test_data_that_come_back_without_their_state_are_kept(self, other: Slapd) -> None:
        other.stop()
        (other.site.paths.data("openldap") / "state.json").unlink()
        other.start()
        assert [account.address for account in accounts.all_of(other.site)] == ["alice@example.org"]

    def test_another_root_is_refused_with_the_remedy(self, other: Slapd) -> None:
        other.stop()
        settings = other.home / "keryx.yaml"
        text = settings.read_text()
        settings.write_text(text + "directory: {root_dn: 'dc=elsewhere'}\n")
        with pytest.raises(errors.BadInput, match="root_dn: dc=example,dc=org"):
            prepare(Openldap(), other.site)
        settings.write_text(text)
        other.start()
        assert accounts.all_of(other.site)

    def test_a_stopped_server_is_one_sentence(self, other: Slapd) -> None:
        other.stop()
        with pytest.raises(errors.Unreachable, match="does not answer"):
            accounts.all_of(other.site)

    def test_a_killed_server_keeps_what_it_answered(self, other: Slapd) -> None:
        assert other.process is not None
        accounts.add(other.site, NewAccount("bob@example.org", GOOD))
        other.process.kill()
        other.process.wait()
        other.start()
        assert accounts.show(other.site, "bob@example.org").active
