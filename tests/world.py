"""A suite with a world outside: names served by the suite's own resolver, a server of the test
at a loopback address behind them, and users who submit mail to it."""

from __future__ import annotations

import random
import smtplib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from keryx.core import network
from keryx.core.process import run
from tests.running import Suite

RECORDS = """\
  records:
    - "ext.test. 300 IN MX 10 mx.ext.test."
    - "mx.ext.test. 300 IN A {address}"
    - "good.test. 300 IN A {address}"
    - "smart.ext.test. 300 IN A {address}"
    - "7.100.51.198.in-addr.arpa. 300 IN PTR good.test."
"""
"""The last lines of keryx.yaml, below ``unbound``."""


@dataclass
class World:
    """A suite with a world outside."""

    suite: Suite
    address: str
    """Where the servers of the outside listen."""
    yaml: str
    """keryx.yaml as it is between the tests."""

    @contextmanager
    def settings(self, more: str, records: str = "") -> Iterator[None]:
        """Run the block with these lines added to keryx.yaml, and ``records`` to its last list."""
        try:
            self._bring_to(self.yaml + records + more)
            yield
        finally:
            self._bring_to(self.yaml)

    def _bring_to(self, text: str) -> None:
        (self.suite.home / "keryx.yaml").write_text(text)
        self.suite.__dict__.pop("site", None)
        self.suite.up()


@contextmanager
def strangers() -> Iterator[str]:
    """Give this machine addresses that are not its own in any mind but the kernel's: yields the
    first three numbers; 20 to 39 may follow (198.18.0.0/15 is for such tests, RFC 2544)."""
    network = f"198.18.{random.randint(0, 255)}"
    addresses = [f"{network}.{number}/32" for number in range(20, 40)]
    try:
        for address in addresses:
            run(["ip", "address", "add", address, "dev", "lo"])
        yield network
    finally:
        for address in addresses:
            run(["ip", "address", "delete", address, "dev", "lo"], check=False)


def token() -> str:
    """Return a word that no other test uses."""
    return uuid.uuid4().hex[:12]


def message(sender: str, subject: str, *headers: str) -> str:
    """Return a message as it stands on the wire."""
    lines = [f"From: {sender}", "To: far@ext.test", f"Subject: {subject}", *headers, "", "Hello.", ""]
    return "\r\n".join(lines)


def submit(
    suite: Suite, login: tuple[str, str], sender: str, to: str, text: str, port: str = "submission"
) -> None:
    """Submit as a mail program does; raises smtplib's errors."""
    tls = network.unverified_tls()
    if port == "submissions":
        client: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", suite.port(port), context=tls)
    else:
        client = smtplib.SMTP("127.0.0.1", suite.port(port), local_hostname="laptop.lan")
    with client:
        if port == "submission":
            client.starttls(context=tls)
        client.login(*login)
        client.sendmail(sender, [to], text.encode())


def proxy_header(client: str) -> bytes:
    """Return what a load balancer says about its client (PROXY protocol, version 1)."""
    return f"PROXY TCP4 {client} 203.0.113.1 40000 25\r\n".encode()
