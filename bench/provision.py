"""Accounts per second through ``keryx user import``, and lookups in a small and a large directory.

Two suites stand side by side, one with 100 accounts and one with 100,000, and are asked in turn:
by postmap(1) through proxymap, as Postfix's own processes do, and by RCPT commands on port 25,
with everything that a recipient is checked for.
"""

from __future__ import annotations

import random
import smtplib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import directory
from bench.daemons import BenchError
from bench.delivery import say, working_folder
from bench.load import DOMAIN, SENDER
from bench.machine import sender_address
from bench.ports import Ports
from bench.suite import Suite
from bench.table import median, table
from bench.variant import Place
from keryx.core import password, process
from keryx.core.secret import Secret


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    imported: int = 10000
    hashed: int = 200
    """Accounts imported with a plain password, which Keryx must hash."""
    small: int = 100
    large: int = 100000
    rounds: int = 5
    lookups: int = 2000
    recipients: int = 300
    port: int = 14000


QUICK = Plan(imported=100, hashed=5, small=20, large=500, rounds=1, lookups=100, recipients=20)


@dataclass
class Provision:
    """What was found."""

    imports: dict[str, float] = field(default_factory=dict)
    """Accounts per second, by kind of import."""
    lookups: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    """Lookups per second by kind and number of accounts, round by round."""


def measure(plan: Plan) -> Provision:
    """Import accounts, then ask a small and a large directory in turn."""
    found = Provision()
    with sender_address() as sender, working_folder() as folder:
        small = Suite("small", "small", filtered=True)
        large = Suite("large", "large", filtered=True)
        ports = Ports(plan.port)
        try:
            say("starting two suites")
            small.start(Place(folder / "s", sender, plan.small, ports.take()))
            large.start(Place(folder / "l", sender, 1, ports.take()))
            fill(large, plan.large)
            for number in range(plan.rounds):
                say(f"lookups, round {number + 1}")
                for suite, accounts in ((small, plan.small), (large, plan.large)):
                    _look_up(suite, accounts, plan, number, found)
            _import(small, plan, found)
        finally:
            small.stop()
            large.stop()
    return found


def fill(suite: Suite, accounts: int, *, first: int = 2) -> None:
    """Load the accounts with slapadd while the suite is down: minutes instead of hours."""
    say(f"loading {accounts} accounts with slapadd")
    suite.keryx("down")
    path = suite.home / "many.ldif"
    with path.open("w") as stream:
        stream.writelines(directory.entries(suite.site, first, accounts))
    config = suite.site.paths.etc("openldap") / "slapd.d"
    process.run(["slapadd", "-q", "-n", "1", "-F", str(config), "-l", str(path)], timeout=1800)
    path.unlink()
    process.run(["chown", "-R", "openldap:openldap", str(suite.site.paths.data("openldap") / "db")])
    suite.keryx("up", timeout=600)


def _look_up(suite: Suite, accounts: int, plan: Plan, number: int, found: Provision) -> None:
    chance = random.Random(number)
    names = [f"{chance.randint(1, accounts)}u@{DOMAIN}" for _ in range(plan.lookups)]
    for title, function, asked in (
        ("postmap through proxymap", _postmap, names),
        ("RCPT on port 25", _recipients, names[: plan.recipients]),
    ):
        began = time.monotonic()
        function(suite, asked)
        rate = len(asked) / (time.monotonic() - began)
        found.lookups.setdefault(title, {}).setdefault(accounts, []).append(rate)


def _postmap(suite: Suite, names: Sequence[str]) -> None:
    etc = suite.site.paths.etc("postfix")
    argv = ["postmap", "-c", str(etc), "-q", "-", f"proxy:ldap:{etc}/ldap/recipients.cf"]
    answers = process.run(argv, input="\n".join(names) + "\n", timeout=600).stdout.splitlines()
    if len(answers) != len(names):
        raise BenchError(f"postmap found {len(answers)} of {len(names)} accounts")


def _recipients(suite: Suite, names: Sequence[str]) -> None:
    with smtplib.SMTP(*suite.smtp, local_hostname="client.sender.test", timeout=120) as client:
        client.ehlo()
        client.mail(SENDER)
        for name in names:
            code, text = client.rcpt(name)
            if code != 250:
                raise BenchError(f"RCPT {name}: {code} {text.decode(errors='replace')}")
        client.rset()


def _import(suite: Suite, plan: Plan, found: Provision) -> None:
    stored = password.hashed(Secret(directory.PASSWORD))

    def hashed(number: int) -> str:
        return f"h{number}@{DOMAIN},Person {number},,{stored!r},1024".replace("'", '"')

    def plain(number: int) -> str:
        return f"p{number}@{DOMAIN},Person {number},{directory.PASSWORD} {number},,1024"

    cases: list[tuple[str, int, Callable[[int], str]]] = [
        ("with the passwords' hashes", plan.imported, hashed),
        ("the same again, nothing to do", plan.imported, hashed),
        ("with passwords to be hashed", plan.hashed, plain),
    ]
    for title, count, line in cases:
        say(f"importing {count} accounts {title}")
        path = _csv(suite.home / "accounts.csv", [line(number) for number in range(count)])
        began = time.monotonic()
        suite.keryx("user", "import", str(path), timeout=3600)
        found.imports[title] = count / (time.monotonic() - began)
        path.unlink()


def _csv(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("address,name,password,password_hash,quota\n" + "\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def report(found: Provision) -> str:
    """Return the tables."""
    imports = [[title, f"{rate:.0f}"] for title, rate in found.imports.items()]
    sizes = sorted({size for rates in found.lookups.values() for size in rates})
    rows = []
    for title, rates in found.lookups.items():
        each = [f"{median(rates[size]):.0f}" for size in sizes]
        rows.append([title, *each, f"{ratio(rates):.2f}"])
    head = ["lookups per second", *(f"{size} accounts" for size in sizes), "ratio"]
    return f"{table(['keryx user import', 'accounts/s'], imports)}\n\n{table(head, rows)}"


def ratio(rates: dict[int, list[float]]) -> float:
    """Return how the large directory compares to the small one, the median of the rounds."""
    small, large = sorted(rates)
    return median([many / few for few, many in zip(rates[small], rates[large], strict=True)])


def as_json(found: Provision) -> dict[str, object]:
    """Return the results for --json."""
    return {
        "import_accounts_per_second": found.imports,
        "lookups_per_second": {
            title: {str(size): median(values) for size, values in rates.items()}
            for title, rates in found.lookups.items()
        },
        "ratio_large_to_small": {title: ratio(rates) for title, rates in found.lookups.items()},
    }
