"""Mail to other servers: submission and its rules, forwarding with SRS, relayhosts, the queue.

The world outside is a server of the test at a loopback address; its name is served by the
suite's own resolver, through the settings.
"""

from __future__ import annotations

import json
import smtplib
import ssl
import warnings

import pytest

from keryx.admin import dkim as keys
from keryx.admin.mail_loop import verify_signatures
from keryx.core import errors, network
from keryx.core.process import run
from tests.clients import arrives, old_tls
from tests.running import wait_for
from tests.sink import Sink, serving
from tests.wire import Wire
from tests.world import World, message, proxy_header, submit, token

# --- submission


@pytest.mark.parametrize("port", ["submission", "submissions"])
def test_mail_of_a_user_goes_out(world: World, sink: Sink, port: str) -> None:
    alice, subject = world.suite.account("alice"), token()
    submit(world.suite, alice, alice[0], "far@ext.test", message(alice[0], subject), port)
    got = sink.wait(subject)
    assert (got.sender, got.recipients) == (alice[0], ("far@ext.test",))


def test_no_login_is_offered_or_taken_in_clear(world: World) -> None:
    with Wire(world.suite.port("submission")) as wire:
        assert "AUTH" not in wire.say("EHLO laptop.lan")
        assert wire.say("AUTH PLAIN AGEAYgBj").startswith(("530", "503"))
        assert wire.say("MAIL FROM:<admin@example.org>").startswith("530")


def test_submission_needs_a_login(world: World) -> None:
    with smtplib.SMTP("127.0.0.1", world.suite.port("submission")) as client:
        client.starttls(context=network.unverified_tls())
        client.ehlo("laptop.lan")
        client.docmd("MAIL FROM:<admin@example.org>")
        code, text = client.docmd("RCPT TO:<admin@example.org>")
        assert code == 530
        assert b"Authentication required" in text


def test_old_tls_is_refused(world: World) -> None:
    context = old_tls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        smtplib.SMTP_SSL("127.0.0.1", world.suite.port("submissions"), context=context)


def test_sender_must_be_the_accounts_own(world: World, sink: Sink) -> None:
    suite, alias = world.suite, f"{token()}@example.org"
    alice, bob = suite.account("alice", "--alias", alias), suite.account("bob")
    team = f"{token()}@example.org"
    suite.keryx("alias", "add", team, "--to", alice[0])
    for stranger in (bob[0], team, "who@else.test"):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            submit(suite, alice, stranger, "far@ext.test", message(alice[0], "no"))
        assert caught.value.recipients["far@ext.test"][0] == 553
    subject = token()
    submit(suite, alice, alias, "far@ext.test", message(alias, subject))
    assert sink.wait(subject).sender == alias


def test_a_super_user_uses_any_sender(world: World, sink: Sink) -> None:
    boss, bob, subject = world.suite.account("boss", "--super-user"), world.suite.account("bob"), token()
    submit(world.suite, boss, bob[0], "far@ext.test", message(bob[0], subject))
    assert sink.wait(subject).sender == bob[0]


def test_local_recipients_are_checked_for_users_too(world: World) -> None:
    alice = world.suite.account("alice")
    off, _ = world.suite.account("off", "--inactive")
    for to, code in ((f"{token()}@example.org", b"5.1.1"), (off, b"5.2.1")):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            submit(world.suite, alice, alice[0], to, message(alice[0], "no"))
        assert caught.value.recipients[to][1].startswith(code)


def test_headers_that_tell_of_the_users_machine_are_removed(world: World, sink: Sink) -> None:
    alice, subject = world.suite.account("alice"), token()
    telling = (
        "Received: from inner.lan (inner.lan [10.1.2.3]) by laptop.lan; Mon, 2 Mar 2026 00:00:00 +0000",
        "X-Originating-IP: [10.1.2.3]",
        "User-Agent: Tattler/1.0",
        "X-Mailer: Tattler",
    )
    submit(world.suite, alice, alice[0], "far@ext.test", message(alice[0], subject, *telling))
    got = sink.wait(subject)
    head = got.content.split(b"\r\n\r\n")[0]
    for word in (b"10.1.2.3", b"Tattler", b"laptop.lan", b"inner.lan"):
        assert word not in head
    assert len(got.message.get_all("Received", [])) == 1
    assert got.message["Message-ID"]
    assert got.message["Date"]


