"""Daemons in pods of their own: they reach each other by name, inside TLS, with a password each."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from keryx.components.redis.component import Redis
from keryx.core import errors, network
from keryx.core.network import Endpoint
from keryx.records import migrations, provision
from keryx.settings.site import Site
from tests.pods import Pods, release

HOSTS = {
    "openldap": ["openldap"],
    "postgresql": ["postgresql"],
    "redis": ["redis"],
    "memcached": ["memcached"],
    "admin": ["admin"],
}


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    with release("domain: example.org\n", HOSTS) as made:
        for name in ("openldap", "postgresql", "redis", "memcached"):
            made.start(name)
        yield made


@pytest.fixture(scope="module")
def elsewhere(pods: Pods) -> Site:
    """The site as a pod sees it in which none of these daemons is."""
    return pods.pod("admin").site


def test_databases_are_made_from_another_pod_once(elsewhere: Site) -> None:
    assert provision.ensure(elsewhere)
    assert provision.ensure(elsewhere) == []
    migrations.upgrade(elsewhere)
    access = elsewhere.database("keryx")
    assert (access.host, access.sslmode) == ("localhost", "verify-full")


def test_the_directory_is_read_and_written_from_another_pod(pods: Pods, elsewhere: Site) -> None:
    assert elsewhere.directory.uri == f"ldaps://localhost:{elsewhere.loopback_port(10636)}"
    admin = pods.pod("admin")
    admin.keryx("domain", "add", "example.org")
    admin.account("alice@example.org")
    assert "alice@example.org" in admin.keryx("user", "list").stdout


def test_the_directory_takes_nobody_without_tls(elsewhere: Site) -> None:
    door = Endpoint(host="localhost", port=elsewhere.loopback_port(10636))
    # A BindRequest in clear (RFC 4511): the connection ends without an answer.
    assert network.exchange(door, bytes.fromhex("300c020101600702010304008000")) == b""
    context = ssl.create_default_context(cafile=str(elsewhere.paths.tls / "ca.pem"))
    with context.wrap_socket(network.connect(door), server_hostname="localhost") as stream:
        assert stream.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sslmode": "disable"}, "no pg_hba.conf entry"),
        ({"password": "wrong"}, "password authentication failed"),
        ({"dbname": "sogo"}, "no pg_hba.conf entry"),
        ({"user": "postgres"}, "password authentication failed"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_database_lets_nobody_else_in(elsewhere: Site, changed: dict[str, str], said: str) -> None:
    provision.ensure(elsewhere)
    access = elsewhere.database("keryx")
    words: dict[str, Any] = {
        "host": access.host,
        "port": access.port,
        "dbname": access.name,
        "user": access.user,
        "password": access.password.reveal(),
        "sslmode": access.sslmode,
        "sslrootcert": str(access.ca),
    }
    psycopg.connect(**words).close()
    with pytest.raises(psycopg.OperationalError, match=said):
        psycopg.connect(**{**words, **changed})


def test_redis_asks_for_its_password(pods: Pods, elsewhere: Site) -> None:
    Redis().ready(elsewhere)
    assert network.exchange(elsewhere.redis, b"PING\r\n").startswith(b"-NOAUTH")


def test_the_cache_is_reached_from_another_pod(elsewhere: Site) -> None:
    assert network.exchange(elsewhere.memcached, b"version\r\n").startswith(b"VERSION ")


def test_a_secret_that_was_not_given_is_named(pods: Pods) -> None:
    site = pods.pod("admin").site
    with pytest.raises(errors.BadInput, match=r'The secret "nobodys" is not in .*/admin/secrets\.'):
        site.secrets.get("nobodys")


def test_a_pod_that_is_not_in_the_release_is_refused(pods: Pods) -> None:
    admin = pods.pod("admin")
    words = {**admin.env, "KERYX_POD": "nowhere"}
    done = type(admin)(admin.home, words).keryx("user", "list", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f'KERYX_POD is "nowhere", which is no pod of {admin.home}/placement.yaml.' in done.stderr
