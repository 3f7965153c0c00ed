"""SMTP for applications: Secrets at the API server, accounts in a real directory, a real login."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from keryx.admin import accounts
from keryx.admin.access import reading
from keryx.core.model import Account
from tests.chart.helm import NAMESPACE
from tests.cluster.operating import FULLNAME, Release, prepare, values
from tests.kubernetes_api import Body, Rule
from tests.pods import Pods
from tests.pods import release as pods_of

SETTINGS = """\
domain: example.org
bind: [127.0.0.1]
webmail: none
"""
HOSTS = {
    "openldap": ["openldap"],
    "postgresql": ["postgresql"],
    "postfix": ["postfix"],
    "admin": ["admin"],
    "operator": ["operator"],
}
KEYS = {"SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_SECURITY", "SMTP_FROM", "SMTP_CA"}
WEB = {"name": "web", "namespace": "shop"}
WIKI = {"name": "wiki", "namespace": "docs", "address": "notes@example.org", "secret": "mailer"}


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    """A directory and a database, made ready as ``keryx init`` does it."""
    with pods_of(SETTINGS, HOSTS) as made:
        made.start("postgresql")
        made.start("openldap")
        made.pod("admin").keryx("init")
        yield made


@pytest.fixture
def make(pods: Pods, make_release: Callable[[Body], Release]) -> Iterator[Callable[..., Release]]:
    """Make a release with these applications, whose pods are the module's; accounts go afterwards."""

    def make(*applications: Mapping[str, str], **given: Any) -> Release:
        release = make_release(wanted(*applications, **given))
        home = pods.pod("operator").home
        for name in ("secrets", "tls"):
            shutil.copytree(home / name, release.home / name)
        for name in ("keryx.yaml", "placement.yaml"):
            shutil.copy(home / name, release.home)
        for name in ("shop", "docs"):
            release.namespace(name)
        prepare(release)
        return release

    yield make
    site = pods.pod("admin").site
    for account in accounts.all_of(site):
        if account.address != site.settings.administrator_address:
            accounts.remove(site, account.address)


def wanted(*applications: Mapping[str, str], **given: Any) -> Body:
    """Return values with these applications, of which each is looked at every second."""
    operator = {"resync": 1, **given.pop("operator", {})}
    return (
        values(settings={"directory": {"embedded": True}}, applications=list(applications), operator=operator)
        | given
    )


def secret(release: Release, namespace: str, name: str) -> Mapping[str, str]:
    """Return what an application reads."""
    found = release.api.get("Secret", namespace, name) or {"data": {}}
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def account(pods: Pods, address: str) -> Account | None:
    """Return an account of the directory."""
    with reading(pods.pod("admin").site) as directory:
        return directory.accounts.get(address)


def logs_in(pods: Pods, address: str, password: str) -> bool:
    """Try a login at the directory, as Dovecot does for Postfix."""
    site = pods.pod("admin").site
    with reading(site) as directory:
        return directory.accounts.authenticate(site, address, password) is not None


def works(release: Release, pods: Pods, namespace: str, name: str) -> Mapping[str, str]:
    """Wait until an application's Secret opens its account; return the Secret."""

    def opened() -> Mapping[str, str] | None:
        found = secret(release, namespace, name)
        there = set(found) == KEYS and logs_in(pods, found["SMTP_USERNAME"], found["SMTP_PASSWORD"])
        return found if there else None

    found: Mapping[str, str] = release.until(opened, f"{namespace}/{name} opens its account")
    return found


