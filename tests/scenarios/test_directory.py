"""The tree of an existing installation works unchanged, and changes made in it take effect.

Entries are loaded with ldapadd and changed with ldapmodify; Keryx's own commands are not used.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import re
import uuid
from pathlib import Path

import pytest

from keryx.admin import accounts, doctor
from keryx.admin.accounts import Changes, NewAccount
from keryx.core import check
from tests import ldap
from tests.clients import arrives, everywhere, fresh, letter, lmtp, login_everywhere, submits
from tests.ldap import Ldap
from tests.running import Suite, wait_for
from tests.wire import Wire

SECRET = "wonder land rabbit"


@pytest.fixture(scope="module")
def tree(suite: Suite) -> str:
    """A domain that came by ldapadd."""
    name = f"{uuid.uuid4().hex[:8]}.example"
    Ldap.admin(suite.site).add(ldap.domain(suite.site, name))
    return name


@pytest.fixture
def admin(suite: Suite) -> Ldap:
    """The directory's administrator."""
    return Ldap.admin(suite.site)


def ssha(password: str) -> str:
    """Return the hash that most existing trees hold (RFC 2307 with a salt)."""
    salt = os.urandom(8)
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def rcpt(suite: Suite, recipient: str, size: int = 0) -> str:
    """Return the codes that begin the reply to RCPT from another server."""
    with Wire(suite.port("smtp")) as wire:
        wire.say("EHLO client.ext.test")
        wire.say(f"MAIL FROM:<friend@ext.test> SIZE={size}")
        return wire.say(f"RCPT TO:<{recipient}>")[:9]


class TestAnExistingTree:
    @pytest.mark.parametrize("stored", [ssha(SECRET), SECRET], ids=["ssha", "clear"])
    def test_mail_flows_and_logins_work_at_once(
        self, suite: Suite, tree: str, admin: Ldap, stored: str
    ) -> None:
        address, alias = fresh("alice", tree), fresh("sales", tree)
        started = suite.json("status")
        assert rcpt(suite, address) == "550 5.1.1"
        admin.add(ldap.account(suite.site, address, stored, alias))
        for to in (address, alias):
            assert rcpt(suite, to).startswith("250")
            assert lmtp(suite, to, letter(f"to {to}"))[0] == 250
            arrives(suite, (address, SECRET), f"to {to}")
        assert login_everywhere(suite, address, SECRET) == everywhere(True)
        for sender in (address, alias):
            subject = f"from {sender}"
            assert submits(suite, (address, SECRET), letter(subject, From=sender), address, sender)[0] == 250
            arrives(suite, (address, SECRET), subject)
        now = suite.json("status")
        assert [part["pid"] for part in now] == [part["pid"] for part in started], "nothing was restarted"

    def test_a_loaded_domain_gets_its_keys_by_the_command_that_doctor_names(
        self, suite: Suite, admin: Ldap
    ) -> None:
        name = f"{uuid.uuid4().hex[:8]}.example"
        admin.add(ldap.domain(suite.site, name))
        (planned,) = [planned for planned in doctor.checks(suite.site) if planned.id == "dkim.keys"]
        (result,) = check.run([planned])
        assert result.status is check.Status.WARNING
        assert name in result.sentence
        assert result.remedy.endswith("keryx dkim add")
        assert "Made the DKIM keys" in suite.keryx("dkim", "add", name).stdout
        keys = suite.json("dkim", "show", name)
        assert [key["algorithm"] for key in keys] == ["rsa", "ed25519"]
        assert "nothing changed" in suite.keryx("dkim", "add", name).stdout
        assert suite.json("dkim", "show", name) == keys, "existing keys stay"

    def test_a_loaded_domain_is_completed_by_domain_add(self, suite: Suite, admin: Ldap) -> None:
        name = f"{uuid.uuid4().hex[:8]}.example"
        admin.add(ldap.domain(suite.site, name))
        assert suite.keryx("domain", "add", name, check=False).returncode == 2
        suite.keryx("domain", "add", name, "--if-missing")
        assert len(suite.json("dkim", "show", name)) == 2
        assert rcpt(suite, f"postmaster@{name}").startswith("250")
        again = suite.keryx("domain", "add", name, "--if-missing").stdout
        assert "nothing changed" in again

    @pytest.mark.parametrize("local", ["Upper.Case", "under_score", "o'brien", "a&b", "hash#1", "x=y"])
    def test_unusual_local_parts_work(self, suite: Suite, tree: str, admin: Ldap, local: str) -> None:
        address = f"{local}@{tree}"
        admin.add(ldap.account(suite.site, address, ssha(SECRET)))
        assert rcpt(suite, address) == "250 2.1.5"
        assert lmtp(suite, address, letter("unusual"))[0] == 250
        assert login_everywhere(suite, address, SECRET) == everywhere(True)
        assert accounts.show(suite.site, address).address == address.lower()

    @pytest.mark.parametrize("local", ["sla/sh", "per%cent", "st*ar", "do$llar", "{brace}", r"pl\+us"])
    def test_what_the_store_cannot_carry_is_refused_and_not_bounced(
        self, suite: Suite, tree: str, admin: Ldap, local: str
    ) -> None:
        address, alias = f"{local}@{tree}".replace("\\", ""), fresh("strange", tree)
        entry = ldap.account(suite.site, address, ssha(SECRET), alias)
        admin.add(entry.replace(f"mail={address}", f"mail={local}@{tree}", 1))
        assert rcpt(suite, address) == "550 5.1.1"
        assert rcpt(suite, alias) == "550 5.1.1"
        assert address in [account.address for account in accounts.all_of(suite.site, tree)]


