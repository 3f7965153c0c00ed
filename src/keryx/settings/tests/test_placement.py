"""placement.yaml: what it says, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from keryx.components import testing
from keryx.core import errors
from keryx.core.network import Endpoint
from keryx.settings import placement

PODS = "pods:\n  redis: {host: mail-redis, components: [redis]}\n  other: {host: o, components: [admin]}\n"


def test_on_a_machine_there_is_none(tmp_path: Path) -> None:
    assert placement.read(tmp_path) is None


def test_it_tells_who_is_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / placement.FILE).write_text(PODS)
    monkeypatch.setenv(placement.ENVIRONMENT, "other")
    found = placement.read(tmp_path)
    assert found is not None
    assert (found.beside("redis"), found.works_here("redis"), found.host("redis")) == (
        False,
        False,
        "mail-redis",
    )
    assert (found.beside("admin"), found.works_here("admin"), found.host("admin")) == (True, True, "o")
    assert found.host("clamav") == ""


@pytest.mark.parametrize(
    ("text", "pod", "sentence"),
    [
        (PODS, "", 'KERYX_POD is "", which is no pod of {path}. '),
        (PODS, "third", 'KERYX_POD is "third", which is no pod of {path}. '),
        ("pods: {a: {host: x}}", "a", "{path}: pods.a.components: Field required."),
        ("pots: {}", "a", "{path}: pods: Field required."),
        ("pods: {", "a", "{path} cannot be read: "),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, pod: str, sentence: str
) -> None:
    path = tmp_path / placement.FILE
    path.write_text(text)
    monkeypatch.setenv(placement.ENVIRONMENT, pod)
    with pytest.raises(errors.BadInput) as raised:
        placement.read(tmp_path)
    assert raised.value.sentence.startswith(sentence.format(path=path).strip())


def test_another_pod_sees_servers_that_are_reached_by_name() -> None:
    site = testing.site(pod="admin")
    authority = testing.HOME / "tls" / "ca.pem"
    assert (site.directory.uri, site.directory.ca) == ("ldaps://mail-openldap:10636", authority)
    database = site.database("keryx")
    assert (database.host, database.port, database.sslmode, database.ca) == (
        "mail-postgresql",
        5432,
        "verify-full",
        authority,
    )
    assert site.redis == Endpoint(host="mail-redis", port=6379)
    assert site.memcached == Endpoint(host="mail-memcached", port=11211)
    assert site.clamav == Endpoint(host="mail-clamav", port=3310)
    assert site.directory_writable


def test_an_external_server_stays_what_the_settings_say() -> None:
    text = (
        "domain: example.org\n"
        "directory: {embedded: false, uri: ldaps://ldap.example.com, root_dn: o=x,"
        " bind_password_file: /run/p}\n"
        "database: {embedded: false, host: db.example.com}\n"
    )
    site = testing.site(text, pod="admin")
    assert site.directory.uri == "ldaps://ldap.example.com"
    assert site.database("keryx").host == "db.example.com"
    assert not site.directory_writable


def test_in_its_own_pod_a_server_is_what_it_is_on_a_machine() -> None:
    site = testing.site(pod="openldap")
    assert (site.directory.uri, site.door("openldap")) == (
        testing.site().directory.uri,
        Endpoint(host="", port=10636),
    )
    assert testing.site().door("openldap") is None


def test_postfix_is_reached_without_a_certificate_in_its_own_pod_only() -> None:
    here, elsewhere = testing.site(pod="postfix"), testing.site(pod="dovecot")
    assert here.inside("smtp") == here.internal_smtp == Endpoint(host="127.0.0.1", port=10025)
    assert elsewhere.inside("smtp") == elsewhere.internal_smtp == Endpoint(host="mail-postfix", port=10125)
    assert testing.site(pod="admin").door("openldap") is None
