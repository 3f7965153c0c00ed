"""The whole suite on somebody else's directory: other names, another root, TLS, read-only."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keryx.tls import authority
from tests.clients import arrives, everywhere, letter, login_everywhere, submits
from tests.foreign import PEOPLE, Foreign
from tests.running import Suite, wait_for
from tests.web.calling import calling
from tests.wire import rcpt, send

SECRET = "wonder land rabbit"
ALICE = ("alice@example.org", SECRET)
ALIAS = "a.liddell@example.org"


@dataclass
class Guest:
    """A suite whose directory is somebody else's."""

    suite: Suite
    server: Foreign
    yaml: str
    first: str
    """What the first ``keryx up`` said."""

    def use(self, section: str) -> str:
        """Bring the suite to another section ``directory``; return what ``keryx up`` said."""
        (self.suite.home / "keryx.yaml").write_text(self.yaml + section)
        self.suite.__dict__.pop("site", None)
        done = self.suite.keryx("up", check=False, timeout=600)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    home = Path(tempfile.mkdtemp(prefix="keryx-", dir="/tmp"))
    home.chmod(0o755)
    server = Foreign.create(home / "foreign")
    suite = Suite.create(home / "suite", "dovecot: {auth_cache_seconds: 1}\n" + server.settings())
    text = (suite.home / "keryx.yaml").read_text()
    server.person(*ALICE, ALIAS, postLimit="50")
    server.person("boss@example.org", SECRET, postAnySender="TRUE", postMute="FALSE")
    server.person("off@example.org", SECRET, "off.alias@example.org", postEnabled="FALSE")
    server.person("printer@example.org", SECRET, postMute="TRUE")
    server.person("robot@example.org", SECRET, employeeType="robot")
    server.group("team@example.org", ALICE[0], "printer@example.org")
    try:
        said = suite.up().stdout
        yield Guest(suite, server, text.partition("directory:")[0], said)
    finally:
        suite.keryx("down", check=False)
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def flows(suite: Suite, subject: str) -> None:
    """Send a message from outside to the alias and read it."""
    assert send(suite, letter(subject, To=ALIAS), ALIAS).startswith("250")
    arrives(suite, ALICE, subject)


def test_the_first_start_makes_nothing_there_and_says_what_is_missing(guest: Guest) -> None:
    assert "read-only" in guest.first
    assert "admin@example.org, who gets the mail of postmaster" in guest.first
    assert "keryx doctor --account" in guest.first
    assert not (guest.suite.home / "secrets/administrator").exists()
    assert "Everything runs" in guest.suite.up().stdout


def test_mail_comes_in_and_every_login_works(guest: Guest) -> None:
    flows(guest.suite, "over ldaps")
    assert login_everywhere(guest.suite, *ALICE) == everywhere(True)
    assert login_everywhere(guest.suite, ALICE[0], "wrong") == everywhere(False)


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("alice+x@example.org", "250 2.1.5"),
        ("team@example.org", "250 2.1.5"),
        ("off@example.org", "550 5.2.1"),
        ("off.alias@example.org", "550 5.2.1"),
        ("printer@example.org", "550 5.2.1"),
        ("robot@example.org", "550 5.1.1"),
        ("nobody@example.org", "550 5.1.1"),
        ("*@example.org", "550 5.1.1"),
    ],
)
def test_its_attributes_mean_what_the_settings_say(guest: Guest, recipient: str, code: str) -> None:
    assert rcpt(guest.suite, recipient).startswith(code)


@pytest.mark.parametrize(
    ("login", "envelope", "header", "code"),
    [
        ("alice", ALIAS, ALIAS, 250),
        ("alice", "boss@example.org", ALICE[0], 553),
        ("alice", ALICE[0], "boss@example.org", 554),
        ("boss", "alice@example.org", "alice@example.org", 250),
        ("printer", "printer@example.org", "printer@example.org", 250),
    ],
)
def test_senders_are_held_to_their_addresses(
    guest: Guest, login: str, envelope: str, header: str, code: int
) -> None:
    who = (f"{login}@example.org", SECRET)
    assert submits(guest.suite, who, letter("sent", From=header), ALICE[0], envelope)[0] == code


@pytest.mark.parametrize("name", ["off", "robot"])
def test_the_inactive_and_the_filtered_log_in_nowhere(guest: Guest, name: str) -> None:
    assert login_everywhere(guest.suite, f"{name}@example.org", SECRET) == everywhere(False)


