"""Mail from other servers: what is taken, what is refused, with which code, and at which moment."""

from __future__ import annotations

import smtplib
import ssl
import uuid

import pytest

from tests.clients import arrives, fresh, imap, letter, subjects
from tests.running import Suite, wait_for
from tests.wire import Wire, rcpt, send

SENDER = "friend@ext.test"


def _letter(subject: str, body: str = "Hello.") -> bytes:
    head = (
        f"From: {SENDER}\r\nTo: x@example.org\r\nSubject: {subject}\r\nMessage-ID: <{uuid.uuid4()}@ext.test>"
    )
    return f"{head}\r\n\r\n{body}\r\n.\r\n".encode()


def test_address_alias_and_subaddress_reach_the_account(suite: Suite) -> None:
    alias = fresh("sales")
    login = suite.account("alice", "--alias", alias)
    local, domain = login[0].split("@")
    for subject, to in (("plain", login[0]), ("alias", alias), ("tagged", f"{local}+shop@{domain}")):
        assert send(suite, letter(f"{subject} {local}"), to).startswith("250")
        arrives(suite, login, f"{subject} {local}")


def test_unknown_recipients_are_refused_at_rcpt(suite: Suite) -> None:
    assert rcpt(suite, fresh("nobody")).startswith("550 5.1.1")


@pytest.mark.parametrize("flag", ["--inactive", "--send-only"])
def test_no_address_of_an_inactive_or_send_only_account_takes_mail(suite: Suite, flag: str) -> None:
    alias = fresh("alias")
    address, _ = suite.account("quiet", flag, "--alias", alias)
    local = address.split("@")[0]
    for to in (address, alias, f"{local}+tag@example.org"):
        assert rcpt(suite, to).startswith("550 5.2.1"), to


def test_a_catch_all_takes_unknown_addresses_and_no_others(suite: Suite) -> None:
    domain = f"{uuid.uuid4().hex[:8]}.example.org"
    suite.keryx("domain", "add", domain)
    catcher = suite.account("catcher", domain=domain)
    alice = suite.account("alice", domain=domain)
    off, _ = suite.account("off", "--inactive", "--alias", f"off.alias@{domain}", domain=domain)
    suite.keryx("alias", "add", f"@{domain}", "--to", catcher[0])
    assert send(suite, letter("anything"), f"whatever@{domain}").startswith("250")
    assert send(suite, letter("for alice"), alice[0]).startswith("250")
    arrives(suite, catcher, "anything")
    arrives(suite, alice, "for alice")
    assert rcpt(suite, off).startswith("550 5.2.1")
    assert rcpt(suite, f"off.alias@{domain}").startswith("550 5.2.1")
    with imap(suite, *catcher) as client:
        assert subjects(client) == ["anything"]


def test_members_of_a_list_get_it_and_inactive_ones_do_not(suite: Suite) -> None:
    alice, bob = suite.account("alice"), suite.account("bob")
    off, _ = suite.account("off", "--inactive")
    team, lonely = fresh("team"), fresh("lonely")
    suite.keryx("alias", "add", team, "--to", alice[0], "--to", bob[0], "--to", off)
    suite.keryx("alias", "add", lonely, "--to", off)
    assert send(suite, letter("to the team"), team).startswith("250")
    arrives(suite, alice, "to the team")
    arrives(suite, bob, "to the team")
    wait_for(lambda: "the account is inactive" in suite.log("postfix"), "the member is left out")
    assert rcpt(suite, lonely).startswith("550 5.2.1")


def test_postmaster_and_abuse_reach_somebody(suite: Suite) -> None:
    for role in ("postmaster", "abuse"):
        assert rcpt(suite, f"{role}@example.org").startswith("250")
    assert rcpt(suite, "postmaster").startswith("250")


