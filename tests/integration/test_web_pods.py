"""The web side in pods: the gateway, the web process and what it has done elsewhere, through doors."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator

import httpx
import pytest

from keryx.admin import dkim_forms, statistics, store
from keryx.core import network, privileged
from keryx.core.network import Endpoint
from tests.pods import Pods, release
from tests.running import wait_for

SETTINGS = """\
domain: example.org
administrator: chief@example.org
bind: [127.0.0.1]
webmail: roundcube
unbound: {offline: true}
"""
HOSTS = {
    "openldap": ["openldap"],
    "postgresql": ["postgresql"],
    "redis": ["redis"],
    "rspamd": ["rspamd", "privileged", "nginx"],
    "dovecot": ["dovecot", "privileged", "nginx"],
    "roundcube": ["roundcube", "nginx"],
    "admin": ["admin", "nginx"],
    "nginx": ["nginx"],
}
ADMINISTRATOR = "chief@example.org"


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    with release(SETTINGS, HOSTS, ("rspamd", "roundcube", "admin")) as made:
        for name in ("openldap", "postgresql", "redis"):
            made.start(name)
        made.pod("admin").keryx("init")
        for name in ("rspamd", "dovecot", "roundcube", "admin", "nginx"):
            made.start(name)
        yield made


@pytest.fixture
def browser(pods: Pods) -> Iterator[httpx.Client]:
    """An administrator who is signed in, at the gateway."""
    site = pods.pod("nginx").site
    context = ssl.create_default_context(cafile=str(site.paths.authority))
    base = f"https://localhost:{site.port('https')}"
    with httpx.Client(base_url=base, verify=context, timeout=60) as client:
        client.headers["Host"] = "mail.example.org"
        password = (pods.folder / "secrets/administrator").read_text()
        answer = client.post("/api/v1/session", json={"address": ADMINISTRATOR, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        yield client


def test_who_signs_in_at_the_gateway_is_in_the_webmail_of_another_pod(browser: httpx.Client) -> None:
    opened = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Accept": "text/html,*/*"}
    page = browser.get("/roundcube/", headers=opened)
    assert page.status_code == 302, page.text
    page = browser.get(httpx.URL(page.headers["Location"]).raw_path.decode(), headers=opened)
    assert page.status_code == 200
    assert ADMINISTRATOR in page.text


def test_the_first_administrator_has_the_address_of_the_settings(pods: Pods) -> None:
    keryx = pods.pod("admin").keryx
    accounts = {
        account["address"]: account["name"] for account in json.loads(keryx("user", "list", "--json").stdout)
    }
    assert accounts[ADMINISTRATOR] == "Administrator"
    assert "admin@example.org" not in accounts
    assert ADMINISTRATOR in keryx("admin", "list").stdout
    postmaster = json.loads(keryx("alias", "show", "postmaster@example.org", "--json").stdout)
    assert postmaster["targets"] == [ADMINISTRATOR]


def test_the_filters_pages_are_reached(browser: httpx.Client) -> None:
    answer = browser.get("/rspamd/stat", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200, answer.text
    assert "scanned" in answer.json()


def test_what_needs_root_is_done_in_the_pod_of_the_store(pods: Pods, browser: httpx.Client) -> None:
    path = "/api/v1/accounts/alice@example.org"
    answer = browser.put(path, json={"password": "correct horse battery", "quota_mb": 5})
    assert answer.status_code == 201, answer.text
    away = {"active": True, "subject": "Away", "text": "I am away.", "days": 1}
    answer = browser.put(f"{path}/vacation", json=away)
    assert answer.status_code == 200, answer.text
    store.put_script(pods.pod("admin").site, "alice@example.org", "keep;\n")
    log = pods.pod("dovecot").log("privileged").read_text()
    assert 'keryx.admin.store.forget_at_store(known=["alice@example.org"' in log
    assert 'keryx.admin.store.put_script(address="alice@example.org", script=*): done' in log


def test_signing_keys_come_to_the_filter_within_seconds(pods: Pods) -> None:
    folder = pods.pod("rspamd").site.paths.dkim
    assert {path.name for path in folder.iterdir()} == {
        "example.org.keryx-ed.key",
        "example.org.keryx-rsa.key",
    }
    pods.pod("admin").keryx("domain", "add", "example.net")
    wait_for(lambda: (folder / "example.net.keryx-rsa.key").exists(), "the key is there", 30)
    shown = json.loads(pods.pod("admin").keryx("dkim", "show", "example.net", "--json").stdout)
    assert len(shown) == 2
    private = dkim_forms.new("rsa")
    pods.pod("admin").keryx("dkim", "import", "example.net", "--selector", "mail", input=private)
    pointer = folder / "example.net.rsa.selector"
    wait_for(pointer.exists, "the choice is there", 30)
    assert pointer.read_text() == "mail\n"
    assert (folder / "example.net.mail.key").read_text() == private
    replaced = dkim_forms.new("rsa")
    pods.pod("admin").keryx(
        "dkim", "import", "example.net", "--selector", "mail", "--replace", input=replaced
    )
    wait_for(lambda: (folder / "example.net.mail.key").read_text() == replaced, "the key is replaced", 30)
    pods.pod("admin").keryx("domain", "remove", "example.net")
    wait_for(lambda: not pointer.exists(), "the choice is gone", 30)
    wait_for(lambda: not (folder / "example.net.keryx-rsa.key").exists(), "the key is gone", 30)


def test_the_filter_of_another_pod_tells_what_it_counted(pods: Pods) -> None:
    assert statistics.counters(pods.pod("admin").site).reject >= 0


def knock(pods: Pods, who: str) -> bytes:
    """Call a function through the store's door, with a pod's certificate or none; return what comes."""
    context = ssl.create_default_context(cafile=str(pods.pod("admin").site.paths.authority))
    if who:
        tls = pods.pod(who).site.paths.tls
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    door = Endpoint(host="127.0.0.1", port=pods.pod("dovecot").site.loopback_port(10098))
    try:
        with context.wrap_socket(network.connect(door), server_hostname="localhost") as stream:
            stream.sendall(privileged.line({"call": "ping"}))
            return stream.recv(100)
    except OSError:
        return b""


@pytest.mark.parametrize(("who", "opens"), [("admin", True), ("roundcube", False), ("", False)])
def test_a_door_opens_for_its_guests_only(pods: Pods, who: str, opens: bool) -> None:
    assert (b"pong" in knock(pods, who)) is opens
    assert opens or knock(pods, who) == b""


def test_a_gateway_that_was_killed_comes_back(pods: Pods) -> None:
    parts = pods.pod("nginx")
    site = parts.site
    (socket,) = (way for way in (site.paths.run("nginx") / "doors").iterdir() if way.name == "admin.sock")
    kept = socket.with_suffix(".away")
    socket.rename(kept)
    parts.stop("nginx")
    kept.rename(socket)
    assert socket.exists()
    parts.start("nginx", parent=True)
