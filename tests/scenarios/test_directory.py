"""The tree of an existing installation works unchanged, and changes made in it take effect.

Entries are loaded with ldapadd and changed with ldapmodify; Keryx's own commands are not used.
"""

from __future__ import annotations

import base64
import hashlib
import os
import uuid

import pytest

from keryx.admin import doctor
from keryx.core import check
from tests import ldap
from tests.clients import arrives, everywhere, fresh, letter, lmtp, login_everywhere, submits
from tests.ldap import Ldap
from tests.running import Suite
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


def rcpt(suite: Suite, recipient: str) -> str:
    """Return the first nine characters of the reply to RCPT from another server."""
    with Wire(suite.port("smtp")) as wire:
        return wire.envelope("friend@ext.test", recipient)[1][:9]


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
