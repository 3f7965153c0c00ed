"""The virus scanner on real daemons, with a database of one signature."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from email.message import EmailMessage

import psutil
import pytest

from keryx.components.clamav.component import Clamav
from keryx.components.freshclam.component import Freshclam
from keryx.core import errors
from keryx.host import apt, packages
from tests import milter
from tests.parts import Parts, running
from tests.running import wait_for

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SETTINGS = """\
domain: example.org
clamav: {enabled: true}
unbound: {offline: true}
rspamd: {task_timeout: 5}
"""
DEFERRED = "451 4.7.1 The virus scanner is not available, try again later"


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    missing = packages.missing([Clamav(), Freshclam()])
    if missing:
        apt.install(missing)
    with running(SETTINGS, ["unbound", "redis", "rspamd"]) as parts:
        yield parts


def scan(parts: Parts, attachment: bytes) -> milter.Verdict:
    mail = EmailMessage()
    mail["From"] = "eve@remote.example"
    mail["To"] = "alice@example.org"
    mail["Subject"] = "As promised"
    mail["Date"] = "Sun, 22 Nov 2026 06:00:00 +0000"
    mail["Message-ID"] = "<2@remote.example>"
    mail.set_content("See the attached file.")
    mail.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="invoice.bin")
    path = parts.site.milter.path
    assert path is not None
    return milter.scan(path, mail.as_bytes(), client="127.0.0.1")


def test_nothing_passes_before_the_scanner_works_and_viruses_are_refused_then(parts: Parts) -> None:
    # No database yet: the scanner waits for it, says so, and mail is deferred.
    parts.start("clamav", ready=False)
    with pytest.raises(errors.NotReady) as caught:
        Clamav().ready(parts.site)
    assert "There is no virus database in" in caught.value.sentence
    assert "copy main.cvd" in caught.value.remedy
    assert scan(parts, b"harmless").reply == DEFERRED

    database = parts.site.paths.data("clamav") / "test.ndb"
    wait_for(database.parent.exists, "the folder of the database")
    database.write_text(f"Keryx.Test.EICAR:0:*:{EICAR.hex()}\n")
    parts.wait_ready("clamav")
    assert scan(parts, b"harmless").action == "accept"
    assert scan(parts, EICAR).reply == ("554 5.7.1 The message contains a virus: Keryx.Test.EICAR.UNOFFICIAL")


def test_a_frozen_scanner_defers_mail(parts: Parts) -> None:
    scanner = psutil.Process(parts.pid("clamav"))
    scanner.send_signal(signal.SIGSTOP)
    try:
        assert scan(parts, b"harmless, the second").reply.startswith("451 4.7.1 ")
    finally:
        scanner.send_signal(signal.SIGCONT)
    wait_for(lambda: scan(parts, b"harmless, the third").action == "accept", "the scanner answers again")


def test_a_stopped_scanner_defers_mail(parts: Parts) -> None:
    parts.stop("clamav")
    assert scan(parts, b"harmless, the fourth").reply == DEFERRED


def test_updates_start_without_a_way_to_the_internet(parts: Parts) -> None:
    parts.start("freshclam")
