"""TLS to other servers: what a signed zone promises is demanded (DANE, RFC 7672), and so is what the
administrator demands."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.running import wait_for
from tests.sink import Sink, serving
from tests.world import World, message, submit, token
from tests.zone import serving_signed


@pytest.fixture
def secure(world: World) -> Iterator[Sink]:
    """The outside's server, with a certificate that no authority signed."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(world.suite.site.certificate, world.suite.site.certificate_key)
    with serving(Sink(world.address, tls=tls)) as running:
        yield running


def key_digest(world: World) -> str:
    """Return what a TLSA 3 1 1 record says of the server's key."""
    certificate = x509.load_pem_x509_certificate(world.suite.site.certificate.read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def sent(world: World, to: str) -> str:
    """Submit a message; return its subject."""
    alice, subject = world.suite.account("alice"), token()
    submit(world.suite, alice, alice[0], to, message(alice[0], subject))
    return subject


def is_deferred(world: World, to: str, reason: str) -> None:
    """Wait until the message waits for this reason."""

    def look() -> bool:
        found = world.suite.json("queue", "list", "--recipient", to)
        return any(reason in str(entry) for entry in found if entry["queue"] == "deferred")

    wait_for(look, f"mail for {to} waits: {reason}")


def test_a_signed_zones_keys_are_demanded(world: World, secure: Sink) -> None:
    records = [
        "dane.test. 300 IN MX 10 mx.dane.test.",
        f"mx.dane.test. 300 IN A {world.address}",
        f"_25._tcp.mx.dane.test. 300 IN TLSA 3 1 1 {key_digest(world)}",
        "wrong.dane.test. 300 IN MX 10 mx.wrong.dane.test.",
        f"mx.wrong.dane.test. 300 IN A {world.address}",
        f"_25._tcp.mx.wrong.dane.test. 300 IN TLSA 3 1 1 {'00' * 32}",
    ]
    with serving_signed("dane.test", records) as zone:
        settings = f'  stub_zones: {{dane.test: {zone.server}}}\n  trust_anchors: ["{zone.anchor}"]\n'
        with world.settings(settings):
            good, bad = f"{token()}@dane.test", f"{token()}@wrong.dane.test"
            assert secure.wait(sent(world, good)).tls
            assert "Verified TLS connection established to mx.dane.test" in world.suite.log("postfix")
            subject = sent(world, bad)
            is_deferred(world, bad, "Server certificate not")
            assert not [got for got in secure.got if got.message["Subject"] == subject]
            world.suite.keryx("queue", "delete", "--recipient", bad)


def test_the_administrators_policy_is_demanded(world: World, secure: Sink) -> None:
    policy = 'postfix:\n  tls_policy: {ext.test: encrypt, good.test: "secure match=good.test"}\n'
    with world.settings(policy):
        assert secure.wait(sent(world, f"{token()}@ext.test")).tls
        to = f"{token()}@good.test"
        subject = sent(world, to)
        is_deferred(world, to, "Server certificate not")
        assert not [got for got in secure.got if got.message["Subject"] == subject]
        world.suite.keryx("queue", "delete", "--recipient", to)


def test_mail_that_must_be_encrypted_waits_for_a_server_that_can(world: World, sink: Sink) -> None:
    with world.settings("postfix:\n  tls_policy: {ext.test: encrypt}\n"):
        to = f"{token()}@ext.test"
        sent(world, to)
        is_deferred(world, to, "TLS is required")
        assert not sink.got
        world.suite.keryx("queue", "delete", "--recipient", to)
