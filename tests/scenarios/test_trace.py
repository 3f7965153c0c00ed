"""``keryx trace`` against the real Postfix: the reply to RCPT and where the copies end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from keryx.admin import accounts, alias_domains, aliases, domains, selfservice
from keryx.admin.accounts import NewAccount
from keryx.admin.sieve import Forwarding
from keryx.admin.trace import Destination, trace
from tests.clients import imap, letter, subjects
from tests.ldap import Ldap
from tests.running import Suite, wait_for
from tests.sink import Sink, serving
from tests.wire import Wire
from tests.world import World, strangers, token

SECRET = "wonder land rabbit"
PEOPLE = ("ann", "ben", "cat")


@dataclass(frozen=True)
class Place:
    """A domain with everything an address can be, its alias domain, and one with a catch-all."""

    suite: Suite
    sink: Sink
    domain: str
    alias: str
    caught: str

    def at(self, text: str) -> str:
        """Return ``name@here``, ``name@alias`` or ``name@caught`` with the real domain."""
        name, _, where = text.partition("@")
        return f"{name}@{getattr(self, where, where) if where else self.domain}"


@pytest.fixture(scope="module")
def place(suite: Suite, world: World) -> Iterator[Place]:
    names = [f"{uuid.uuid4().hex[:8]}.example" for _ in range(3)]
    site = suite.site
    with serving(Sink(world.address)) as sink:
        made = Place(suite, sink, *names)
        domains.add(site, made.domain)
        domains.add(site, made.caught)
        alias_domains.add(site, made.domain, made.alias)
        for name in PEOPLE:
            accounts.add(site, NewAccount(made.at(name), SECRET, aliases=(made.at(f"{name}.alias"),)))
        accounts.add(
            site, NewAccount(made.at("idle"), SECRET, aliases=(made.at("idle.alias"),), active=False)
        )
        accounts.add(site, NewAccount(made.at("mute"), SECRET, send_only=True))
        lists = {
            "one": ["ann"], "two": ["ann", "ben"], "mixed": ["cat", "far@ext.test"], "out": ["far@ext.test"],
            "nested": ["two", "one", "cat"], "with.idle": ["ann", "idle", "mute"], "only.idle": ["idle"],
            "both.idle": ["idle", "mute"], "through": ["ann.alias"], "sub": ["ann+shop"],
        }  # fmt: skip
        for name, targets in lists.items():
            aliases.add(site, made.at(name), [made.at(target) for target in targets])
        aliases.add(site, made.at("off"), [made.at("ann")])
        aliases.change(site, made.at("off"), active=False)
        aliases.add(site, f"@{made.caught}", [made.at("ann"), "far@ext.test"])
        aliases.add(site, made.at("ben@caught"), [made.at("ben")])
        _loop(made)
        selfservice.set_forwarding(site, made.at("cat"), Forwarding(("cat@ext.test",), True, True))
        yield made


def _loop(made: Place) -> None:
    """Two aliases of each other, as only ldapadd can make them."""
    base, directory = made.suite.site.directory.alias_base, Ldap.admin(made.suite.site)
    for name, target in (("round", "about"), ("about", "round")):
        dn = f"mail={made.at(name)},{base}"
        directory.add(
            f"dn: {dn}\nobjectClass: mailGroup\nmail: {made.at(name)}\nmailTarget: {made.at(target)}\n"
        )


@pytest.mark.parametrize(
    "text",
    [
        "ann", "ANN", "ann.alias", "ann+shop", "ann.alias+shop", "nobody", "nobody+shop", "idle",
        "idle.alias", "idle+shop", "mute", "one", "two", "mixed", "out", "nested", "with.idle",
        "only.idle", "both.idle",
        "through", "sub", "two+shop", "off", "cat", "postmaster", "abuse", "round",
        "ann@alias", "ann+shop@alias", "ann.alias@alias", "nobody@alias", "idle@alias", "mute@alias",
        "two@alias", "mixed@alias", "only.idle@alias", "postmaster@alias", "cat@alias",
        "whoever@caught", "whoever+x@caught", "ben@caught", "ben+x@caught", "postmaster@caught",
    ],
)  # fmt: skip
def test_it_says_what_postfix_does(place: Place, text: str) -> None:
    address, subject = place.at(text), token()
    said = trace(place.suite.site, address)
    refused = [end for end in said.destinations if end.kind == "refused"]
    reply = _send(place.suite, subject, address)
    if refused:
        assert reply[:9] == refused[0].reply[:9], said
        assert len(said.destinations) == 1
        return
    assert reply.startswith("250"), said
    assert _arrived(place, subject, said.destinations) == _expected(said.destinations), said
    assert said.steps


@pytest.mark.parametrize("address", ["far@ext.test", "x@nowhere.example"])
def test_addresses_elsewhere_are_not_for_strangers(place: Place, address: str) -> None:
    (end,) = trace(place.suite.site, address).destinations
    with strangers() as network, Wire(place.suite.port("smtp"), source=f"{network}.20") as wire:
        assert wire.envelope("friend@ext.test", address)[1][:9] == end.reply[:9] == "554 5.7.1"


def _send(suite: Suite, subject: str, address: str) -> str:
    """Send from outside; return the reply to RCPT, or to the message when RCPT was accepted."""
    message = letter(subject, From="friend@ext.test", To=address).as_bytes().replace(b"\n", b"\r\n")
    with Wire(suite.port("smtp")) as wire:
        reply = wire.envelope("friend@ext.test", address)[1]
        return wire.data(message + b"\r\n.\r\n") if reply.startswith("250") else reply


def _expected(ends: tuple[Destination, ...]) -> set[str]:
    return {end.address for end in ends if end.kind in ("mailbox", "external")}


def _arrived(place: Place, subject: str, ends: tuple[Destination, ...]) -> set[str]:
    """Return who got the message, waiting until as many have as shall."""
    administrator = place.suite.site.settings.administrator_address
    logins = {place.at(name): SECRET for name in PEOPLE}
    logins[administrator] = place.suite.secret("administrator")
    found: set[str] = set()

    def look() -> bool:
        for came in place.sink.got:
            found.update(came.recipients if came.message["Subject"] == subject else ())
        found.update(address for address, secret in logins.items() if _has(place, address, secret, subject))
        return len(found) >= len(_expected(ends))

    wait_for(look, f"{subject} at {_expected(ends)}")
    return found


def _has(place: Place, address: str, secret: str, subject: str) -> bool:
    with imap(place.suite, address, secret) as client:
        return subject in subjects(client)
