"""The suite in containers of its images: what a user and an administrator see of it."""

from __future__ import annotations

import contextlib
import imaplib
import json
import socket
import ssl
import uuid
from collections.abc import Iterator

import httpx
import pytest
from cryptography import x509

from keryx.core.network import unverified_tls
from keryx.core.process import Completed, run
from keryx.tls import authority
from tests.images.conftest import start_all
from tests.podman import Pod, podman
from tests.running import wait_for

PASSWORD = "correct horse battery"
OPENED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Accept": "text/html,*/*"}
"""What a browser says when a person opens a page."""
SENDER = "friend@elsewhere.example"


@pytest.fixture(scope="module")
def alice(pod: Pod) -> str:
    """An account, made by the command line in a container."""
    pod.keryx("domain", "add", "example.net")
    pod.keryx("user", "add", "alice@example.net", "--password-stdin", input=f"{PASSWORD}\n")
    return "alice@example.net"


def send(pod: Pod, recipient: str, subject: str, body: str = "Shall we meet at noon?") -> None:
    """Hand a message in from outside; it has to be taken."""
    done = try_to_send(pod, recipient, subject, body)
    assert done.returncode == 0, f"{done.stdout}\n{pod.log('postfix')[-3000:]}"


def try_to_send(pod: Pod, recipient: str, subject: str, body: str = "Shall we meet at noon?") -> Completed:
    """Hand a message in from outside."""
    words = ["swaks", "--helo", "client.elsewhere.example", "--server", f"{pod.address}:25"]
    words += ["--from", SENDER, "--to", recipient, "--timeout", "60", "--body", body]
    headers = (f"Subject: {subject}", f"Message-Id: <{uuid.uuid4()}@elsewhere.example>")
    return run(
        [*words, *(word for header in headers for word in ("--header", header))], check=False, timeout=90
    )


@contextlib.contextmanager
def mailbox(pod: Pod, address: str) -> Iterator[imaplib.IMAP4_SSL]:
    client = imaplib.IMAP4_SSL(pod.address, 993, ssl_context=unverified_tls(), timeout=60)
    try:
        client.login(address, PASSWORD)
        yield client
    finally:
        client.shutdown()


def found(pod: Pod, address: str, subject: str, folder: str = "INBOX") -> list[bytes]:
    with mailbox(pod, address) as client:
        client.select(folder)
        return list(client.search(None, "SUBJECT", f'"{subject}"')[1][0].split())


def arrives(pod: Pod, address: str, subject: str) -> None:
    wait_for(lambda: found(pod, address, subject), f"{subject!r} in the mailbox", 60)


def shown(pod: Pod, port: int) -> bytes:
    """Return the certificate that a port shows."""
    with (
        socket.create_connection((pod.address, port), 20) as stream,
        unverified_tls().wrap_socket(stream) as inside,
    ):
        return inside.getpeercert(binary_form=True) or b""


def test_a_message_from_outside_is_in_the_mailbox(pod: Pod, alice: str) -> None:
    send(pod, alice, "first of all")
    arrives(pod, alice, "first of all")


def test_who_is_not_there_is_refused(pod: Pod, alice: str) -> None:
    words = [
        "swaks",
        "--helo",
        "client.elsewhere.example",
        "--server",
        f"{pod.address}:25",
        "--from",
        SENDER,
        "--to",
        "nobody@example.net",
    ]
    done = run([*words, "--quit-after", "RCPT"], check=False, timeout=60)
    assert "550" in done.stdout
    with pytest.raises(imaplib.IMAP4.error), mailbox(pod, "nobody@example.net"):
        pass


def test_what_is_submitted_with_a_login_is_signed_and_arrives(pod: Pod, alice: str) -> None:
    subject = f"submitted {uuid.uuid4()}"
    words = [
        "swaks",
        "--helo",
        "client.elsewhere.example",
        "--server",
        f"{pod.address}:587",
        "-tls",
        "--auth-user",
        alice,
        "--from",
        alice,
    ]
    words += ["--to", alice, "--header", f"Subject: {subject}", "--auth-password-stdin"]
    # The password is asked for on standard input.
    words = [word for word in words if word != "--auth-password-stdin"] + ["--auth-password"]
    done = run(words, input=f"{PASSWORD}\n", check=False, timeout=90)
    assert done.returncode == 0, done.stdout
    arrives(pod, alice, subject)
    with mailbox(pod, alice) as client:
        client.select("INBOX")
        (number,) = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        text = client.fetch(number.decode(), "(BODY.PEEK[HEADER])")[1][0]
    assert b"DKIM-Signature" in (text[1] if isinstance(text, tuple) else b"")


def test_what_is_moved_to_junk_teaches_the_filter(pod: Pod, alice: str) -> None:
    def learned() -> int:
        answer = podman(
            *("exec", pod.container("rspamd"), "rspamc", "-h", "/var/lib/keryx/run/rspamd/controller.sock"),
            *("--json", "stat"),
        ).stdout
        return int(json.loads(answer)["learned"])

    before, subject = learned(), f"watches {uuid.uuid4()}"
    body = "A great many words about cheap watches, " + " ".join(f"watch{number}" for number in range(60))
    send(pod, alice, subject, body)
    arrives(pod, alice, subject)
    with mailbox(pod, alice) as client:
        client.select("INBOX")
        (number,) = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        assert client.copy(number.decode(), "Junk")[0] == "OK"
    wait_for(lambda: learned() > before, "the filter has learned", 30)


@contextlib.contextmanager
def browser(pod: Pod) -> Iterator[httpx.Client]:
    """Give somebody's browser; the name of the host is the one that the settings say."""
    context = ssl.create_default_context(cafile=str(pod.volume / "tls/ca.pem"))
    with httpx.Client(base_url=f"https://{pod.address}", verify=context, timeout=60) as client:
        client.headers["Host"] = "mail.example.org"

        def name(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = "mail.example.org"

        client.event_hooks = {"request": [name]}
        yield client


def test_who_signs_in_is_in_both_webmails(pod: Pod, alice: str) -> None:
    send(pod, alice, "for the webmail")
    arrives(pod, alice, "for the webmail")
    with browser(pod) as client:
        assert client.get("/roundcube/").status_code == 401
        answer = client.post("/api/v1/session", json={"address": alice, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        page = client.get("/roundcube/", headers=OPENED)
        assert page.status_code == 302, page.text
        page = client.get(httpx.URL(page.headers["Location"]).raw_path.decode(), headers=OPENED)
        assert page.status_code == 200, page.text
        assert alice in page.text
        listing = client.post(
            f"/SOGo/so/{alice}/Mail/0/folderINBOX/view",
            json={"sortingAttributes": {"sort": "arrival", "asc": 0}},
            headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        )
        assert listing.status_code == 200, listing.text
        assert "for the webmail" in listing.text


def test_the_administrator_finds_the_account(pod: Pod, alice: str) -> None:
    password = (pod.volume / "secrets/administrator").read_text().strip()
    with browser(pod) as client:
        answer = client.post("/api/v1/session", json={"address": "admin@example.org", "password": password})
        assert answer.status_code == 200, answer.text
        found = client.get("/api/v1/accounts", params={"domain": "example.net"})
        assert alice in found.text
        assert client.get("/admin/", headers=OPENED).status_code == 200


def test_every_file_of_the_webmails_pages_is_served(pod: Pod) -> None:
    paths = (
        "/SOGo.woa/WebServerResources/css/styles.css",
        "/roundcube/program/js/app.min.js",
        "/roundcube/program/js/jquery.min.js",
        "/roundcube/skins/elastic/deps/bootstrap.min.css",
        "/roundcube/plugins/jqueryui/js/jquery-ui.min.js",
    )
    with browser(pod) as client:
        for path in paths:
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert len(answer.content) > 1000, path


def test_a_replaced_certificate_is_shown_everywhere_and_sessions_live_on(pod: Pod, alice: str) -> None:
    ports = (993, 443, 465)
    before = {port: shown(pod, port) for port in ports}
    with mailbox(pod, alice) as client:
        client.select("INBOX")
        client.send(b"i1 IDLE\r\n")
        assert client.readline().startswith(b"+")
        tls = pod.volume / "tls"
        names = authority.names_of(x509.load_der_x509_certificate(before[993]))
        (tls / "cert.pem").unlink()
        authority.ensure(tls, names)
        for port in ports:
            wait_for(lambda: shown(pod, port) != before[port], f"the new one at {port}", 30)  # noqa: B023  # asked at once
        send(pod, alice, "while idle")
        client.sock.settimeout(30)
        while b"EXISTS" not in (line := client.readline()):
            assert line, "the session was ended"


def test_what_was_accepted_is_never_lost(pod: Pod, alice: str) -> None:
    """Postfix, Dovecot and the filter are killed while messages come in."""
    accepted = []
    for number in range(24):
        if number in (6, 12, 18):
            victim = {6: "postfix", 12: "dovecot", 18: "rspamd"}[number]
            podman("kill", "--signal=KILL", pod.container(victim))
            wait_for(lambda: not running(pod, victim), f"{victim} is gone", 20)  # noqa: B023  # asked at once
            podman("start", pod.container(victim))
        subject = f"load {uuid.uuid4()}"
        if try_to_send(pod, alice, subject).returncode == 0:
            accepted.append(subject)
    for component in ("postfix", "dovecot", "rspamd"):
        wait_for(lambda: pod.ready(component), f"{component} is back", 60)  # noqa: B023  # asked at once
    assert len(accepted) >= 6, "some were accepted"
    podman("exec", pod.container("postfix"), "postqueue", "-c", "/var/lib/keryx/etc/postfix", "-f")

    def there() -> bool:
        with mailbox(pod, alice) as client:
            client.select("INBOX")
            return all(client.search(None, "SUBJECT", f'"{subject}"')[1][0] for subject in accepted)

    wait_for(there, "all that were accepted", 120)


def running(pod: Pod, component: str) -> bool:
    state = podman("inspect", "--format", "{{.State.Running}}", pod.container(component)).stdout
    return state.strip() == "true"


def test_containers_made_anew_find_everything_on_the_volume(pod: Pod, alice: str) -> None:
    send(pod, alice, "before the new containers")
    arrives(pod, alice, "before the new containers")
    pod.remove_pod()
    pod.create_pod()
    start_all(pod)
    assert found(pod, alice, "before the new containers")
    send(pod, alice, "after the new containers")
    arrives(pod, alice, "after the new containers")


def test_a_container_ends_in_good_order_when_told_to(pod: Pod) -> None:
    for component in ("redis", "memcached", "unbound"):
        podman("stop", "--time", "30", pod.container(component), timeout=60)
        state = podman("inspect", "--format", "{{.State.ExitCode}}", pod.container(component)).stdout
        assert state.strip() == "0", pod.log(component)
        podman("start", pod.container(component))


def test_a_probe_says_what_is_missing(pod: Pod) -> None:
    done = podman("exec", pod.container("redis"), "keryx", "ready", "clamav", check=False)
    assert done.returncode == 1
    assert "There is no virus database" in done.stderr
    assert "Traceback" not in done.stderr
