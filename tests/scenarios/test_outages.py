"""A neighbour is away: nothing is taken that could not be checked, nothing comes back, and when
the neighbour returns everything goes on by itself."""

from __future__ import annotations

import imaplib
import smtplib
import ssl

import pytest

from tests.clients import arrives, imap, letter
from tests.running import Suite, wait_for
from tests.sink import Sink
from tests.wire import rcpt, send
from tests.world import World, message, submit, token


def deferred(suite: Suite, recipient: str) -> str:
    """Wait until a message for the recipient waits in the queue; return its identifier."""

    def look() -> str:
        found = suite.json("queue", "list", "--recipient", recipient)
        return next((str(entry["id"]) for entry in found if entry["queue"] == "deferred"), "")

    return wait_for(look, f"a message for {recipient} waits")


def test_without_the_directory_nobody_is_taken_or_refused_for_good(world: World) -> None:
    suite, login, subject = world.suite, world.suite.account("alice"), token()
    with suite.without("openldap"):
        assert rcpt(suite, login[0]).startswith("451 4.3.0")
        assert rcpt(suite, f"{token()}@example.org").startswith("451 4.3.0")
        assert rcpt(suite, "far@ext.test").startswith("451 4.3.0")
    assert send(suite, letter(subject), login[0]).startswith("250")
    arrives(suite, login, subject)
    assert rcpt(suite, f"{token()}@example.org").startswith("550 5.1.1")


def test_without_the_directory_a_good_password_is_not_called_wrong(world: World) -> None:
    """IMAP says so (RFC 5530). Postfix cannot tell Dovecot's two kinds of no apart and answers 535."""
    suite, login = world.suite, world.suite.account("alice")
    with suite.without("openldap"):
        with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"), imap(suite, *login):
            pass
        with pytest.raises(smtplib.SMTPAuthenticationError):
            submit(suite, login, login[0], login[0], message(login[0], token()))
    submit(suite, login, login[0], login[0], message(login[0], token()))


def test_without_the_store_nothing_is_taken(world: World) -> None:
    suite, login, subject = world.suite, world.suite.account("alice"), token()
    with suite.without("dovecot"):
        assert rcpt(suite, login[0]).startswith("451 4.3.0")
    assert send(suite, letter(subject), login[0]).startswith("250")
    arrives(suite, login, subject)


def test_who_is_logged_in_is_logged_out_when_the_store_ends(world: World) -> None:
    suite, login = world.suite, world.suite.account("alice")
    with imap(suite, *login) as client, suite.without("dovecot"):
        client.sock.settimeout(10)
        with pytest.raises((imaplib.IMAP4.abort, ConnectionError, ssl.SSLError)):
            client.noop()
    with imap(suite, *login) as client:
        assert client.noop()[0] == "OK"


def test_without_the_filter_nothing_is_let_in_unscanned(world: World) -> None:
    suite, login, subject = world.suite, world.suite.account("alice"), token()
    with suite.without("rspamd"):
        assert send(suite, letter(token()), login[0]).startswith("451")
        with pytest.raises(smtplib.SMTPResponseException) as caught:
            submit(suite, login, login[0], login[0], message(login[0], token()))
        assert caught.value.smtp_code in (451, 454)
    assert send(suite, letter(subject), login[0]).startswith("250")
    arrives(suite, login, subject)


@pytest.mark.parametrize("component", ["redis", "unbound", "postsrsd"])
def test_local_mail_flows_or_waits_without(world: World, component: str) -> None:
    suite, login, subject = world.suite, world.suite.account("alice"), token()
    with suite.without(component):
        answer = send(suite, letter(subject), login[0])
    assert answer.startswith(("250", "4"))
    if answer.startswith("4"):
        assert send(suite, letter(subject), login[0]).startswith("250")
    found = arrives(suite, login, subject)
    assert "X-Spamd-Bar" in found


def test_forwarded_mail_waits_for_postsrsd(world: World, sink: Sink) -> None:
    suite, subject, forward, far = world.suite, token(), f"{token()}@example.org", f"{token()}@ext.test"
    suite.keryx("alias", "add", forward, "--to", far)
    with suite.without("postsrsd"):
        assert send(suite, letter(subject), forward).startswith("250")
        identifier = deferred(suite, far)
        assert not sink.got
    suite.keryx("queue", "flush", identifier)
    assert sink.wait(subject).sender.startswith("SRS0=")


def test_mail_to_others_waits_for_the_resolver(world: World, sink: Sink) -> None:
    suite, login, subject, far = world.suite, world.suite.account("alice"), token(), f"{token()}@ext.test"
    with suite.without("unbound"):
        submit(suite, login, login[0], far, message(login[0], subject))
        identifier = deferred(suite, far)
        assert not sink.got
    suite.keryx("queue", "flush", identifier)
    assert sink.wait(subject).sender == login[0]
