"""Mail through pods: Postfix, the filter and the store stand apart, with helpers beside them."""

from __future__ import annotations

import imaplib
import json
import smtplib
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

import pytest
import yaml

from keryx.core import network
from keryx.core.network import Endpoint
from keryx.core.process import run
from keryx.settings import placement
from keryx.settings.site import PODS_DOOR
from tests.clients import ManageSieve, letter, messages, subjects
from tests.integration.test_rspamd import GTUBE
from tests.milter import scan
from tests.pods import Pods, release
from tests.running import Suite, wait_for
from tests.scenarios.test_store import prose

SETTINGS = """\
domain: example.org
bind: [127.0.0.1]
webmail: none
unbound: {offline: true}
rspamd: {greylisting: false}
postfix: {check_sender_domain: false, greet_check: false, dnsbl: []}
"""
HOSTS = {
    "openldap": ["openldap"],
    "postgresql": ["postgresql"],
    "redis": ["redis"],
    # One resolver for both pods: here they share the loopback address.
    "rspamd": ["unbound", "dovecot", "rspamd", "privileged"],
    "dovecot": ["dovecot"],
    "postfix": ["postsrsd", "rspamd", "dovecot", "postfix"],
    "admin": ["admin"],
}
RCPT_FULL = b"5.2.2 <small@example.org>: Recipient address rejected: Mailbox is full"
ALICE, BOB = "alice@example.org", "bob@example.org"


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    with release(SETTINGS, HOSTS) as made:
        made.start("openldap")
        made.start("postgresql")
        admin = made.pod("admin")
        admin.keryx("init")
        for address in (ALICE, BOB):
            admin.account(address)
        for name in ("redis", "rspamd", "dovecot", "postfix"):
            made.start(name)
        yield made


def submit(pods: Pods, sender: str, recipient: str, **headers: str) -> str:
    """Submit a message with a login; return its subject."""
    subject = f"pods {uuid.uuid4().hex[:8]}"
    with smtplib.SMTP_SSL(
        "127.0.0.1", pods.pod("postfix").site.port("submissions") or 0, context=network.unverified_tls()
    ) as client:
        client.login(sender, f"correct horse {sender}")
        message = letter(subject, **{"From": sender, "To": recipient, **headers})
        client.send_message(message, sender, [recipient])
    return subject


def from_outside(pods: Pods, recipient: str, body: str = "Hello.\n", size: int = 0) -> tuple[int, bytes]:
    """Send as a server of the internet does; return the reply to RCPT or to the message."""
    port = pods.pod("postfix").site.port("smtp") or 0
    with smtplib.SMTP("127.0.0.1", port, local_hostname="elsewhere.example", timeout=60) as client:
        client.ehlo()
        client.mail("friend@elsewhere.example", [f"size={size}"] if size else [])
        code, said = client.rcpt(recipient)
        if code != 250:
            return code, said
        return client.data(letter(f"outside {uuid.uuid4().hex[:8]}", body).as_bytes())


@contextmanager
def session(pods: Pods, address: str) -> Iterator[imaplib.IMAP4]:
    """Give a logged-in IMAP session."""
    port = pods.pod("dovecot").site.port("imaps") or 0
    with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=network.unverified_tls()) as client:
        client.login(address, f"correct horse {address}")
        yield client


def inbox(pods: Pods, address: str) -> list[str]:
    """Return the subjects in somebody's inbox."""
    with session(pods, address) as client:
        return subjects(client)


def test_a_submitted_message_goes_through_all_pods(pods: Pods) -> None:
    subject = submit(pods, ALICE, BOB)
    wait_for(lambda: subject in inbox(pods, BOB), "Bob's inbox shows it", 60)
    log = pods.pod("postfix").log("postfix").read_text()
    # To the store by a verified certificate.
    assert "Verified TLS connection established to localhost" in log


def test_one_connection_to_the_store_takes_many_messages(pods: Pods) -> None:
    sent = {submit(pods, ALICE, BOB) for _ in range(3)}
    wait_for(lambda: sent <= set(inbox(pods, BOB)), "Bob's inbox shows all", 60)
    log = pods.pod("postfix").log("postfix").read_text()
    assert "Verified TLS connection reused to localhost" in log


def test_names_of_the_cluster_are_asked_of_its_own_servers(pods: Pods) -> None:
    config = pods.pod("rspamd").site.paths.etc("unbound") / "unbound.conf"
    forwards = run(["/usr/sbin/unbound-control", "-c", config, "list_forwards"]).stdout
    assert forwards.startswith("cluster.test. IN forward ")


def test_the_filter_of_another_pod_refuses(pods: Pods) -> None:
    code, said = from_outside(pods, ALICE, f"{GTUBE}\n")
    assert (code, said) == (554, b"5.7.1 Gtube pattern")


def test_somebody_elses_address_is_refused(pods: Pods) -> None:
    with pytest.raises(smtplib.SMTPDataError, match="does not belong to the login alice"):
        submit(pods, ALICE, BOB, From=BOB)


def test_a_full_mailbox_is_told_at_rcpt(pods: Pods) -> None:
    admin = pods.pod("admin")
    admin.account("small@example.org", "--quota", "1")
    code, said = from_outside(pods, "small@example.org", size=2 * 1024 * 1024)
    assert (code, said) == (552, RCPT_FULL)