# --- who may relay


def test_strangers_may_not_relay(world: World) -> None:
    proxied = "trusted_proxies: [10.9.0.0/16]\nports:\n  smtp: {proxy_protocol: true}\n"
    with world.settings(proxied):
        with Wire(world.suite.port("smtp"), header=proxy_header("198.51.100.7")) as wire:
            replies = wire.envelope("friend@ext.test", "far@ext.test", "admin@example.org")
        assert replies[1].startswith("554 5.7.1")
        assert replies[2].startswith("250")
        for claimed in ("127.0.0.1", "10.9.1.1"):
            with Wire(world.suite.port("smtp"), header=proxy_header(claimed)) as wire:
                assert wire.envelope("friend@ext.test", "admin@example.org")[1].startswith("550 5.7.1")
        with Wire(world.suite.port("smtp"), header=b"EHLO no.header\r\n") as wire:
            assert not wire.greeting.startswith("220")
        with Wire(world.suite.site.internal_smtp.port) as wire:
            assert wire.envelope("friend@ext.test", "far@ext.test")[1].startswith("250")


# --- forwarding


def test_forwarded_mail_carries_an_srs_sender_and_its_bounce_comes_home(world: World, sink: Sink) -> None:
    suite, subject = world.suite, token()
    alice, forward = suite.account("alice"), f"{token()}@example.org"
    suite.keryx("alias", "add", forward, "--to", "far@ext.test", "--to", alice[0])
    with Wire(suite.port("smtp")) as wire:
        wire.envelope("origin@ext.test", forward)
        assert wire.data(message("origin@ext.test", subject).encode() + b".\r\n").startswith("250")
    local = arrives(suite, alice, subject)
    assert "SRS0" not in str(local["Return-Path"])
    got = sink.wait(subject)
    assert got.recipients == ("far@ext.test",)
    assert got.sender.startswith("SRS0=")
    assert got.sender.endswith("=ext.test=origin@example.org")
    assert got.message["From"] == "origin@ext.test"

    bounce = token()
    with Wire(suite.port("smtp")) as wire:
        assert wire.envelope("", got.sender)[1].startswith("250")
        wire.data(message("mailer-daemon@ext.test", bounce).encode() + b".\r\n")
    home = sink.wait(bounce)
    assert (home.sender, home.recipients) == ("", ("origin@ext.test",))


def test_srs_addresses_relay_nothing_else(world: World) -> None:
    forged = "SRS0=abcd=JL=ext.test=victim@example.org"
    for sender in ("", "friend@ext.test"):
        with Wire(world.suite.port("smtp")) as wire:
            assert wire.envelope(sender, forged)[1].startswith("55")


def test_a_sender_that_cannot_be_rewritten_gets_its_mail_back(world: World, sink: Sink) -> None:
    suite, subject, forward = world.suite, token(), f"{token()}@example.org"
    suite.keryx("alias", "add", forward, "--to", "far@ext.test")
    nonsense = f"SRS1={token()}@ext.test"
    with Wire(suite.port("smtp")) as wire:
        wire.envelope(nonsense, forward)
        assert wire.data(message("origin@ext.test", subject).encode() + b".\r\n").startswith("250")
    wait_for(lambda: any(got.recipients == (nonsense,) for got in sink.got), "the bounce")
    (bounce,) = (got for got in sink.got if got.recipients == (nonsense,))
    assert bounce.sender == ""
    assert "550 5.1.7" in bounce.message.as_string()
    assert all(got.message["Subject"] != subject for got in sink.got)


def test_mail_of_our_own_senders_is_not_rewritten(world: World, sink: Sink) -> None:
    suite, subject, forward = world.suite, token(), f"{token()}@example.org"
    suite.keryx("alias", "add", forward, "--to", "far@ext.test")
    alice = suite.account("alice")
    submit(suite, alice, alice[0], forward, message(alice[0], subject))
    assert sink.wait(subject).sender == alice[0]


# --- relayhosts


