"""Logins per second over IMAPS and submission, against the directory's own search rate.

Four clients, each a process of its own, log in and out again and again. TLS is always there, as
the suite refuses passwords in clear: measured with a full handshake each time and with resumed
sessions, as mail programs do. ``cold`` is the first login of each account, when the directory
verifies its password hash (Argon2); afterwards Dovecot remembers it for some seconds.
"""

from __future__ import annotations

import base64
import multiprocessing
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.daemons import BenchError
from bench.delivery import say, working_folder
from bench.directory import PASSWORD
from bench.load import DOMAIN
from bench.machine import sender_address
from bench.ports import Ports
from bench.suite import Suite
from bench.table import median, table
from bench.variant import Place
from keryx.core import process

CLIENTS = 4
EXTRA = """\
postfix:
  auth_rate_limit: 0
"""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 3
    logins: int = 400
    """Of each client in each round."""
    accounts: int = 40
    port: int = 14000


QUICK = Plan(rounds=1, logins=40, accounts=8)


@dataclass(frozen=True)
class Target:
    """A port to log in at."""

    protocol: str
    host: str
    port: int
    resume: bool
    """Whether TLS sessions are resumed."""


def measure(plan: Plan) -> dict[str, list[float]]:
    """Return what was done per second, round by round."""
    rates: dict[str, list[float]] = {}
    with sender_address() as sender, working_folder() as folder:
        suite = Suite("suite", "Keryx", filtered=True, extra=EXTRA)
        try:
            say("starting the suite")
            suite.start(Place(folder / "s", sender, plan.accounts, Ports(plan.port).take()))
            _measure(suite, sender, plan, rates)
        finally:
            suite.stop()
    return rates


def _measure(suite: Suite, sender: str, plan: Plan, rates: dict[str, list[float]]) -> None:
    names = [f"{number}u@{DOMAIN}" for number in range(1, plan.accounts + 1)]
    imaps, submissions = suite.site.port("imaps"), suite.site.port("submissions")
    assert imaps is not None
    assert submissions is not None
    cases = {
        "IMAP, full handshake": Target("imap", sender, imaps, resume=False),
        "IMAP, resumed TLS": Target("imap", sender, imaps, resume=True),
        "SMTP AUTH, full handshake": Target("smtp", sender, submissions, resume=False),
        "SMTP AUTH, resumed TLS": Target("smtp", sender, submissions, resume=True),
    }
    say("first logins")
    cold = _together(
        _log_in, [(cases["IMAP, full handshake"], names[part::CLIENTS]) for part in range(CLIENTS)]
    )
    rates["IMAP, cold: first login of an account"] = [cold]
    for number in range(plan.rounds):
        rates.setdefault("directory searches", []).append(_searches(suite, names, plan.logins * 5))
        for title, target in cases.items():
            work = [(target, _cycle(names[part:] + names[:part], plan.logins)) for part in range(CLIENTS)]
            rates.setdefault(title, []).append(_together(_log_in, work))
            say(f"round {number + 1}, {title}: {rates[title][-1]:.0f}/s")


def _cycle(names: Sequence[str], count: int) -> list[str]:
    return [names[place % len(names)] for place in range(count)]


def _together(function: Callable[[Any, list[str]], None], work: Sequence[tuple[Any, list[str]]]) -> float:
    """Run the pieces of work in processes side by side; return how many were done per second."""
    context = multiprocessing.get_context("fork")
    began = time.monotonic()
    clients = [context.Process(target=function, args=piece) for piece in work]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if any(client.exitcode for client in clients):
        raise BenchError("a client could not log in; see its traceback above")
    return sum(len(names) for _, names in work) / (time.monotonic() - began)


def _log_in(target: Target, names: list[str]) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    talk = _imap if target.protocol == "imap" else _smtp
    session = None
    for name in names:
        plain = socket.create_connection((target.host, target.port), timeout=60)
        stream = context.wrap_socket(plain, session=session)
        with stream, stream.makefile("rwb") as conversation:
            talk(conversation, name)
            if target.resume:
                session = stream.session


def _imap(conversation: Any, name: str) -> None:
    _expect(conversation.readline(), b"* OK")
    _say(conversation, f'a LOGIN {name} "{PASSWORD}"')
    _expect(_last(conversation, b"a "), b"a OK")
    _say(conversation, "b LOGOUT")
    _last(conversation, b"b ")


def _smtp(conversation: Any, name: str) -> None:
    _expect(_last(conversation, b"220 "), b"220")
    _say(conversation, "EHLO client.sender.test")
    _expect(_last(conversation, b"250 "), b"250")
    _say(conversation, "AUTH PLAIN " + base64.b64encode(f"\0{name}\0{PASSWORD}".encode()).decode())
    _expect(conversation.readline(), b"235")
    _say(conversation, "QUIT")
    conversation.readline()


def _say(conversation: Any, line: str) -> None:
    conversation.write(line.encode() + b"\r\n")
    conversation.flush()


def _last(conversation: Any, start: bytes) -> bytes:
    while line := conversation.readline():
        if line.startswith(start):
            return bytes(line)
    return b""


def _expect(line: bytes, start: bytes) -> None:
    if not line.startswith(start):
        raise BenchError(f"the server says {line!r}")


def _searches(suite: Suite, names: Sequence[str], count: int) -> float:
    """Return searches per second of four ldapsearch processes, each on one connection, as the reader."""
    site = suite.site
    path = suite.home / "names"
    path.write_text("\n".join(_cycle(names, count)) + "\n")
    secret = suite.home / "secrets" / "bench-reader"
    secret.write_text(site.reader_password.reveal())
    secret.chmod(0o600)
    argv = ["ldapsearch", "-x", "-LLL", "-H", site.ldapi, "-D", site.directory.bind_dn, "-y", str(secret)]
    argv += ["-b", site.directory.user_base, "-f", str(path), "(&(objectClass=mailAccount)(mail=%s))", "mail"]
    try:
        return _together(_search, [(argv, [""] * count) for _ in range(CLIENTS)])
    finally:
        secret.unlink()


def _search(argv: list[str], names: list[str]) -> None:
    process.run(argv, timeout=600)


def report(rates: dict[str, list[float]]) -> str:
    """Return the table."""
    searches = median(rates["directory searches"])
    rows = [
        [title, f"{median(values):.0f}", f"{median(values) / searches:.3f}"]
        for title, values in rates.items()
    ]
    return table([f"{CLIENTS} clients", "per second", "to searches"], rows)


def as_json(rates: dict[str, list[float]]) -> dict[str, object]:
    """Return the results for --json."""
    return {title: {"per_second": median(values), "rounds": values} for title, values in rates.items()}