def test_an_application_gets_a_secret_that_opens_a_send_only_account(
    pods: Pods, make: Callable[..., Release]
) -> None:
    release = make(WEB, WIKI)
    release.start()
    found = works(release, pods, "shop", "web-smtp")
    site = pods.pod("admin").site
    assert found == {
        "SMTP_HOST": "localhost",
        "SMTP_PORT": str(site.inside("submission").port),
        "SMTP_USERNAME": "web@example.org",
        "SMTP_PASSWORD": found["SMTP_PASSWORD"],
        "SMTP_SECURITY": "starttls",
        "SMTP_FROM": "web@example.org",
        "SMTP_CA": site.paths.authority.read_text(),
    }
    made = account(pods, "web@example.org")
    assert made is not None
    assert made.send_only
    assert made.active
    assert not made.super_user
    assert made.name == f"Application shop/web of the release {NAMESPACE}/{FULLNAME}"
    other = works(release, pods, "docs", "mailer")
    assert other["SMTP_USERNAME"] == "notes@example.org"
    assert other["SMTP_PASSWORD"] != found["SMTP_PASSWORD"]
    release.says("2 have their accounts and Secrets")
    for text in (found["SMTP_PASSWORD"], other["SMTP_PASSWORD"]):
        assert text not in release.log.read_text()


def test_the_password_outlives_a_restart_and_the_account(pods: Pods, make: Callable[..., Release]) -> None:
    release = make(WEB)
    release.start()
    before = works(release, pods, "shop", "web-smtp")
    release.stop()
    # The directory is made anew; applications have their passwords still.
    accounts.remove(pods.pod("admin").site, "web@example.org")
    release.start()
    assert works(release, pods, "shop", "web-smtp") == before


def test_a_removed_secret_comes_back_with_another_password(pods: Pods, make: Callable[..., Release]) -> None:
    release = make(WEB)
    release.start()
    before = works(release, pods, "shop", "web-smtp")
    release.api.delete("Secret", "shop", "web-smtp")
    after = works(release, pods, "shop", "web-smtp")
    assert after["SMTP_PASSWORD"] != before["SMTP_PASSWORD"]
    assert not logs_in(pods, "web@example.org", before["SMTP_PASSWORD"])


def test_a_secret_that_was_edited_is_repaired_and_its_password_taken(
    pods: Pods, make: Callable[..., Release]
) -> None:
    release = make(WEB)
    release.start()
    works(release, pods, "shop", "web-smtp")
    edited: Any = release.api.get("Secret", "shop", "web-smtp")
    edited["data"].update(
        SMTP_HOST="bm93aGVyZQ==", SMTP_PASSWORD=base64.b64encode(b"wonky gramophone 77").decode()
    )
    release.api.put(edited)
    release.until(lambda: secret(release, "shop", "web-smtp")["SMTP_HOST"] == "localhost", "it is repaired")
    assert works(release, pods, "shop", "web-smtp")["SMTP_PASSWORD"] == "wonky gramophone 77"


def test_an_application_that_is_no_longer_listed_loses_its_account_and_may_come_back(
    pods: Pods, make: Callable[..., Release]
) -> None:
    release = make(WEB, WIKI)
    release.start()
    before = works(release, pods, "shop", "web-smtp")
    works(release, pods, "docs", "mailer")
    release.upgrade(wanted(WIKI))
    release.until(lambda: account(pods, "web@example.org") is None, "the account is gone")
    assert account(pods, "notes@example.org")
    # Its Secret is not the operator's to touch any more.
    assert secret(release, "shop", "web-smtp") == before
    release.upgrade(wanted(WEB, WIKI))
    assert works(release, pods, "shop", "web-smtp") == before


def test_the_last_application_s_account_goes_too(pods: Pods, make: Callable[..., Release]) -> None:
    release = make(WEB)
    release.start()
    works(release, pods, "shop", "web-smtp")
    release.upgrade(wanted())
    release.until(lambda: account(pods, "web@example.org") is None, "the account is gone")
    release.says("there are none")
    assert account(pods, "admin@example.org") or account(
        pods, pods.pod("admin").site.settings.administrator_address
    )


