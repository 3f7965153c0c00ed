"""A site that keeps no mail (``mailboxes: false``): programs submit, aliases lead elsewhere."""

from __future__ import annotations

import random
import smtplib
import socket
import uuid
from collections.abc import Iterator

import pytest

from keryx.core import network
from tests.clients import letter
from tests.parts import Parts, running
from tests.running import wait_for
from tests.sink import Sink, serving

SETTINGS = """\
domain: example.org
mailboxes: false
webmail: none
postmaster: boss@elsewhere.example
bind: [127.0.0.1]
unbound: {{offline: true}}
rspamd: {{greylisting: false}}
postfix:
  check_sender_domain: false
  greet_check: false
  dnsbl: []
  relayhost: {{host: {host}, port: {port}, tls: may}}
"""
PROGRAM = "printer@example.org"
NO_MAIL = b"5.2.1 <printer@example.org>: Recipient address rejected: This address does not accept mail"


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """Where everything goes."""
    with serving(Sink(f"127.54.{random.randint(0, 255)}.{random.randint(1, 254)}", 2525)) as made:
        yield made


@pytest.fixture(scope="module")
def parts(sink: Sink) -> Iterator[Parts]:
    names = ("openldap", "unbound", "redis", "rspamd", "dovecot", "postsrsd", "postfix")
    with running(SETTINGS.format(host=sink.host, port=sink.port), names) as made:
        made.keryx("domain", "add", "example.org")
        made.account(PROGRAM)
        made.keryx("alias", "add", "info@example.org", "--to", "somebody@elsewhere.example")
        yield made


def rcpt(parts: Parts, recipient: str) -> tuple[int, bytes]:
    """Ask from outside whether mail to an address is taken."""
    with smtplib.SMTP("127.0.0.1", parts.site.port("smtp") or 0, "elsewhere.example", timeout=60) as client:
        client.ehlo()
        client.mail("friend@elsewhere.example")
        return client.rcpt(recipient)


def test_a_program_submits_with_its_login(parts: Parts, sink: Sink) -> None:
    subject = f"printed {uuid.uuid4()}"
    port = parts.site.port("submissions") or 0
    with smtplib.SMTP_SSL("127.0.0.1", port, context=network.unverified_tls()) as client:
        client.login(PROGRAM, f"correct horse {PROGRAM}")
        client.sendmail(PROGRAM, ["customer@far.example"], letter(subject, From=PROGRAM).as_bytes())
    received = sink.wait(subject)
    assert (received.sender, received.recipients) == (PROGRAM, ("customer@far.example",))
    assert received.message["DKIM-Signature"]


def test_no_account_receives_anything(parts: Parts) -> None:
    assert rcpt(parts, PROGRAM) == (550, NO_MAIL)
    assert rcpt(parts, "nobody@example.org")[0] == 550


def test_an_alias_leads_elsewhere_and_so_does_mail_for_the_postmaster(parts: Parts, sink: Sink) -> None:
    for address, target in (
        ("info@example.org", "somebody@elsewhere.example"),
        ("postmaster@example.org", "boss@elsewhere.example"),
    ):
        subject = f"forwarded {uuid.uuid4()}"
        port = parts.site.port("smtp") or 0
        with smtplib.SMTP("127.0.0.1", port, "elsewhere.example", timeout=60) as client:
            client.sendmail("friend@elsewhere.example", [address], letter(subject).as_bytes())
        received = sink.wait(subject)
        assert received.recipients == (target,)
        assert received.sender.startswith("SRS0=")


def test_nothing_serves_a_mailbox(parts: Parts) -> None:
    for number in (143, 993, 110, 995, 4190):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", number + parts.site.settings.port_offset), 5)


def test_keryx_tells_the_same(parts: Parts) -> None:
    told = parts.keryx("trace", PROGRAM).stdout
    assert "refused" in told
    wait_for(lambda: "queue is empty" in parts.keryx("queue", "list").stdout, "the queue is empty", 30)
