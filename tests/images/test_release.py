"""A whole release of the chart in pods of its own: what people and an administrator see of it."""

from __future__ import annotations

import contextlib
import imaplib
import json
import smtplib
import socket
import ssl
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from keryx.core import errors
from keryx.core.network import unverified_tls
from keryx.core.process import run
from keryx.tls import authority
from tests.release import ORDER, PASSWORD, SENDER, Release
from tests.running import free_offset, wait_for
from tests.web.browsing import CHROMIUM, FLAGS

CLIENT = "198.51.100.77"
"""A client's address (RFC 5737)."""
OPENED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Accept": "text/html,*/*"}
"""What a browser says when a person opens a page."""


@pytest.fixture(scope="module")
def alice(release: Release) -> str:
    """An account, made by the command line in a container."""
    release.keryx("domain", "add", "example.net")
    release.keryx("user", "add", "alice@example.net", "--password-stdin", input=f"{PASSWORD}\n")
    return "alice@example.net"


# --- mail


def test_the_doctor_finds_a_release_that_was_just_installed_well(release: Release) -> None:
    told = json.loads(release.keryx("doctor", "--json").stdout)
    assert {result["id"]: result["sentence"] for result in told if result["status"] != "ok"} == {}
    assert {"mail.loop", "component.openldap", "component.sogo", "port.imaps"} <= {one["id"] for one in told}


def test_helm_test_sends_and_reads_a_message(release: Release) -> None:
    assert "mail.loop" in release.cluster.run_job(release.name("test"))


def test_the_status_shows_every_component_of_the_release(release: Release) -> None:
    told = json.loads(release.keryx("status", "--json").stdout)
    assert {row["name"] for row in told if row["ready"]} == {
        *("openldap", "postgresql", "unbound", "redis", "rspamd", "dovecot", "postsrsd", "postfix"),
        *("memcached", "sogo", "dav", "activesync", "roundcube", "privileged", "admin", "nginx"),
    }


def test_a_message_from_outside_is_in_the_mailbox(release: Release, alice: str) -> None:
    release.send(alice, "first of all")
    release.arrives(alice, "first of all")


def test_who_is_not_there_is_refused(release: Release, alice: str) -> None:
    words = ["swaks", "--helo", "client.elsewhere.example", "--server", f"{release.address('postfix')}:25"]
    words += ["--from", SENDER, "--to", "nobody@example.net", "--quit-after", "RCPT"]
    assert "550" in run(words, check=False, timeout=60).stdout
    with pytest.raises(imaplib.IMAP4.error), release.mailbox("nobody@example.net"):
        pass


def test_what_is_submitted_with_a_login_is_signed_and_arrives(release: Release, alice: str) -> None:
    # Begins with a word of one letter, as no other word does: it is searched for below.
    subject = f"x submitted {uuid.uuid4()}"
    done = release.submit(alice, alice, subject)
    assert done.returncode == 0, done.stdout
    release.arrives(alice, subject)
    with release.mailbox(alice) as client:
        client.select("INBOX")
        (number,) = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        text = client.fetch(number.decode(), "(BODY.PEEK[HEADER])")[1][0]
    assert b"DKIM-Signature" in (text[1] if isinstance(text, tuple) else b"")


def test_a_full_mailbox_is_told_at_rcpt(release: Release, alice: str) -> None:
    small = "small@example.net"
    release.keryx("user", "add", small, "--quota", "1", "--password-stdin", input=f"{PASSWORD}\n")
    with release.mailbox(small) as client:
        message = b"Subject: large\r\n\r\n" + b"x" * 900_000 + b"\r\n"
        assert client.append("INBOX", "", "", message)[0] == "OK"
    only, both = "only@example.net", "both@example.net"
    release.keryx("alias", "add", only, "--to", small)
    release.keryx("alias", "add", both, "--to", small, "--to", alice)
    with smtplib.SMTP(release.address("postfix"), 25, "client.elsewhere.example", timeout=60) as client:
        client.ehlo()
        client.mail(SENDER, ["size=300000"])
        answers = {address: client.rcpt(address) for address in (small, only, both)}
    full = "5.2.2 <{}>: Recipient address rejected: Mailbox is full"
    assert answers == {
        small: (552, full.format(small).encode()),
        only: (552, full.format(only).encode()),
        both: (250, b"2.1.5 Ok"),
    }


def test_what_is_moved_to_junk_teaches_the_filter_of_another_pod(release: Release, alice: str) -> None:
    def learned() -> int:
        controller = "/var/lib/keryx/run/rspamd/controller.sock"
        told = release.run("rspamd", "rspamd", "rspamc", "-h", controller, "--json", "stat").stdout
        return int(json.loads(told)["learned"])

    before, subject = learned(), f"watches {uuid.uuid4()}"
    body = "A great many words about cheap watches, " + " ".join(f"watch{number}" for number in range(60))
    release.send(alice, subject, body)
    release.arrives(alice, subject)
    with release.mailbox(alice) as client:
        client.select("INBOX")
        (number,) = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        assert client.copy(number.decode(), "Junk")[0] == "OK"
    wait_for(lambda: learned() > before, "the filter has learned", 30)


# --- load balancers


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def balancer(release: Release, tmp_path: Path) -> Iterator[str]:
    """HAProxy in front of the port for submission over TLS; its address. Clients have one of their own."""
    config, port = tmp_path / "haproxy.cfg", free_offset() + 465
    config.write_text(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n"
        f"listen submissions\n  bind 127.0.0.1:{port}\n"
        f"  server postfix {release.address('postfix')}:465 send-proxy-v2\n"
    )
    run(["ip", "address", "replace", f"{CLIENT}/32", "dev", "lo"])
    with subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", config]) as process:
        try:
            wait_for(lambda: answers("127.0.0.1", port), "HAProxy listens", 20)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            run(["ip", "address", "del", f"{CLIENT}/32", "dev", "lo"])


def test_a_load_balancer_tells_who_the_client_is(release: Release, alice: str, balancer: str) -> None:
    subject = f"balanced {uuid.uuid4()}"
    done = release.submit(alice, alice, subject, balancer, "--tls-on-connect", "--local-interface", CLIENT)
    assert done.returncode == 0, done.stdout
    release.arrives(alice, subject)
    assert f"connect from unknown[{CLIENT}]" in release.log("postfix")


def test_nobody_else_is_served_there_and_the_other_doors_stay_open(release: Release, alice: str) -> None:
    direct = release.submit(alice, alice, "direct", f"{release.address('postfix')}:465", "--tls-on-connect")
    assert direct.returncode != 0
    assert release.submit(alice, alice, f"other {uuid.uuid4()}").returncode == 0


# --- the web


@contextlib.contextmanager
def browser(release: Release, context: ssl.SSLContext | None = None) -> Iterator[httpx.Client]:
    """Give somebody's browser; the name of the host is the one that the settings say."""
    if context is None:
        ca = release.cluster.secret(release.name("nginx-tls"), "ca.pem")
        context = ssl.create_default_context(cadata=ca)
    base = f"https://{release.address('nginx')}"
    with httpx.Client(base_url=base, verify=context, timeout=60) as client:
        client.headers["Host"] = "mail.example.org"

        def name(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = "mail.example.org"

        client.event_hooks = {"request": [name]}
        yield client


def test_who_signs_in_reads_mail_in_both_webmails(release: Release, alice: str) -> None:
    """In a browser, with the pages as people see them."""
    release.send(alice, "for the webmail")
    release.arrives(alice, "for the webmail")
    rules = f"--host-resolver-rules=MAP mail.example.org {release.address('nginx')}"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, rules])
        page = chromium.new_context(ignore_https_errors=True, locale="en-GB").new_page()
        page.goto("https://mail.example.org/roundcube/")
        page.fill("input[name=address]", alice)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_selector("#messagelist >> text=for the webmail", timeout=60_000)
        page.goto("https://mail.example.org/SOGo/")
        page.wait_for_selector("text=for the webmail", timeout=60_000)
        chromium.close()


def test_what_the_webmail_sends_goes_by_the_port_for_pods(release: Release, alice: str) -> None:
    with browser(release) as client:
        assert (
            client.post("/api/v1/session", json={"address": alice, "password": PASSWORD}).status_code == 200
        )
        subject = f"from the webmail {uuid.uuid4()}"
        headers = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
        # A browser opens the page before it sends.
        assert client.get(f"/SOGo/so/{alice}/", headers=OPENED).status_code in (200, 302)
        token = {"X-XSRF-TOKEN": client.cookies.get("XSRF-TOKEN") or ""}
        made = client.get(f"/SOGo/so/{alice}/Mail/0/compose", headers=headers | token)
        assert made.status_code == 201, made.text
        told = made.json()
        message = {"to": [alice], "subject": subject, "text": "Hello.", "isHTML": False, "from": alice}
        path = f"/SOGo/so/{alice}/Mail/0/folder{told['mailboxPath']}/{told['draftId']}/send"
        sent = client.post(path, json=message, headers=headers | token)
        assert sent.status_code == 200, sent.text
    release.arrives(alice, subject)


def test_the_administrator_finds_the_account_and_the_queue(release: Release, alice: str) -> None:
    password = release.cluster.secret(release.name("secrets"), "administrator")
    with browser(release) as client:
        answer = client.post("/api/v1/session", json={"address": "admin@example.org", "password": password})
        assert answer.status_code == 200, answer.text
        assert alice in client.get("/api/v1/accounts", params={"domain": "example.net"}).text
        assert client.get("/api/v1/queue").status_code == 200
        assert client.get("/admin/", headers=OPENED).status_code == 200
        assert client.get("/rspamd/stat", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/SOGo.woa/WebServerResources/css/styles.css",
        "/roundcube/program/js/app.min.js",
        "/roundcube/program/js/jquery.min.js",
        "/roundcube/skins/elastic/deps/bootstrap.min.css",
        "/roundcube/plugins/jqueryui/js/jquery-ui.min.js",
    ],
)
def test_every_file_of_the_webmails_pages_is_served(release: Release, path: str) -> None:
    with browser(release) as client:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert len(answer.content) > 1000, path


# --- certificates, faults


def shows(release: Release, pod: str, port: int, chain: str) -> bool:
    return ssl.DER_cert_to_PEM_cert(release.certificate(pod, port)) in chain


def test_a_certificate_that_comes_is_shown_everywhere_and_sessions_live_on(
    release: Release, alice: str, tmp_path: Path
) -> None:
    ports = {"dovecot": 993, "nginx": 443}
    with release.mailbox(alice) as client:
        client.select("INBOX")
        client.send(b"i1 IDLE\r\n")
        assert client.readline().startswith(b"+")
        authority.ensure(tmp_path, ["mail.example.org"])
        pair = {"tls.crt": (tmp_path / "cert.pem").read_text(), "tls.key": (tmp_path / "key.pem").read_text()}
        release.cluster.put_secret(release.name("certificate"), pair)
        for pod, port in ports.items():
            # Workers of before may answer once more.
            wait_for(lambda: shows(release, pod, port, pair["tls.crt"]), f"the new one at {port}", 30)  # noqa: B023  # asked at once
        # In the second of its reload Dovecot cannot be asked about the quota: a sender comes again.
        wait_for(lambda: release.try_to_send(alice, "while idle").returncode == 0, "mail is taken", 30)
        client.sock.settimeout(30)
        while b"EXISTS" not in (line := client.readline()):
            assert line, "the session was ended"


def test_what_was_accepted_is_never_lost(release: Release, alice: str) -> None:
    """Pods vanish while messages come in, and come back with their volumes."""
    accepted = []
    for number in range(24):
        if victim := {6: "postfix", 12: "dovecot", 18: "rspamd"}.get(number):
            release.kill(victim)
            release.start(victim)
        subject = f"load {uuid.uuid4()}"
        if release.try_to_send(alice, subject).returncode == 0:
            accepted.append(subject)
    assert len(accepted) >= 6, "some were accepted"
    release.keryx("queue", "flush")

    def there() -> bool:
        with release.mailbox(alice) as client:
            client.select("INBOX")
            return all(client.search(None, "SUBJECT", f'"{subject}"')[1][0] for subject in accepted)

    wait_for(there, "all that were accepted", 120)


def test_a_pod_that_moves_loses_nothing_and_mail_waits_for_it(release: Release, alice: str) -> None:
    release.send(alice, "before the move")
    release.arrives(alice, "before the move")
    release.stop("dovecot")
    # The quota cannot be asked now: the sender comes again.
    assert "451" in release.try_to_send(alice, "meanwhile").stdout
    release.start("dovecot")
    assert release.found(alice, "before the move")
    wait_for(lambda: release.try_to_send(alice, "after the move").returncode == 0, "mail is taken", 60)
    release.arrives(alice, "after the move")


@pytest.mark.parametrize("pod", ORDER)
def test_every_pod_ends_in_good_order_and_comes_back(release: Release, pod: str) -> None:
    assert set(release.stop(pod).values()) == {0}
    release.start(pod)


def test_a_probe_says_what_is_missing(release: Release) -> None:
    status, said = release.cluster.probe(release.name("redis"), "redis")
    assert (status, said.strip()) == (200, "redis is ready.")


def test_directory_and_database_come_back_from_their_dumps(release: Release, alice: str) -> None:
    """As after a restore: of both pods there is only what a backup has of them."""
    databases, late = ("openldap", "postgresql"), "late@example.net"
    for pod in databases:
        assert f"/var/lib/keryx/dump/{pod}." in release.cluster.before_backup(release.name(pod)).stdout
    release.keryx("user", "add", late, "--password-stdin", input=f"{PASSWORD}\n")
    for pod in databases:
        release.stop(pod)
        release.cluster.keep_backup_only(release.name(pod))
    for pod in databases:
        release.start(pod)
        assert f"{pod} is restored." in release.log(pod)
    with pytest.raises(imaplib.IMAP4.error), release.mailbox(late):
        pass
    test_what_is_submitted_with_a_login_is_signed_and_arrives(release, alice)
    password = release.cluster.secret(release.name("secrets"), "administrator")
    # By now it shows the certificate that came.
    with browser(release, unverified_tls()) as client:
        answer = client.post("/api/v1/session", json={"address": "admin@example.org", "password": password})
        assert answer.status_code == 200, answer.text

        def accounts() -> str:
            return client.get("/api/v1/accounts", params={"domain": "example.net"}).text

        wait_for(lambda: late not in accounts(), "the list is that of the directory as it is", 30)
        assert alice in accounts()
    wait_for(lambda: is_well(release), "the doctor finds nothing", 120)
    assert "Everything is there" in release.cluster.run_job(release.name("init-1"))


def is_well(release: Release) -> bool:
    try:
        release.keryx("doctor")
    except errors.CommandFailed:
        return False
    return True