def test_a_person_s_account_is_never_touched(pods: Pods, make: Callable[..., Release]) -> None:
    pods.pod("admin").account("alice@example.org")
    release = make({**WEB, "address": "alice@example.org"}, WIKI)
    release.start()
    # The others are served all the same.
    works(release, pods, "docs", "mailer")
    release.says("The account alice@example.org exists and was not made for the application shop/web")
    assert secret(release, "shop", "web-smtp") == {}
    assert logs_in(pods, "alice@example.org", "correct horse alice@example.org")
    # Nor one that only looks like an application's to somebody else's release.
    other = f"Application shop/web of the release other/{FULLNAME}"
    site = pods.pod("admin").site
    accounts.add(site, accounts.NewAccount("bob@example.org", "wonky gramophone 77", other, send_only=True))
    release.upgrade(wanted(WIKI))
    release.says("sees to applications", times=2)
    release.says("1 have their accounts and Secrets")
    assert account(pods, "bob@example.org")


def test_a_secret_of_somebody_else_is_left_alone(pods: Pods, make: Callable[..., Release]) -> None:
    release = make(WEB)
    foreign = release.secret("shop", "web-smtp", {"SMTP_PASSWORD": "theirs"})
    release.start()
    release.says("The Secret shop/web-smtp was not made by Keryx and was left as it is.")
    assert release.api.get("Secret", "shop", "web-smtp") == foreign
    assert account(pods, "web@example.org") is None


def test_what_an_administrator_switched_off_stays_off(pods: Pods, make: Callable[..., Release]) -> None:
    release = make(WEB)
    release.start()
    works(release, pods, "shop", "web-smtp")
    site = pods.pod("admin").site
    accounts.change(site, "web@example.org", accounts.Changes(active=False))
    release.api.delete("Secret", "shop", "web-smtp")
    works(release, pods, "shop", "web-smtp")
    found = account(pods, "web@example.org")
    assert found is not None
    assert not found.active


def test_a_namespace_and_a_directory_are_waited_for(pods: Pods, make: Callable[..., Release]) -> None:
    release = make(WEB)
    release.api.delete("Namespace", "", "shop")
    release.start()
    release.says('namespaces "shop" not found')
    with without(pods, "openldap"):
        release.namespace("shop")
        release.says("applications: The directory")
        assert release.lives()
    works(release, pods, "shop", "web-smtp")


@contextmanager
def without(pods: Pods, name: str) -> Iterator[None]:
    """Run the block while a pod is away."""
    pods.pod(name).stop(name)
    try:
        yield
    finally:
        pods.pod(name).start(name, parent=True)


def test_no_right_is_missing_and_none_is_superfluous(pods: Pods, make: Callable[..., Release]) -> None:
    release = make(
        WEB,
        WIKI,
        operator={"record": {"enabled": True}},
        certificate={"copyFrom": {"namespace": "web", "name": "wildcard"}},
    )
    release.namespace("web")
    release.secret("web", "wildcard", {"tls.crt": "one", "tls.key": "its key"}, "kubernetes.io/tls")
    release.node("one", "192.0.2.1")
    release.mail_pod("postfix-0", "one")
    release.start()
    for namespace, name in (("shop", "web-smtp"), ("docs", "mailer")):
        works(release, pods, namespace, name)
        edited: Any = release.api.get("Secret", namespace, name)
        edited["data"]["SMTP_HOST"] = "bm93aGVyZQ=="
        release.api.put(edited)
    release.until(lambda: release.api.get("DNSEndpoint", NAMESPACE, FULLNAME), "there is a record")
    release.until(lambda: release.api.get("Secret", NAMESPACE, f"{FULLNAME}-certificate"), "there is a copy")
    release.secret("web", "wildcard", {"tls.crt": "two", "tls.key": "its key"}, "kubernetes.io/tls")
    release.node("one", "192.0.2.2")
    release.until(lambda: superfluous(release) == set(), "every right was used")
    assert release.api.refused == []
    everywhere = {(rule.verb, rule.resource) for rule in release.api.allowed if not rule.namespace}
    assert everywhere == {("get", "nodes"), ("list", "nodes"), ("watch", "nodes")}


def superfluous(release: Release) -> set[Rule]:
    """Return the rights that the operator had no use for."""
    return release.api.allowed - release.api.used
