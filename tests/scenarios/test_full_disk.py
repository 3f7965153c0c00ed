"""The disk is full: mail is put off and never lost, clients are told, and once there is room again
everything goes on by itself."""

from __future__ import annotations

import contextlib
import imaplib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from keryx.core.process import run
from keryx.host import leftovers
from tests.clients import arrives, imap, letter, lmtp
from tests.running import Suite, wait_for
from tests.wire import Wire, send
from tests.world import token

SENDER = "friend@ext.test"
MIB = 1 << 20


@pytest.fixture(scope="module")
def small() -> Iterator[Suite]:
    """A suite whose home is a file system of its own, a small one."""
    home = Path(tempfile.mkdtemp(prefix="keryx-", dir="/tmp"))
    run(["mount", "-t", "tmpfs", "-o", "size=500m,mode=0755", "tmpfs", home])
    suite = Suite.create(home)
    try:
        suite.up()
        yield suite
    finally:
        (home / "filler").unlink(missing_ok=True)
        suite.keryx("down", check=False)
        run(["umount", "--lazy", home])
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def filled(suite: Suite, *, free: int = 0) -> Iterator[None]:
    """Run the block while the disk has so many bytes left."""
    filler = suite.home / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while (room := shutil.disk_usage(suite.home).free) > free:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), min(room - free, MIB))
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def standing_still(suite: Suite, name: str) -> Iterator[None]:
    """Run the block while the home's processes of this name do nothing."""
    chosen = [process for process in leftovers.find(suite.home) if process.name() == name]
    assert chosen, name
    for process in chosen:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in chosen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def test_mail_is_put_off_while_there_still_is_room_for_what_was_taken(small: Suite) -> None:
    login, subject = small.account("alice"), token()
    with filled(small, free=50 * MIB):
        with Wire(small.port("smtp")) as wire:
            assert wire.envelope(SENDER, login[0])[0].startswith("452 4.3.1")
        told = small.keryx("doctor", check=False).stdout
        assert "Mail is being refused for now (452)" in told
    assert send(small, letter(subject), login[0]).startswith("250")
    arrives(small, login, subject)


def test_what_was_taken_waits_for_room_in_the_store(small: Suite) -> None:
    login, subject = small.account("alice"), token()
    with contextlib.ExitStack() as disk:
        with standing_still(small, "lmtp"):
            assert send(small, letter(subject), login[0]).startswith("250")
            disk.enter_context(filled(small))
        wait_for(lambda: "status=deferred" in small.log("postfix"), "the delivery is put off")
        assert "status=bounced" not in small.log("postfix")
    small.keryx("queue", "flush")
    arrives(small, login, subject)
    wait_for(lambda: not small.json("queue", "list"), "the queue is empty")


def test_the_store_says_that_there_is_no_room(small: Suite) -> None:
    login = small.account("alice")
    with filled(small):
        code, _ = lmtp(small, login[0], letter(token()))
        assert 400 <= code < 500
        with imap(small, *login) as client:
            status, text = client.append(
                "INBOX", "", imaplib.Time2Internaldate(0), letter(token()).as_bytes()
            )
            assert status == "NO", text
            assert client.noop()[0] == "OK"
    with imap(small, *login) as client:
        assert client.append("INBOX", "", imaplib.Time2Internaldate(0), letter("fits").as_bytes())[0] == "OK"


def test_an_account_is_made_whole_or_not_at_all(small: Suite) -> None:
    with filled(small):
        done = small.keryx(
            "user", "add", "late@example.org", "--password-stdin", input="correct horse 1\n", check=False
        )
    assert "Traceback" not in done.stderr
    shown = small.keryx("user", "show", "late@example.org", check=False)
    assert (shown.returncode == 0) == (done.returncode == 0)
    small.account("later")


def test_every_daemon_is_still_there(small: Suite) -> None:
    wait_for(lambda: small.keryx("status", check=False).returncode == 0, "all are ready")