def test_relayhosts_get_their_logins_over_tls_only(world: World) -> None:
    suite = world.suite
    password = suite.home / "relay-password"
    password.write_text("let me in\n")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(suite.site.certificate, suite.site.certificate_key)
    alice, special = suite.account("alice"), suite.account("special")
    login = f"password_file: {password}, tls: encrypt"
    relayhosts = (
        "postfix:\n"
        f"  relayhost: {{host: smart.ext.test, port: 2587, user: site, {login}}}\n"
        "  sender_relayhosts:\n"
        f"    {special[0]}: {{host: {world.address}, port: 2465, user: ceo, "
        f"password_file: {password}, tls: wrapper}}\n"
        f'  tls_policy: {{"[{world.address}]:2465": encrypt}}\n'
    )
    with (
        serving(Sink(world.address, 2587, tls=tls, logins={"site": "let me in"})) as smart,
        serving(Sink(world.address, 2465, tls=tls, wrapper=True, logins={"ceo": "let me in"})) as own,
        world.settings(relayhosts),
    ):
        for sender, where, name in ((alice, smart, "site"), (special, own, "ceo")):
            subject = token()
            submit(suite, sender, sender[0], "far@ext.test", message(sender[0], subject))
            got = where.wait(subject)
            assert (got.login, got.tls) == (name, True)
    assert "let me in" not in suite.log("postfix")


# --- the queue


def test_mail_waits_while_the_other_side_is_away_and_then_goes(world: World) -> None:
    suite, subject = world.suite, token()
    alice = suite.account("alice")
    submit(suite, alice, alice[0], "far@ext.test", message(alice[0], subject))

    def waiting() -> list[dict[str, object]]:
        found = suite.json("queue", "list", "--sender", alice[0])
        return [entry for entry in found if entry["queue"] == "deferred"]

    entry = wait_for(waiting, "the message waits")[0]
    assert "Connection refused" in json.dumps(entry)
    identifier = str(entry["id"])
    assert subject in suite.keryx("queue", "show", identifier).stdout
    suite.keryx("queue", "hold", identifier)
    with serving(Sink(world.address)) as sink:
        suite.keryx("queue", "flush")
        assert suite.json("queue", "list", "--sender", alice[0])[0]["queue"] == "hold"
        suite.keryx("queue", "release", identifier)
        suite.keryx("queue", "flush", identifier)
        assert sink.wait(subject).sender == alice[0]


def test_a_permanent_refusal_comes_back_to_the_sender(world: World) -> None:
    alice = world.suite.account("alice")
    with serving(Sink(world.address, refusal="550 5.1.1 nobody here")):
        submit(world.suite, alice, alice[0], "far@ext.test", message(alice[0], token()))
        returned = arrives(world.suite, alice, "Undelivered Mail Returned to Sender")
    assert "nobody here" in returned.as_string()


@pytest.mark.parametrize("arguments", [(), ("ALL",), ("../../etc",), ("ABCDEFGH",)])
def test_nothing_is_deleted_by_accident(world: World, arguments: tuple[str, ...]) -> None:
    with pytest.raises(errors.CommandFailed) as caught:
        world.suite.keryx("queue", "delete", *arguments)
    assert caught.value.returncode == 2


def test_chosen_messages_are_deleted_and_no_others(world: World) -> None:
    suite = world.suite
    alice, bob = suite.account("alice"), suite.account("bob")
    for login in (alice, bob):
        submit(suite, login, login[0], "far@ext.test", message(login[0], token()))
    wait_for(lambda: len(suite.json("queue", "list", "--recipient", "ext.test")) >= 2, "both wait")
    suite.keryx("queue", "delete", "--sender", alice[0])
    assert suite.json("queue", "list", "--sender", alice[0]) == []
    assert len(suite.json("queue", "list", "--sender", bob[0])) == 1
    suite.keryx("queue", "delete", "--all")


# --- settings


def test_an_unknown_parameter_is_refused_and_nothing_changes(world: World) -> None:
    main = world.suite.site.paths.etc("postfix") / "main.cf"
    before = main.read_text()
    with (
        pytest.raises(errors.CommandFailed) as caught,
        world.settings("postfix:\n  parameters: {smtp_hello_timeout: 5s}\n"),
    ):
        pass
    assert "smtp_hello_timeout" in caught.value.stderr + caught.value.stdout
    assert main.read_text() == before


