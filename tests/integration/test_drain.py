"""A pod that is told to end finishes what it has begun: nothing is lost, nothing comes twice."""

from __future__ import annotations

import concurrent.futures
import contextlib
import imaplib
import itertools
import os
import signal
import smtplib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence

import psutil
import pytest

from keryx.components.postfix import commands
from keryx.core import network
from tests.clients import letter, subjects
from tests.parts import Parts
from tests.pods import Pods, release
from tests.running import wait_for

SETTINGS = """\
domain: example.org
hostname: mail.example.org
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
    "rspamd": ["unbound", "rspamd"],
    "dovecot": ["dovecot"],
    "postfix": ["postsrsd", "rspamd", "dovecot", "postfix"],
    "admin": ["admin"],
}
SOMEBODY = "admin@example.org"
FRIEND = "friend@elsewhere.example"


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    with release(SETTINGS, HOSTS, ("admin", "rspamd")) as made:
        for name in ("openldap", "postgresql"):
            made.start(name)
        made.pod("admin").keryx("init")
        for name in ("redis", "rspamd", "dovecot", "postfix"):
            made.start(name)
        yield made


@pytest.fixture
def postfix(pods: Pods) -> Iterator[Parts]:
    """The pod of Postfix; Postfix itself runs before and after."""
    parts = pods.pod("postfix")
    yield parts
    with contextlib.suppress(KeyError):
        parts.stop("postfix")
    parts.start("postfix", parent=True)


@pytest.fixture
def dovecot(pods: Pods) -> Iterator[Parts]:
    """The pod of the store, which runs before and after."""
    parts = pods.pod("dovecot")
    yield parts
    with contextlib.suppress(KeyError):
        parts.stop("dovecot")
    parts.start("dovecot", parent=True)


@contextlib.contextmanager
def ending(parts: Parts, name: str) -> Iterator[None]:
    """Tell a parent to end; at the end of the block it must do so by itself, with status 0."""
    os.kill(parts.pid(name), signal.SIGTERM)
    yield
    assert parts.ended(name) == 0


@contextlib.contextmanager
def frozen(parts: Parts, name: str) -> Iterator[None]:
    """Let the processes of that name of a pod's Dovecot do nothing during the block."""
    found = [
        process
        for process in psutil.Process(parts.pid("dovecot")).children(recursive=True)
        if f"/{name}" in " ".join(process.cmdline())
    ]
    assert found
    for process in found:
        process.suspend()
    try:
        yield
    finally:
        for process in found:
            process.resume()


def smtp(parts: Parts) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", parts.site.port("smtp") or 0, "elsewhere.example", timeout=30)
    client.ehlo()
    return client


def send(parts: Parts, subject: str) -> None:
    with smtp(parts) as client:
        client.sendmail(FRIEND, [SOMEBODY], letter(subject).as_bytes())


def in_data(client: smtplib.SMTP, subject: str) -> None:
    """Send the beginning of a message."""
    client.mail(FRIEND)
    client.rcpt(SOMEBODY)
    assert client.docmd("DATA")[0] == 354
    client.send(f"Subject: {subject}\r\nFrom: {FRIEND}\r\n\r\nThe beginn")


@contextlib.contextmanager
def session(pods: Pods) -> Iterator[imaplib.IMAP4]:
    port = pods.pod("dovecot").site.port("imaps") or 0
    password = (pods.folder / "secrets/administrator").read_text()
    client = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=network.unverified_tls(), timeout=30)
    try:
        client.login(SOMEBODY, password)
        client.select()
        yield client
    finally:
        client.shutdown()


def inbox(pods: Pods) -> Sequence[str]:
    with session(pods) as client:
        return subjects(client)


def refuses(parts: Parts, name: str) -> bool:
    """Whether a public port takes no connection."""
    with contextlib.suppress(Exception):
        network.connect(
            network.Endpoint(host="127.0.0.1", port=parts.site.port(name) or 0), timeout=2
        ).close()
        return False
    return True


def test_a_delivery_under_way_is_finished(pods: Pods, postfix: Parts) -> None:
    subject = f"slow {uuid.uuid4().hex[:8]}"
    store = pods.pod("dovecot")
    with frozen(store, "lmtp"):
        send(postfix, subject)
        wait_for(lambda: [m.queue for m in commands.list_messages(postfix.site)] == ["active"], "it is tried")
        os.kill(postfix.pid("postfix"), signal.SIGTERM)
        wait_for(lambda: refuses(postfix, "smtp"), "port 25 is closed")
    assert postfix.ended("postfix") == 0
    assert inbox(pods).count(subject) == 1
    postfix.start("postfix", parent=True)
    wait_for(lambda: not commands.list_messages(postfix.site), "the queue is empty")
    assert inbox(pods).count(subject) == 1


