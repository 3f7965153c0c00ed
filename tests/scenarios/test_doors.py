"""Who is let in on port 25: block lists, access lists, HELO and reverse names, from addresses that
are not this machine's own."""

from __future__ import annotations

import contextlib
import smtplib
from collections.abc import Iterator

import pytest

from keryx.core import network
from tests.running import Suite, wait_for
from tests.wire import Wire
from tests.world import World, strangers, token

SETTINGS = """\
relay_networks: [{net}.34/32]
postfix:
  dnsbl: ["one.bl.test=127.0.0.[2..9]*2", "two.bl.test*2", "allow.bl.test*-2"]
  dnsbl_threshold: 3
  greet_check: {greet}
  postscreen_access: {{{net}.28/32: permit, {net}.29/32: reject}}
  check_helo: resolves
  helo_allow: [printer]
  check_ptr: matches
  ptr_allow: [{net}.31/32, partner.test]
  auth_rate_limit: 3
  # Strangers wait for less time than in life.
  parameters: {{postscreen_greet_wait: 2s, anvil_rate_time_unit: 15s}}
"""
ON_LISTS = {
    "one": ("20", "22", "28"),
    "two": ("20", "21", "22", "28"),
    "allow": ("22",),
}
NAMES = {"32": "host.partner.test", "33": "lying.test"}
"""Reverse names that do not resolve back; all others but 30 and 31 have one that does."""


def records(net: str) -> str:
    lines = []
    for zone, numbers in ON_LISTS.items():
        for number in numbers:
            a, b, c = net.split(".")
            lines.append(f"{number}.{c}.{b}.{a}.{zone}.bl.test. 300 IN A 127.0.0.4")
    for host in map(str, range(20, 40)):
        a, b, c = net.split(".")
        name = NAMES.get(host, f"host{host}.good.test")
        if host not in ("30", "31"):
            lines.append(f"{host}.{c}.{b}.{a}.in-addr.arpa. 300 IN PTR {name}.")
        if host not in NAMES:
            lines.append(f"host{host}.good.test. 300 IN A {net}.{host}")
    return "".join(f'    - "{line}"\n' for line in lines)


@pytest.fixture(scope="module")
def net(world: World) -> Iterator[str]:
    with strangers() as net, world.settings(SETTINGS.format(net=net, greet="false"), records(net)):
        yield net


def rcpt(suite: Suite, source: str, *, helo: str = "mx.ext.test") -> str:
    """Return the reply to RCPT of a client at this address."""
    with Wire(suite.port("smtp"), source=source) as wire:
        assert wire.greeting.startswith("220"), wire.greeting
        wire.say(f"EHLO {helo}")
        wire.say(f"MAIL FROM:<{token()}@ext.test>")
        return wire.say("RCPT TO:<admin@example.org>")


def test_a_client_on_enough_block_lists_is_refused_with_their_name(suite: Suite, net: str) -> None:
    refusal = rcpt(suite, f"{net}.20")
    assert refusal.startswith("550 5.7.1")
    assert f"[{net}.20] blocked using " in refusal
    assert ".bl.test" in refusal


def test_one_list_is_not_enough_and_an_allow_list_counts_against_two(suite: Suite, net: str) -> None:
    for number in (21, 22, 23):
        assert rcpt(suite, f"{net}.{number}").startswith("250"), number


def test_access_lists_come_before_block_lists(suite: Suite, net: str) -> None:
    assert rcpt(suite, f"{net}.28").startswith("250")
    assert rcpt(suite, f"{net}.29").startswith("550 5.3.2")


def test_helo_must_be_a_name_that_resolves_unless_allowed(suite: Suite, net: str) -> None:
    source = f"{net}.23"
    assert rcpt(suite, source, helo="laptop").startswith("504 5.5.2")
    assert rcpt(suite, source, helo="nowhere.test").startswith("450 4.7.1")
    assert rcpt(suite, source, helo="printer").startswith("250")
    assert rcpt(suite, source, helo="mx.ext.test").startswith("250")


def test_the_reverse_name_must_be_there_and_true_unless_allowed(suite: Suite, net: str) -> None:
    assert rcpt(suite, f"{net}.30").startswith("450 4.7.")
    assert rcpt(suite, f"{net}.33").startswith("450 4.7.")
    assert rcpt(suite, f"{net}.31").startswith("250")
    assert rcpt(suite, f"{net}.32").startswith("250")
    assert rcpt(suite, f"{net}.24").startswith("250")


def test_strangers_may_not_relay(suite: Suite, net: str) -> None:
    with Wire(suite.port("smtp"), source=f"{net}.23") as wire:
        wire.say("EHLO mx.ext.test")
        wire.say("MAIL FROM:<friend@ext.test>")
        assert wire.say("RCPT TO:<far@ext.test>").startswith("554 5.7.1")


def test_a_network_that_may_relay_needs_neither_login_nor_name(suite: Suite, net: str) -> None:
    with Wire(suite.port("smtp"), source=f"{net}.34") as wire:
        wire.say("EHLO scanner")
        wire.say("MAIL FROM:<scanner@example.org>")
        assert wire.say("RCPT TO:<far@ext.test>").startswith("250")


def test_who_logs_in_too_often_waits_and_nobody_else_does(suite: Suite, net: str) -> None:
    account = suite.account("alice")

    def login(source: str) -> None:
        port, tls = suite.port("submissions"), network.unverified_tls()
        with smtplib.SMTP_SSL("127.0.0.1", port, context=tls, source_address=(source, 0)) as client:
            client.login(*account)

    def may_login(source: str) -> bool:
        with contextlib.suppress(smtplib.SMTPAuthenticationError):
            login(source)
            return True
        return False

    for _ in range(3):
        login(f"{net}.24")
    with pytest.raises(smtplib.SMTPAuthenticationError, match="too many AUTH commands"):
        login(f"{net}.24")
    login(f"{net}.25")
    # The time over which Postfix counts is the administrator's too; a minute would be longer.
    wait_for(lambda: may_login(f"{net}.24"), "the time is over", 40)


def test_who_talks_before_the_greeting_is_refused(world: World) -> None:
    with strangers() as net, world.settings(SETTINGS.format(net=net, greet="true"), records(net)):
        with Wire(world.suite.port("smtp"), source=f"{net}.24", header=b"EHLO robot.test\r\n") as wire:
            said = [wire.greeting, wire.say("EHLO robot.test"), wire.say("MAIL FROM:<x@ext.test>")]
            said.append(wire.say("RCPT TO:<admin@example.org>"))
        assert "PREGREET" in world.suite.log("postfix")
        assert said[-1].startswith("550 5.5.1"), said