def test_commands_read_it_and_refuse_to_write(guest: Guest) -> None:
    suite = guest.suite
    found = {account["address"]: account for account in suite.json("user", "list")}
    assert set(found) == {f"{name}@example.org" for name in ("alice", "boss", "off", "printer")}
    assert found[ALICE[0]]["aliases"] == [ALIAS]
    assert found[ALICE[0]]["quota_mb"] == 50
    assert found["boss@example.org"]["super_user"] is True
    done = suite.keryx(
        "user", "add", "new@example.org", "--password-stdin", input="wonder land rabbit\n", check=False
    )
    assert done.returncode == 2
    assert "read-only" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_api_reads_it_says_that_it_is_read_only_and_refuses_to_write(guest: Guest) -> None:
    guest.suite.keryx("admin", "add", "boss@example.org")
    with calling(guest.suite) as api:
        boss, alice = api.sign_in("boss@example.org", SECRET), api.sign_in(*ALICE)
        assert boss.get("/session")["role"] == "site"
        assert boss.get("/session")["writable"] is False
        assert boss.get("/accounts/alice@example.org")["aliases"] == [ALIAS]
        for caller, method, path, body in (
            (boss, "PATCH", "/accounts/alice@example.org", {"quota_mb": 10}),
            (boss, "PUT", "/accounts/new@example.org", {"password": SECRET}),
            (boss, "DELETE", "/accounts/alice@example.org", None),
            (boss, "PUT", "/aliases/new@example.org", {"targets": ["far@ext.test"]}),
            (boss, "PUT", "/domains/new.test", {}),
            (alice, "PUT", "/accounts/alice@example.org/password", {"password": f"x{SECRET}", "old": SECRET}),
        ):
            answer = caller.call(method, path, body)
            assert answer.status_code == 409, f"{method} {path}: {answer.text}"
            assert "read-only" in answer.json()["error"]
        # What is not kept in the directory is still the person's to set.
        path = "/accounts/alice@example.org/vacation"
        assert alice.put(path, {"active": True, "text": "Away."})["active"] is True
        assert alice.put(path, {"active": False})["active"] is False


def test_doctor_sends_a_message_with_the_account_that_it_is_given(guest: Guest) -> None:
    done = guest.suite.keryx(
        "doctor", "--account", ALICE[0], "--password-stdin", input=SECRET + "\n", check=False
    )
    assert "Submitted, filtered, delivered, read back; 2 DKIM signatures verify." in done.stdout
    done = guest.suite.keryx("doctor", check=False)
    assert "keryx doctor --account ADDRESS" in done.stdout


def test_it_going_away_defers_mail_and_all_is_well_when_it_is_back(guest: Guest) -> None:
    guest.server.stop()
    try:
        assert rcpt(guest.suite, "alice@example.org").startswith("451")
        done = guest.suite.keryx("up", check=False)
        assert done.returncode == 1
        assert "does not answer" in done.stderr
    finally:
        guest.server.start()
    wait_for(lambda: rcpt(guest.suite, ALIAS).startswith("250"), "mail is taken again")
    wait_for(lambda: login_everywhere(guest.suite, *ALICE) == everywhere(True), "logins work again")
    flows(guest.suite, "back again")


def test_starttls_works_and_another_authority_is_told(guest: Guest) -> None:
    suite, server = guest.suite, guest.server
    guest.use(server.settings("starttls"))
    flows(suite, "over starttls")
    assert login_everywhere(suite, *ALICE) == everywhere(True)
    other = server.folder / "other"
    authority.ensure(other, ["localhost"])
    for how in ("starttls", "ldaps"):
        said = guest.use(server.settings(how, other / "ca.pem"))
        assert "does not answer" in said
        assert "directory.ca" in said
        assert rcpt(suite, ALIAS).startswith("451")
    guest.use(server.settings())
    flows(suite, "over ldaps again")


def test_a_disabled_account_is_out_within_the_time_that_logins_are_remembered(guest: Guest) -> None:
    suite, server = guest.suite, guest.server
    late = ("late@example.org", SECRET)
    server.person(*late)
    assert login_everywhere(suite, *late) == everywhere(True), "now it is remembered"
    server.owner.replace(f"uid=late,{PEOPLE}", "postEnabled", "FALSE")
    assert rcpt(suite, late[0]).startswith("550 5.2.1")
    wait_for(lambda: login_everywhere(suite, *late) == everywhere(False), "it is out", 20)


def test_another_password_is_the_only_one(guest: Guest) -> None:
    suite, server = guest.suite, guest.server
    address, other = "carol@example.org", "another good rabbit"
    server.person(address, SECRET)
    assert login_everywhere(suite, address, SECRET) == everywhere(True)
    server.owner.replace(f"uid=carol,{PEOPLE}", "userPassword", other)
    wait_for(lambda: login_everywhere(suite, address, other) == everywhere(True), "the new works", 10)
    wait_for(lambda: login_everywhere(suite, address, SECRET) == everywhere(False), "the old is out", 20)


def test_a_new_super_user_may_use_any_sender_and_a_former_one_may_not(guest: Guest) -> None:
    suite, server = guest.suite, guest.server
    dave = ("dave@example.org", SECRET)
    server.person(*dave)
    foreign = letter("sent", From=ALICE[0])

    def codes() -> tuple[int, int]:
        """Return the answers to a foreign envelope sender and to a foreign header From."""
        return submits(suite, dave, foreign, dave[0], ALICE[0])[0], submits(suite, dave, foreign, dave[0])[0]

    assert codes() == (553, 554)
    server.owner.replace(f"uid=dave,{PEOPLE}", "postAnySender", "TRUE")
    wait_for(lambda: codes() == (250, 250), "any sender is allowed", 20)
    server.owner.replace(f"uid=dave,{PEOPLE}", "postAnySender", "FALSE")
    wait_for(lambda: codes() == (553, 554), "and no longer", 20)
