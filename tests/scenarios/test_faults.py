"""Faults under load: whatever dies, a message answered 250 is in its mailbox in the end.

A sender hands in numbered messages without pause and writes down which ones got their 250.
Meanwhile daemons are killed. Afterwards the written-down ones are counted in the mailbox.
"""

from __future__ import annotations

import contextlib
import functools
import imaplib
import json
import os
import re
import shutil
import smtplib
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from keryx.host import leftovers
from tests.running import Suite, wait_for

DAEMONS = ("openldap", "unbound", "redis", "rspamd", "dovecot", "postsrsd", "postfix")
BODY = "Fault scenario. " * 60


class Load:
    """Sends numbered messages in the background; ``accepted`` are those that got 250."""

    def __init__(self, suite: Suite, address: str, senders: int = 3) -> None:
        self.accepted: set[str] = set()
        self.refused = 0
        self._suite, self._address = suite, address
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(senders)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, count: int = 15) -> None:
        """Return when so many further messages have been accepted."""
        goal = len(self.accepted) + count
        wait_for(lambda: len(self.accepted) >= goal, f"{count} more messages accepted", timeout=120)

    def _send(self, sender: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            token = f"token-{sender}-{number}-{os.getpid()}"
            try:
                with smtplib.SMTP("127.0.0.1", self._suite.port("smtp"), timeout=30) as client:
                    client.sendmail(
                        "load@example.net",
                        [self._address],
                        f"From: load@example.net\r\nTo: {self._address}\r\nSubject: {token}\r\n"
                        f"Message-ID: <{token}@example.net>\r\n"
                        f"Date: Mon, 1 Jun 2026 10:00:00 +0000\r\n\r\n{BODY}\r\n",
                    )
                    self.accepted.add(token)
            except (OSError, smtplib.SMTPException):
                self.refused += 1
                self._stop.wait(0.1)


def stored(suite: Suite, login: tuple[str, str]) -> set[str]:
    """Return the tokens in every folder of the account."""
    found: set[str] = set()
    with contextlib.suppress(OSError, imaplib.IMAP4.error), imap(suite, login) as client:
        for folder in ("INBOX", "Junk"):
            client.select(folder, readonly=True)
            _, answer = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            for part in answer:
                if isinstance(part, tuple):
                    found.update(re.findall(rb"token-[\d-]+".decode(), part[1].decode()))
    return found


@contextlib.contextmanager
def imap(suite: Suite, login: tuple[str, str]) -> Iterator[imaplib.IMAP4]:
    context = ssl.create_default_context(cafile=str(suite.home / "tls/ca.pem"))
    context.check_hostname = False
    client = imaplib.IMAP4_SSL("127.0.0.1", suite.port("imaps"), ssl_context=context)
    try:
        client.login(*login)
        yield client
    finally:
        client.shutdown()


def status(suite: Suite) -> dict[str, dict[str, Any]]:
    done = suite.keryx("status", "--json", check=False)
    return {row["name"]: row for row in json.loads(done.stdout)}


def main_pid(suite: Suite, name: str) -> int:
    return int(status(suite)[name]["pid"])


def has_new_pid(suite: Suite, name: str, old: int) -> bool:
    return main_pid(suite, name) not in (0, old)


def all_ready(suite: Suite) -> bool:
    return suite.keryx("status", check=False).returncode == 0


def expect_all(suite: Suite, load: Load, login: tuple[str, str]) -> None:
    """Every accepted message is in the mailbox, once what waits in the queue was delivered."""
    assert len(load.accepted) > 30, "there was a load to speak of"

    def missing() -> set[str]:
        suite.keryx("queue", "flush", check=False)
        return load.accepted - stored(suite, login)

    wait_for(lambda: not missing(), "every accepted message in the mailbox", timeout=120)


@pytest.fixture(scope="module")
def own() -> Iterator[Suite]:
    """A suite that may be broken."""
    home = Path(tempfile.mkdtemp(prefix="keryx-", dir="/tmp"))
    home.chmod(0o755)
    suite = Suite.create(home)
    suite.up()
    yield suite
    suite.keryx("down", check=False)
    shutil.rmtree(home, ignore_errors=True)


def test_every_killed_daemon_comes_back_and_no_accepted_message_is_lost(own: Suite) -> None:
    login = own.account("faults")
    with Load(own, login[0]) as load:
        load.wait_for_more()
        for name in DAEMONS:
            pid = main_pid(own, name)
            os.kill(pid, 9)
            wait_for(functools.partial(has_new_pid, own, name, pid), f"{name} again", 30)
            wait_for(functools.partial(all_ready, own), f"all ready after {name} was killed", 60)
            load.wait_for_more(5)
    expect_all(own, load, login)


def test_down_in_the_middle_of_delivery_loses_nothing(own: Suite) -> None:
    login = own.account("down")
    with Load(own, login[0]) as load:
        load.wait_for_more()
        own.keryx("down")
        own.up()
        load.wait_for_more()
    expect_all(own, load, login)


def test_a_power_cut_loses_nothing(own: Suite) -> None:
    login = own.account("power")
    with Load(own, login[0]) as load:
        load.wait_for_more()
        for process in leftovers.find(own.home):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        wait_for(lambda: not leftovers.find(own.home), "everything dead", 10)
        own.up()
        load.wait_for_more()
    expect_all(own, load, login)