def test_a_full_mailbox_is_told_at_rcpt(suite: Suite) -> None:
    address, _ = suite.account("tiny", "--quota", "1")
    with Wire(suite.port("smtp")) as wire:
        wire.say("EHLO client.ext.test")
        wire.say(f"MAIL FROM:<{SENDER}> SIZE=3000000")
        assert wire.say(f"RCPT TO:<{address}>").startswith("552 5.2.2")


def test_a_message_over_the_limit_is_refused_at_mail(suite: Suite) -> None:
    with Wire(suite.port("smtp")) as wire:
        limit = suite.site.settings.message_size_limit_mb * 1024 * 1024
        assert f"SIZE {limit}" in wire.say("EHLO client.ext.test")
        assert wire.say(f"MAIL FROM:<{SENDER}> SIZE={limit + 1}").startswith("552")


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r"])
def test_no_second_message_can_be_smuggled(suite: Suite, end: bytes) -> None:
    alice, bob = suite.account("alice"), suite.account("bob")
    token = uuid.uuid4().hex
    smuggled = f"MAIL FROM:<evil@ext.test>\r\nRCPT TO:<{bob[0]}>\r\nDATA\r\n".encode()
    with Wire(suite.port("smtp")) as wire:
        wire.envelope(SENDER, alice[0])
        wire.data(_letter(token)[:-5] + end + smuggled + _letter(f"smuggled {token}"))
        wire.say("NOOP")
    if "smuggled" not in suite.log("postfix"):
        arrives(suite, alice, token)
    with imap(suite, *bob) as client:
        assert subjects(client) == []
    assert "from=<evil@ext.test>" not in suite.log("postfix")


def test_commands_ahead_of_their_turn_are_refused(suite: Suite) -> None:
    with Wire(suite.port("smtp")) as wire:
        assert wire.say(f"EHLO client.ext.test\r\nMAIL FROM:<{SENDER}>").startswith("554 5.5.0")


def test_internationalised_addresses_are_refused_at_the_door(suite: Suite) -> None:
    with Wire(suite.port("smtp")) as wire:
        assert "SMTPUTF8" not in wire.say("EHLO client.ext.test")
        assert wire.say("MAIL FROM:<friend@ext.test> SMTPUTF8").startswith("555")
        wire.say("MAIL FROM:<friend@ext.test>")
        assert wire.say("RCPT TO:<δοκιμή@example.org>").startswith("550 5.6.7")
        wire.say("RSET")
        wire.say("MAIL FROM:<δ@ext.test>")
        assert wire.say("RCPT TO:<admin@example.org>").startswith("550 5.6.7")


def test_port_25_offers_tls_and_no_login(suite: Suite) -> None:
    with Wire(suite.port("smtp")) as wire:
        offered = wire.say("EHLO client.ext.test")
        assert "STARTTLS" in offered
        assert "AUTH" not in offered
        assert wire.say("STARTTLS").startswith("220")
        context = ssl.create_default_context(cafile=str(suite.site.paths.tls / "ca.pem"))
        with context.wrap_socket(wire.socket, server_hostname="mail.example.org") as secure:
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
            secure.sendall(b"EHLO client.ext.test\r\n")
            assert b"AUTH" not in secure.recv(4096)


def test_addresses_cannot_be_probed_by_vrfy(suite: Suite) -> None:
    with Wire(suite.port("smtp")) as wire:
        wire.say("EHLO client.ext.test")
        assert wire.say("VRFY admin@example.org").startswith("502")


def test_an_alias_that_is_switched_off_receives_nothing(suite: Suite) -> None:
    address, _ = suite.account("owner")
    alias = f"off-{address}"

    def answer() -> int:
        with smtplib.SMTP("127.0.0.1", suite.port("smtp")) as client:
            client.ehlo("client.ext.test")
            client.mail("somebody@ext.test")
            return client.rcpt(alias)[0]

    suite.keryx("alias", "add", alias, "--to", address)
    assert answer() == 250
    suite.keryx("alias", "set", alias, "--inactive")
    assert answer() == 550
    suite.keryx("alias", "set", alias, "--active")
    assert answer() == 250