def with_script(pods: Pods, address: str, script: str) -> None:
    """Let a Sieve script be somebody's active one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(placement.ENVIRONMENT, "dovecot")
        sieve = ManageSieve(Suite(pods.pod("dovecot").home))
    with sieve:
        sieve.starttls()
        assert sieve.login(address, f"correct horse {address}").ok
        assert sieve.activate("main", script).ok


def test_redirected_mail_leaves_by_the_door_for_pods(pods: Pods) -> None:
    with_script(pods, ALICE, f'require "copy"; redirect :copy "{BOB}";\n')
    subject = submit(pods, BOB, ALICE)
    wait_for(lambda: subject in inbox(pods, BOB), "Bob has the copy", 60)
    assert "postfix/pods" in pods.pod("postfix").log("postfix").read_text()


def test_an_automatic_answer_is_signed_as_our_own(pods: Pods) -> None:
    with_script(pods, ALICE, 'require "vacation"; vacation "I am away.";\n')
    submit(pods, BOB, ALICE)

    def answers() -> list[Message]:
        with session(pods, BOB) as client:
            return [message for message in messages(client) if message["Auto-Submitted"]]

    (answer,) = wait_for(answers, "the answer is there", 60)
    assert "d=example.org" in answer["DKIM-Signature"]
    assert "X-Spam" not in answer


@pytest.mark.parametrize(("by", "signed"), [(PODS_DOOR, 2), ("mail.example.org", 0)])
def test_only_what_came_by_the_door_for_pods_counts_as_our_own(pods: Pods, by: str, signed: int) -> None:
    socket = pods.pod("postfix").site.milter.path
    assert socket is not None
    mail = letter("away", "I am away.\n", From=ALICE, To=BOB).as_string()
    verdict = scan(socket, mail, client="10.1.2.3", sender="", door=by)
    assert len(verdict.headers("DKIM-Signature")) == signed


def door(pods: Pods) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=pods.pod("dovecot").site.internal_smtp.port)


def test_the_door_for_pods_lets_nobody_in_without_a_certificate(pods: Pods) -> None:
    where = door(pods)
    with smtplib.SMTP(where.host, where.port) as client:
        assert client.docmd("MAIL FROM:<>")[0] == 530
        client.starttls(context=network.unverified_tls())
        with pytest.raises((smtplib.SMTPServerDisconnected, smtplib.SMTPRecipientsRefused, ssl.SSLError)):
            client.sendmail(ALICE, ["somebody@far.example"], b"Subject: x\r\n\r\nx\r\n")


def test_mail_waits_at_the_sender_while_the_filter_is_away(pods: Pods) -> None:
    filters = pods.pod("rspamd")
    filters.stop("rspamd")
    try:
        code, said = from_outside(pods, ALICE)
        assert code == 451, said
    finally:
        filters.start("rspamd")
    wait_for(lambda: from_outside(pods, ALICE)[0] == 250, "the filter is back", 60)


def test_without_the_store_the_quota_cannot_be_asked_and_the_sender_waits(pods: Pods) -> None:
    store = pods.pod("dovecot")
    store.stop("dovecot")
    assert from_outside(pods, ALICE)[0] == 451
    store.start("dovecot")
    wait_for(lambda: from_outside(pods, ALICE)[0] == 250, "the store is back", 60)


def test_a_store_whose_name_is_not_there_keeps_mail_waiting(pods: Pods) -> None:
    """A pod that moves has no name for a while."""
    postfix = pods.pod("postfix")
    file = postfix.home / placement.FILE
    told = file.read_text()
    values = yaml.safe_load(told)
    values["pods"]["dovecot"]["host"] = "store.invalid"
    file.write_text(yaml.safe_dump(values))
    postfix.stop("postfix")
    postfix.start("postfix")
    # Handed in without the question about the quota, which the door would ask.
    subject = f"pods {uuid.uuid4().hex[:8]}"
    message = letter(subject, From=ALICE, To=BOB).as_string()
    program: list[str | Path] = [
        "/usr/sbin/sendmail",
        "-C",
        postfix.home / "etc" / "postfix",
        "-f",
        ALICE,
        BOB,
    ]
    run(program, input=message, env={"MAIL_CONFIG": str(postfix.home / "etc" / "postfix")})

    def waits() -> bool:
        return "4.4.4" in postfix.log("postfix").read_text()

    wait_for(waits, "the message waits", 60)
    assert "status=bounced" not in postfix.log("postfix").read_text()
    file.write_text(told)
    postfix.stop("postfix")
    postfix.start("postfix")
    postfix.keryx("queue", "flush")
    wait_for(lambda: subject in inbox(pods, BOB), "Bob's inbox shows it", 60)


def learnt(pods: Pods) -> int:
    """Return how many messages the filter has learnt."""
    controller = pods.pod("rspamd").site.rspamd_controller
    answer = network.exchange(controller, b"GET /stat HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2]
    return int(json.loads(answer)["total_learns"])


def test_what_is_moved_to_junk_teaches_the_filter_of_another_pod(pods: Pods) -> None:
    first = submit(pods, ALICE, BOB)
    wait_for(lambda: first in inbox(pods, BOB), "Bob's inbox shows it", 60)
    before = learnt(pods)
    with session(pods, BOB) as client:
        client.select("INBOX")
        assert client.append("Junk", "", "", letter("spam", prose()).as_bytes())[0] == "OK"
    wait_for(lambda: learnt(pods) > before, "the filter has learnt it", 60)
