"""Alias domains at the real doors: every address is the same address in the target domain."""

from __future__ import annotations

import smtplib
import uuid
from collections.abc import Iterator

import pytest

from keryx.admin import alias_domains, aliases, dkim, domains
from keryx.core import errors
from tests.clients import arrives, imap, letter, subjects
from tests.running import Suite
from tests.scenarios.test_meanings import Cast, cast
from tests.sink import Sink
from tests.wire import Wire, rcpt, send
from tests.world import message, strangers, submit, token

__all__ = ["cast"]

TAKEN, REFUSED, FULL, UNKNOWN = "250 2.1.5", "550 5.2.1", "552 5.2.2", "550 5.1.1"


@pytest.fixture(scope="module")
def alias(cast: Cast) -> Iterator[str]:
    """An alias domain of the cast's."""
    name = f"{uuid.uuid4().hex[:8]}.test"
    alias_domains.add(cast.suite.site, cast.domain, name)
    yield name
    if name in alias_domains.all_of(cast.suite.site, cast.domain):
        alias_domains.remove(cast.suite.site, cast.domain, name)


@pytest.mark.parametrize("way", ["mail", "capitals", "alias", "detail", "alias detail", "list"])
@pytest.mark.parametrize("kind", ["normal", "inactive", "mute", "full"])
def test_an_address_takes_what_it_takes_in_the_target(cast: Cast, alias: str, kind: str, way: str) -> None:
    there = cast.address(kind, way)
    here = f"{there.partition('@')[0]}@{alias}"
    assert rcpt(cast.suite, here)[:9] == rcpt(cast.suite, there)[:9]


def test_unknown_addresses_are_refused_at_the_door(cast: Cast, alias: str) -> None:
    for name in ("nobody", "nobody+shop"):
        assert rcpt(cast.suite, f"{name}@{alias}").startswith(UNKNOWN)
    for name in ("postmaster", "abuse"):
        assert rcpt(cast.suite, f"{name}@{alias}").startswith(TAKEN)


def test_mail_arrives_once_and_at_lists_members(cast: Cast, alias: str) -> None:
    for way in ("mail", "detail", "list"):
        subject = f"{way} {token()}"
        assert send(
            cast.suite, letter(subject), f"{cast.address('normal', way).partition('@')[0]}@{alias}"
        ).startswith("250")
        arrives(cast.suite, cast.login("normal"), subject)
        with imap(cast.suite, *cast.login("normal")) as client:
            assert subjects(client).count(subject) == 1


def test_the_targets_catch_all_comes_last(cast: Cast, alias: str) -> None:
    suite = cast.suite
    aliases.add(suite.site, f"@{cast.domain}", [cast.login("chief")[0]])
    try:
        caught, own = token(), token()
        assert send(suite, letter(caught), f"nobody@{alias}").startswith("250")
        arrives(suite, cast.login("chief"), caught)
        assert send(suite, letter(own), f"normal@{alias}").startswith("250")
        arrives(suite, cast.login("normal"), own)
        with imap(suite, *cast.login("chief")) as client:
            assert own not in subjects(client)
        assert rcpt(suite, f"inactive@{alias}").startswith(REFUSED)
    finally:
        aliases.remove(suite.site, f"@{cast.domain}")
    assert rcpt(suite, f"nobody@{alias}").startswith(UNKNOWN)


def test_it_may_be_used_as_sender_and_is_signed(cast: Cast, alias: str, sink: Sink) -> None:
    subject = token()
    for sender in (f"normal@{alias}", f"normal.alias@{alias}"):
        submit(
            cast.suite, cast.login("normal"), sender, "far@ext.test", message(sender, f"{subject} {sender}")
        )
        came = sink.wait(f"{subject} {sender}")
        # Our own sender: no SRS, and signed in its own name.
        assert came.sender == sender
        assert f"d={alias};" in str(came.message["DKIM-Signature"])
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        submit(
            cast.suite,
            cast.login("normal"),
            f"chief@{alias}",
            "far@ext.test",
            message(f"chief@{alias}", subject),
        )
    assert b"not owned by user" in refusal.value.recipients["far@ext.test"][1]
    # Nor in the header.
    forged = message(f"chief@{alias}", subject)
    with pytest.raises(smtplib.SMTPDataError):
        submit(cast.suite, cast.login("normal"), f"normal@{alias}", "far@ext.test", forged)


def test_what_it_may_not_be(suite: Suite, cast: Cast, alias: str) -> None:
    site = suite.site
    other = f"{uuid.uuid4().hex[:8]}.example"
    domains.add(site, other)
    with pytest.raises(errors.Exists, match="domain of its own"):
        alias_domains.add(site, cast.domain, other)
    with pytest.raises(errors.Exists, match=f"alias domain of {cast.domain}"):
        alias_domains.add(site, other, alias)
    with pytest.raises(errors.Refused, match="alias domain itself"):
        alias_domains.add(site, alias, f"{uuid.uuid4().hex[:8]}.test")
    with pytest.raises(errors.Exists, match=f"alias domain of {cast.domain}"):
        domains.add(site, alias)
    with pytest.raises(errors.Refused, match="is an alias domain"):
        aliases.add(site, f"x@{alias}", ["far@ext.test"])
    with pytest.raises(errors.Refused, match="1 alias domain"):
        domains.remove(site, cast.domain)
    assert not alias_domains.add(site, cast.domain, alias).changed


def test_commands_and_the_end(suite: Suite, cast: Cast) -> None:
    name = f"{uuid.uuid4().hex[:8]}.test"
    assert name in suite.keryx("domain", "alias", "add", cast.domain, name).stdout
    assert name in suite.json("domain", "alias", "list", cast.domain)
    assert f"_domainkey.{name}" in suite.keryx("dkim", "show", name).stdout
    assert rcpt(suite, f"normal@{name}").startswith(TAKEN)
    suite.keryx("domain", "alias", "remove", cast.domain, name)
    with strangers() as network, Wire(suite.port("smtp"), source=f"{network}.20") as wire:
        # 5.1.1 where an smtpd process remembers the domain, to its end in a minute or two.
        assert wire.envelope("friend@ext.test", f"normal@{name}")[1][:9] in ("554 5.7.1", UNKNOWN)
    assert not dkim.show(suite.site, name)