def test_a_message_that_is_being_sent_is_taken(pods: Pods, postfix: Parts) -> None:
    subject = f"half {uuid.uuid4().hex[:8]}"
    with smtp(postfix) as client:
        in_data(client, subject)
        with ending(postfix, "postfix"):
            wait_for(lambda: refuses(postfix, "smtp"), "port 25 is closed")
            client.send("ing and the end.\r\n.\r\n")
            assert client.getreply()[0] == 250
    assert inbox(pods).count(subject) == 1


def test_a_client_who_says_nothing_is_not_waited_for(postfix: Parts) -> None:
    with smtp(postfix) as client:
        begun = time.monotonic()
        assert postfix.stop("postfix") == 0
        assert time.monotonic() - begun < 15
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()
        client.close()


def test_what_waits_goes_on_waiting(postfix: Parts) -> None:
    def waiting() -> list[str]:
        return [message.queue for message in commands.list_messages(postfix.site)]

    # Nobody listens there.
    with smtplib.SMTP("127.0.0.1", postfix.site.internal_smtp.port, timeout=30) as client:
        client.sendmail(SOMEBODY, ["somebody@[127.99.0.9]"], letter("later").as_bytes())
    wait_for(lambda: waiting() == ["deferred"], "it waits", 60)
    assert postfix.stop("postfix") == 0
    postfix.start("postfix", parent=True)
    assert waiting() == ["deferred"]
    commands.delete(postfix.site, [message.id for message in commands.list_messages(postfix.site)])


def test_under_load_what_was_taken_arrives_once_and_nothing_else_does(pods: Pods, postfix: Parts) -> None:
    run = uuid.uuid4().hex[:8]
    numbers, taken, over = itertools.count(), set[str](), threading.Event()

    def client() -> None:
        while not over.is_set():
            subject = f"load {run} {next(numbers)}"
            with contextlib.suppress(smtplib.SMTPException, OSError), smtp(postfix) as connection:
                connection.sendmail(FRIEND, [SOMEBODY], letter(subject).as_bytes())
                taken.add(subject)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(client)
        try:
            wait_for(lambda: len(taken) > 40, "messages are taken", 60)
            with ending(postfix, "postfix"):
                wait_for(lambda: refuses(postfix, "smtp"), "port 25 is closed")
        finally:
            over.set()
    postfix.start("postfix", parent=True)
    wait_for(lambda: not commands.list_messages(postfix.site), "the queue is empty", 60)
    arrived = Counter(subject for subject in inbox(pods) if subject.startswith(f"load {run}"))
    assert arrived == Counter(taken)


def answer(client: imaplib.IMAP4, tag: bytes) -> bytes:
    """Return the line that ends a command."""
    while line := client.readline():
        if line.startswith(tag):
            return line
    return b""


def test_commands_under_way_are_finished_and_idle_sessions_are_told(pods: Pods, dovecot: Parts) -> None:
    subject = f"append {uuid.uuid4().hex[:8]}"
    head = f"Subject: {subject}\r\n\r\n".encode()
    with session(pods) as idle, session(pods) as quiet, session(pods) as appends, session(pods) as fetches:
        idle.send(b"i1 IDLE\r\n")
        assert idle.readline().startswith(b"+ ")
        appends.append(
            "INBOX", "", "", b"Subject: big\r\n\r\n" + (b"0123456789abcdef" * 4 + b"\r\n") * (1 << 18)
        )
        appends.send(b"a1 APPEND INBOX {%d}\r\n" % (len(head) + 2000))
        assert appends.readline().startswith(b"+ ")
        appends.send(head + b"a" * 1000)
        fetches.noop()
        fetches.send(b"f1 FETCH * BODY.PEEK[]\r\n")
        wait_for(lambda: at_work(dovecot) >= {"APPEND", "FETCH", "IDLE"}, "both are at it")

        os.kill(dovecot.pid("dovecot"), signal.SIGTERM)
        wait_for(lambda: refuses(dovecot, "imaps"), "the port is closed")
        for client in (idle, quiet):
            assert b"* BYE" in client.sock.recv(1000)
        assert at_work(dovecot) >= {"APPEND", "FETCH"}
        appends.send(b"a" * 1000 + b"\r\n")
        assert answer(appends, b"a1").startswith(b"a1 OK")
        assert answer(fetches, b"f1").startswith(b"f1 OK")
    assert dovecot.ended("dovecot") == 0
    dovecot.start("dovecot", parent=True)
    assert inbox(pods).count(subject) == 1


def at_work(parts: Parts) -> set[str]:
    """Return the commands at which the sessions are."""
    beginning = f"dovecot-keryx-{parts.site.settings.port_offset}/imap ["
    titles = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    words = [title.rstrip("] ").split() for title in titles if title.startswith(beginning)]
    return {found[3] for found in words if len(found) > 3}
