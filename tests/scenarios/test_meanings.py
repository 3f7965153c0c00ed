"""What every kind of account may do at every door: the table, and the precedence of addresses."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest

from keryx.admin import accounts, aliases, domains
from keryx.admin.accounts import NewAccount
from tests.clients import (
    arrives,
    everywhere,
    imap,
    letter,
    lmtp,
    login_everywhere,
    subjects,
    submission,
    submits,
)
from tests.ldap import Ldap
from tests.running import Suite, wait_for
from tests.wire import Wire, rcpt, send

SECRET = "wonder land rabbit"
ROW = "x" * 70 + "\n"
KINDS = {
    "normal": {},
    "inactive": {"active": False},
    "mute": {"send_only": True},
    "chief": {"super_user": True},
    "full": {"quota_mb": 1},
}
TAKEN, REFUSED, FULL = "250 2.1.5", "550 5.2.1", "552 5.2.2"


@dataclass(frozen=True)
class Cast:
    """One account of each kind in a domain of their own; each has an alias and a list."""

    suite: Suite
    domain: str

    def login(self, kind: str) -> tuple[str, str]:
        return f"{kind}@{self.domain}", SECRET

    def alias(self, kind: str) -> str:
        return f"{kind}.alias@{self.domain}"

    def address(self, kind: str, way: str) -> str:
        """Return the address by which mail reaches an account of this kind."""
        return {
            "mail": f"{kind}@{self.domain}",
            "capitals": f"{kind.upper()}@{self.domain.upper()}",
            "alias": self.alias(kind),
            "detail": f"{kind}+shop@{self.domain}",
            "alias detail": f"{kind}.alias+shop@{self.domain}",
            "list": f"{kind}.list@{self.domain}",
        }[way]


@pytest.fixture(scope="module")
def cast(suite: Suite) -> Cast:
    made = Cast(suite, f"{uuid.uuid4().hex[:8]}.example")
    domains.add(suite.site, made.domain)
    for kind, flags in KINDS.items():
        address = made.login(kind)[0]
        accounts.add(suite.site, NewAccount(address, SECRET, aliases=(made.alias(kind),), **flags))  # type: ignore[arg-type]
        aliases.add(suite.site, made.address(kind, "list"), [address])
    assert lmtp(suite, f"full@{made.domain}", letter("fills it", ROW * 16_000))[0] == 250
    return made


@pytest.mark.parametrize("way", ["mail", "capitals", "alias", "detail", "alias detail", "list"])
@pytest.mark.parametrize(
    ("kind", "code"),
    [("normal", TAKEN), ("inactive", REFUSED), ("mute", REFUSED), ("chief", TAKEN), ("full", FULL)],
)
def test_what_takes_mail(cast: Cast, kind: str, way: str, code: str) -> None:
    if (kind, way) == ("full", "list") and cast.suite.site.version("dovecot-core", (2, 3)) < (2, 4):
        code = TAKEN  # Dovecot 2.3 cannot look up whom an alias leads to.
    assert rcpt(cast.suite, cast.address(kind, way)).startswith(code)


def test_members_of_a_list_are_not_asked_for_their_quota(cast: Cast) -> None:
    both = f"both.list@{cast.domain}"
    aliases.add(cast.suite.site, both, [cast.login("full")[0], cast.login("normal")[0]])
    assert rcpt(cast.suite, both).startswith(TAKEN)


@pytest.mark.parametrize("kind", KINDS)
def test_who_logs_in(cast: Cast, kind: str) -> None:
    assert login_everywhere(cast.suite, *cast.login(kind)) == everywhere(kind != "inactive")


@pytest.mark.parametrize("kind", ["normal", "mute", "chief", "full"])
def test_whose_sender_addresses_are_whose(cast: Cast, kind: str) -> None:
    own, alias = cast.login(kind)[0], cast.alias(kind)
    foreign = cast.alias("full" if kind == "normal" else "normal")
    free = kind == "chief"
    with submission(cast.suite, *cast.login(kind)) as client:

        def answer(envelope: str, header: str) -> int:
            client.rset()
            client.mail(envelope)
            code = client.rcpt(cast.login("normal")[0])[0]
            message = letter(f"from {kind}", From=header, To="x@example.org")
            return code if code != 250 else client.data(message.as_bytes())[0]

        table = {
            (own, own): 250,
            (own.upper(), own.upper()): 250,
            (own.replace("@", "+shop@"), own.replace("@", "+shop@")): 250,
            (alias, alias): 250,
            (foreign, own): 250 if free else 553,
            (own, foreign): 250 if free else 554,
            (own, f"{own}, {alias}"): 250,
            (own, f"{own}, {foreign}"): 250 if free else 554,
            ("who@else.test", own): 250 if free else 553,
        }
        assert {pair: answer(*pair) for pair in table} == table


def test_a_login_name_may_be_written_in_capitals(cast: Cast) -> None:
    address, password = cast.login("normal")
    assert login_everywhere(cast.suite, address.upper(), password) == everywhere(True)
    with imap(cast.suite, address.upper(), password) as client:
        client.append("INBOX", "", "", letter("one mailbox").as_bytes())
    with imap(cast.suite, address, password) as client:
        assert "one mailbox" in subjects(client)
    assert submits(cast.suite, (address.upper(), password), letter("x", From=address), address)[0] == 250


# --- aliases of their own


@dataclass(frozen=True)
class Place:
    """A fresh domain with two accounts."""

    suite: Suite
    domain: str
    alice: tuple[str, str]
    bob: tuple[str, str]

    def at(self, name: str) -> str:
        return f"{name}@{self.domain}"

    def alias(self, name: str, *targets: str) -> str:
        """Add an alias; returns its address."""
        aliases.add(self.suite.site, self.at(name), targets)
        return self.at(name)


@pytest.fixture
def place(suite: Suite) -> Place:
    domain = f"{uuid.uuid4().hex[:8]}.example"
    domains.add(suite.site, domain)
    alice, bob = (f"alice@{domain}", SECRET), (f"bob@{domain}", SECRET)
    accounts.add(suite.site, NewAccount(*alice, aliases=(f"al@{domain}",)))
    accounts.add(suite.site, NewAccount(*bob))
    return Place(suite, domain, alice, bob)


def test_the_nearest_entry_takes_the_mail(place: Place) -> None:
    """An account, its alias, an alias of its own, each also with a detail, and only then the catch-all."""
    sales = place.alias("sales", place.bob[0])
    place.alias("", place.bob[0])
    for to, login in (
        (place.alice[0], place.alice),
        (place.at("al"), place.alice),
        (place.at("alice+shop"), place.alice),
        (place.at("al+shop"), place.alice),
        (sales, place.bob),
        (place.at("sales+x"), place.bob),
        (place.at("whatever"), place.bob),
        (place.at("what+ever"), place.bob),
    ):
        assert send(place.suite, letter(f"to {to}"), to).startswith("250")
        arrives(place.suite, login, f"to {to}")
    with imap(place.suite, *place.alice) as client:
        assert len(subjects(client)) == 4
    with imap(place.suite, *place.bob) as client:
        assert len(subjects(client)) == 4


def test_an_exact_alias_with_a_plus_goes_before_the_detail(place: Place) -> None:
    special = place.alias("alice+special", place.bob[0])
    assert send(place.suite, letter("special"), special).startswith("250")
    arrives(place.suite, place.bob, "special")
    with imap(place.suite, *place.alice) as client:
        assert subjects(client) == []


def test_a_list_in_a_list_reaches_everybody_once(place: Place) -> None:
    inner = place.alias("inner", place.alice[0], place.bob[0])
    outer = place.alias("outer", inner, place.at("al"), place.alice[0])
    assert send(place.suite, letter("to all"), outer.upper()).startswith("250")
    for login in (place.alice, place.bob):
        arrives(place.suite, login, "to all")
    wait_for(lambda: not place.suite.json("queue", "list"), "the queue is empty")
    for login in (place.alice, place.bob):
        with imap(place.suite, *login) as client:
            assert subjects(client) == ["to all"]


def test_mail_for_a_loop_that_came_by_ldapadd_is_deferred(place: Place) -> None:
    """Keryx's commands refuse loops; one made without them loses nothing until it is mended."""
    base = place.suite.site.directory.alias_base
    one, two = place.at("one"), place.at("two")
    directory = Ldap.admin(place.suite.site)
    for address, target in ((one, two), (two, one)):
        name = f"mail={address},{base}"
        directory.add(f"dn: {name}\nobjectClass: mailGroup\nmail: {address}\nmailTarget: {target}\n")
    with Wire(place.suite.port("smtp")) as wire:
        wire.envelope("friend@ext.test", one)
        assert wire.data(b"Subject: round\r\n\r\n.\r\n").startswith("451")
    directory.replace(f"mail={two},{base}", "mailTarget", place.alice[0])
    assert send(place.suite, letter("straight"), one).startswith("250")
    arrives(place.suite, place.alice, "straight")