# --- bounces


def test_a_bounce_to_the_outside_is_signed(world: World) -> None:
    suite, forward, gone = world.suite, f"{token()}@example.org", f"{token()}@ext.test"
    suite.keryx("alias", "add", forward, "--to", gone)
    with serving(Sink(world.address, refusal="550 5.1.1 nobody here", refuses=(gone,))) as outside:
        with Wire(suite.port("smtp")) as wire:
            wire.envelope("origin@ext.test", forward)
            assert wire.data(message("origin@ext.test", token()).encode() + b".\r\n").startswith("250")
        bounce = outside.wait("Undelivered Mail Returned to Sender")
    assert (bounce.sender, bounce.recipients) == ("", ("origin@ext.test",))
    published = {key.record_name: key.record_text for key in keys.show(suite.site, suite.domain)}
    assert verify_signatures(bounce.content, published) == (2, 2)


def test_a_bounce_that_quotes_spam_is_not_lost_to_the_filter(world: World) -> None:
    """The flag counts 5 and a foreign recipient 2: enough for Junk, if it were not a bounce."""
    suite = world.suite
    login = suite.account("alice")
    for sender, folder in (("", "INBOX"), ("friend@ext.test", "Junk")):
        subject = token()
        with Wire(suite.site.internal_smtp.port) as wire:
            assert wire.envelope(sender, login[0])[1].startswith("250")
            quoting = message("MAILER-DAEMON@example.org", subject, "X-Spam: Yes")
            assert wire.data(quoting.encode() + b".\r\n").startswith("250")
        arrives(suite, login, subject, folder)


# --- limits and names


def test_an_account_that_sends_too_much_is_put_off(world: World, sink: Sink) -> None:
    suite = world.suite
    with world.settings("rspamd:\n  rate_limit: {per_hour: 3, per_day: 0}\n"):
        alice, bob = suite.account("alice"), suite.account("bob")
        for _ in range(3):
            submit(suite, alice, alice[0], "far@ext.test", message(alice[0], token()))
        with pytest.raises(smtplib.SMTPDataError) as caught:
            submit(suite, alice, alice[0], "far@ext.test", message(alice[0], token()))
        assert caught.value.smtp_code == 451
        assert b"limit of 3 recipients" in caught.value.smtp_error
        submit(suite, bob, bob[0], "far@ext.test", message(bob[0], token()))


def test_retries_for_five_days_with_the_queue_on_disk(world: World) -> None:
    main = world.suite.site.paths.etc("postfix")
    asked = ("maximal_queue_lifetime", "bounce_queue_lifetime", "queue_directory", "soft_bounce")
    values = dict(line.split(" = ", 1) for line in run(["postconf", "-c", main, *asked]).stdout.splitlines())
    assert values == {
        "maximal_queue_lifetime": "5d",
        "bounce_queue_lifetime": "5d",
        "queue_directory": str(world.suite.site.paths.spool),
        "soft_bounce": "no",
    }


def test_what_waits_is_still_there_after_down_and_up(world: World) -> None:
    suite, subject, far = world.suite, token(), f"{token()}@ext.test"
    alice = suite.account("alice")
    submit(suite, alice, alice[0], far, message(alice[0], subject))
    wait_for(lambda: suite.json("queue", "list", "--recipient", far), "the message waits")
    suite.keryx("down")
    suite.up()
    with serving(Sink(world.address)) as sink:
        wait_for(lambda: suite.keryx("queue", "flush") and sink.got, "it goes out")
        assert sink.wait(subject).recipients == (far,)


def test_a_domain_in_another_script_is_known_by_its_ascii_form(world: World) -> None:
    suite, domain = world.suite, f"xn--bcher-kva.{token()}.example"
    suite.keryx("domain", "add", domain)
    login, subject = suite.account("user", domain=domain), token()
    with Wire(suite.port("smtp")) as wire:
        wire.envelope("friend@xn--caf-dma.test", login[0])
        assert wire.data(message("friend@ext.test", subject).encode() + b".\r\n").startswith("250")
    arrives(suite, login, subject)
