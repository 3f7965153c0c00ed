"""``keryx doctor`` on a healthy suite, and on one that has something wrong."""

from __future__ import annotations

import json
import re
from typing import Any

from keryx.admin.databases import checks as database_checks
from keryx.components import registry
from keryx.host.supervisor import Supervisor
from keryx.settings.ports import STANDARD, WITHOUT_TLS
from tests.running import Suite, wait_for


def results(suite: Suite, *options: str, input: str | None = None) -> tuple[int, dict[str, Any]]:
    done = suite.keryx("doctor", "--json", *options, input=input, check=False)
    return done.returncode, {row["id"]: row for row in json.loads(done.stdout)}


def test_a_healthy_suite_is_well(suite: Suite) -> None:
    status, found = results(suite)
    assert status == 0, found
    assert {row["status"] for row in found.values()} <= {"ok", "warning"}
    components = [f"component.{component.name}" for component in registry.enabled(suite.site)]
    ports = [f"port.{name}" for name in STANDARD if name not in WITHOUT_TLS]
    databases = [check.id for check in database_checks(suite.site)]
    assert databases[0] == "database.keryx"
    rest = ["dkim.keys", "resolver.dnssec", "disk.space", "queue.age", "mail.loop"]
    directory = ["directory.domains", "directory.postmaster"]
    assert list(found) == [*components, *ports, *directory, *databases, *rest]
    loop = found["mail.loop"]
    assert loop["sentence"] == "Submitted, filtered, delivered, read back; 2 DKIM signatures verify."
    assert "shows a certificate for mail.example.org" in found["port.imaps"]["sentence"]


def test_the_passing_account_is_gone_afterwards(suite: Suite) -> None:
    results(suite)
    addresses = [row["address"] for row in suite.json("user", "list")]
    assert not [address for address in addresses if "doctor" in address]
    assert not list(suite.home.glob("data/dovecot/**/keryx-doctor-*"))


def test_an_account_of_the_administrators_choice_sends_the_message(suite: Suite) -> None:
    address, password = suite.account("checkup")
    status, found = results(suite, "--account", address, "--password-stdin", input=f"{password}\n")
    assert status == 0, found["mail.loop"]
    status, found = results(suite, "--account", address, "--password-stdin", input="wrong\n")
    assert status == 1
    assert "535" in found["mail.loop"]["sentence"]
    assert found["mail.loop"]["remedy"]


def test_each_failure_comes_with_its_remedy(suite: Suite) -> None:
    Supervisor(suite.site).stop_component("rspamd")
    try:
        status, found = results(suite)
        assert status == 1
        assert found["component.rspamd"]["status"] == "failed"
        assert "keryx logs rspamd" in found["component.rspamd"]["remedy"]
        assert found["mail.loop"]["status"] == "failed", "nothing is accepted unscanned"
        assert found["mail.loop"]["sentence"].startswith("Submission at 127.0.0.1")
        # Postfix says 454 to STARTTLS where it says 451 to mail.
        assert re.search(r"failed: 45[14] ", found["mail.loop"]["sentence"])
        assert found["component.dovecot"]["status"] == "ok"
    finally:
        suite.up()
    wait_for(lambda: suite.keryx("status", check=False).returncode == 0, "all ready again")


def test_people_get_sentences(suite: Suite) -> None:
    text = suite.keryx("doctor").stdout
    assert "✓ mail.loop: Submitted, filtered, delivered, read back; 2 DKIM signatures verify." in text
    assert text.rstrip().endswith("All is well.")