class TestChanges:
    """Changes that do not come through Keryx."""

    def test_logins_are_remembered_for_a_minute_at_most(self, suite: Suite) -> None:
        conf = (suite.site.paths.etc("dovecot") / "dovecot.conf").read_text()
        found = re.search(r"^auth_cache_ttl = (\d+) secs$", conf, re.M)
        assert found
        assert 0 < int(found[1]) <= 60
        assert re.search(r"^auth_cache_negative_ttl = 0$", conf, re.M)

    @pytest.mark.parametrize("way", ["ldappasswd", "ldapmodify"])
    def test_users_change_their_own_password(
        self, suite: Suite, tree: str, admin: Ldap, tmp_path: Path, way: str
    ) -> None:
        address, other = fresh("bob", tree), "another good rabbit"
        admin.add(ldap.account(suite.site, address, ssha(SECRET)))
        assert login_everywhere(suite, address, SECRET) == everywhere(True)
        secret = tmp_path / "secret"
        secret.write_text(SECRET)
        user = dataclasses.replace(admin, dn=ldap.account_dn(suite.site, address), password_file=secret)
        if way == "ldappasswd":
            user.tool("ldappasswd", "-s", other)
        else:
            user.replace(user.dn, "userPassword", ssha(other))
        # Within the second of a login that is remembered another password may be refused.
        wait_for(lambda: login_everywhere(suite, address, other) == everywhere(True), "the new works", 10)

    def test_another_quota_holds_at_once_for_every_address(self, suite: Suite, tree: str) -> None:
        address, alias = fresh("carol", tree), fresh("carol.alias", tree)
        new = NewAccount(address, SECRET, quota_mb=1, aliases=(alias,))
        accounts.add(suite.site, new)
        recipients = (address, alias, address.replace("@", "+shop@"))
        for quota, code in ((1, "552 5.2.2"), (10, "250 2.1.5"), (1, "552 5.2.2"), (0, "250 2.1.5")):
            accounts.change(suite.site, address, Changes(quota_mb=quota))
            assert [rcpt(suite, to, size=2_000_000) for to in recipients] == [code] * 3, quota

    def test_another_owner_of_an_alias_holds_at_once(self, suite: Suite, tree: str) -> None:
        first, second, alias = fresh("first", tree), fresh("second", tree), fresh("moving", tree)
        for address in (first, second):
            accounts.add(suite.site, NewAccount(address, SECRET))
        for owner, other in ((first, second), (second, first)):
            accounts.change(suite.site, other, Changes(remove_aliases=(alias,)))
            accounts.change(suite.site, owner, Changes(add_aliases=(alias,)))
            codes = {
                login: submits(suite, (login, SECRET), letter("x", From=alias), login, alias)[0]
                for login in (owner, other)
            }
            assert codes == {owner: 250, other: 553}
            header_only = submits(suite, (other, SECRET), letter("x", From=alias), other)
            assert header_only[0] == 554, "the filter knows it too"
