"""SMTP in to stored mailbox: messages per second of several configurations, interleaved.

Every round loads each configuration in turn, so that whatever else the machine does meets all of
them; results are medians over the rounds, ratios are taken within a round.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import accounting, load
from bench.load import Run, Store
from bench.machine import sender_address
from bench.ports import Ports
from bench.services import Services
from bench.stock import Shape, Stock
from bench.suite import Suite
from bench.table import median, table
from bench.variant import Place, Variant

FLOOR = "floor"
FLOOR_TITLE = "F: static maps, no filter, stock settings"

PATIENCE = 180.0
"""Seconds that a configuration may work on after its first messages."""
RESTING = 0.15
"""The share of a processor that daemons use which have nothing to do."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 3
    messages: int = 300
    sessions: Sequence[int] = (1, 10, 50)
    port: int = 14000

    def count(self, sessions: int) -> int:
        """Return the messages of one load: one session is slow enough with fewer."""
        return self.messages if sessions > 1 else max(1, self.messages // 3)


QUICK = Plan(rounds=1, messages=60, sessions=(1, 10))

PEER = Shape(maps="ldap", milter="inet", userdb="ldap", tachydromos=True)


def variants(services: Services) -> list[Variant]:
    """Return what is compared."""
    return [
        Stock(FLOOR, FLOOR_TITLE, Shape(), services),
        Suite("suite-unfiltered", "Keryx without the filter", filtered=False),
        Suite("suite", "Keryx as shipped", filtered=True),
        Stock("tachydromos", "Tachydromos 1.1.0's settings", PEER, services),
        Stock(
            "python-maps",
            "a map daemon in Python over HTTP, stock filter",
            Shape(maps="socketmap", milter="inet"),
            services,
        ),
    ]


def causes(services: Services) -> list[Variant]:
    """Return the peer's settings with one thing changed at a time: where the multiple comes from."""
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("peer", "Tachydromos 1.1.0's settings", {}),
        ("peer-unix", "… milter on a Unix socket", {"milter": "unix"}),
        ("peer-proxymap", "… maps through proxymap", {"maps": "proxy:ldap"}),
        ("peer-scanners", "… two filter processes", {"scanners": 2}),
        ("peer-lmtp", "… LMTP over a Unix socket", {"lmtp": "unix"}),
        ("peer-unfiltered", "… no filter", {"milter": ""}),
        ("peer-pcre", "… filter without Hyperscan", {"hyperscan": False}),
        (
            "peer-all",
            "… the first four together",
            {"milter": "unix", "maps": "proxy:ldap", "scanners": 2, "lmtp": "unix"},
        ),
    ]
    shapes = [
        Stock(key, title, Shape(**{**_fields(PEER), **change}), services) for key, title, change in changes
    ]
    floors = [
        Stock(FLOOR, FLOOR_TITLE, Shape(), services),
        Stock("floor-unix", "F with LMTP over a Unix socket", Shape(lmtp="unix"), services),
        Stock(
            "floor-tuned",
            "… and without list index, quotas of Maildir++",
            Shape(lmtp="unix", counted=False),
            services,
        ),
    ]
    return [*floors, *shapes]


def _fields(shape: Shape) -> dict[str, Any]:
    return {name: getattr(shape, name) for name in shape.__dataclass_fields__}


@dataclass
class Cell:
    """What one configuration did with one number of sessions, round by round."""

    runs: list[Run] = field(default_factory=list)
    processor: list[dict[str, float]] = field(default_factory=list)
    """Milliseconds a message by daemon."""

    @property
    def rate(self) -> float:
        """Messages per second, the median."""
        return median([run.rate for run in self.runs])

    def to(self, base: Cell) -> float:
        """Return how it compares to another one: the median of the ratios within each round."""
        return median([run.rate / other.rate for run, other in zip(self.runs, base.runs, strict=True)])

    @property
    def lost(self) -> int:
        """Messages answered 250 that did not arrive, all rounds."""
        return sum(run.lost for run in self.runs)

    @property
    def milliseconds(self) -> dict[str, float]:
        """Processor milliseconds a message by daemon, medians."""
        names = {name for used in self.processor for name in used}
        return {name: median([used.get(name, 0.0) for used in self.processor]) for name in sorted(names)}


Results = dict[str, dict[int, Cell]]


def measure(
    chosen: Callable[[Services], list[Variant]], plan: Plan, only: Sequence[str] = ()
) -> tuple[list[Variant], Results]:
    """Start the configurations, load them in turn, stop them."""
    with sender_address() as sender, working_folder() as folder, contextlib.ExitStack() as stack:
        ports = Ports(plan.port)
        services = Services(folder, ports.take(), plan.messages)
        stack.callback(services.stop)
        services.start()
        tested = [item for item in chosen(services) if not only or item.key in {*only, FLOOR}]
        with started(tested, plan, Shared(sender, folder, ports)):
            return tested, compare(tested, plan, folder)


@dataclass(frozen=True)
class Shared:
    """What the configurations of one run share."""

    sender: str
    folder: Path
    ports: Ports


@contextlib.contextmanager
def started(tested: Sequence[Variant], plan: Plan, shared: Shared) -> Iterator[None]:
    """Run these configurations while the block does."""
    with contextlib.ExitStack() as stack:
        for number, variant in enumerate(tested):
            say(f"starting {variant.title}")
            stack.callback(variant.stop)
            place = Place(shared.folder / f"v{number}", shared.sender, plan.messages, shared.ports.take())
            variant.start(place)
        yield


def compare(tested: Sequence[Variant], plan: Plan, folder: Path) -> Results:
    """Load configurations that run in turn."""
    text = folder / "letter"
    text.write_text(load.letter())
    stores = {variant.key: Store(variant.mail, plan.messages) for variant in tested}
    for variant in tested:
        # First deliveries make the mailboxes; postscreen gets to know the sender.
        say(f"warming up {variant.title}")
        _load(variant, stores[variant.key], text, plan.messages, 10)
    for variant in tested:
        _settle(variant)
    results: Results = {variant.key: {} for variant in tested}
    for number in range(plan.rounds):
        for sessions in plan.sessions:
            _round(tested, stores, text, plan, number, sessions, results)
    return results


def _settle(variant: Variant) -> None:
    """Wait until its daemons rest: a mailbox's first message has work follow that is done once."""
    deadline = time.monotonic() + PATIENCE
    before = sum(accounting.processor_seconds(variant.roots).values())
    while time.monotonic() < deadline:
        time.sleep(2)
        now = sum(accounting.processor_seconds(variant.roots).values())
        if now - before < RESTING * 2:
            return
        before = now
    say(f"{variant.title} still works {PATIENCE:.0f} s after its first messages")


def _round(
    tested: Sequence[Variant],
    stores: dict[str, Store],
    text: Path,
    plan: Plan,
    number: int,
    sessions: int,
    results: Results,
) -> None:
    # Another one goes first in each round.
    order = [*tested[number % len(tested) :], *tested[: number % len(tested)]]
    for variant in order:
        cell = results[variant.key].setdefault(sessions, Cell())
        before = accounting.processor_seconds(variant.roots)
        run = _load(variant, stores[variant.key], text, plan.count(sessions), sessions)
        after = accounting.processor_seconds(variant.roots)
        cell.runs.append(run)
        cell.processor.append(
            {name: (after[name] - before[name]) * 1000 / run.messages for name in variant.roots}
        )
        say(f"round {number + 1}, {sessions:2} sessions, {variant.key}: {run.rate:.0f}/s, lost {run.lost}")


def _load(variant: Variant, store: Store, text: Path, messages: int, sessions: int) -> Run:
    address, port = variant.smtp
    return load.send(address, port, store, text, messages=messages, sessions=sessions)


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """Give a folder that is removed at the end."""
    # Short, because of Unix sockets; open to the daemons' users on the way.
    with tempfile.TemporaryDirectory(prefix="kb-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def report(tested: Sequence[Variant], results: Results, sessions: Sequence[int]) -> str:
    """Return the tables."""
    head = ["configuration"]
    for number in sessions:
        head += [f"msg/s ({number})", f"to F ({number})"]
    head += ["CPU ms/msg", "lost"]
    busiest = 10 if 10 in sessions else sessions[-1]
    rows = []
    for variant in tested:
        cells = results[variant.key]
        row = [variant.title]
        for number in sessions:
            row += [f"{cells[number].rate:.0f}", f"{cells[number].to(results[FLOOR][number]):.2f}"]
        row += [
            f"{sum(cells[busiest].milliseconds.values()):.1f}",
            str(sum(cell.lost for cell in cells.values())),
        ]
        rows.append(row)
    daemons = sorted({name for variant in tested for name in results[variant.key][busiest].milliseconds})
    parts = []
    for variant in tested:
        used = results[variant.key][busiest].milliseconds
        parts.append([variant.title, *(f"{used[name]:.1f}" if name in used else "" for name in daemons)])
    first = table(head, rows)
    second = table([f"CPU ms/msg by daemon ({busiest} sessions)", *daemons], parts)
    return f"{first}\n\n{second}"


def as_json(tested: Sequence[Variant], results: Results) -> list[dict[str, Any]]:
    """Return the results for --json."""
    return [
        {
            "configuration": variant.key,
            "title": variant.title,
            "sessions": sessions,
            "messages_per_second": cell.rate,
            "ratio_to_floor": cell.to(results[FLOOR][sessions]),
            "cpu_ms_per_message": cell.milliseconds,
            "lost": cell.lost,
            "rounds": [run.rate for run in cell.runs],
        }
        for variant in tested
        for sessions, cell in results[variant.key].items()
    ]


def say(sentence: str) -> None:
    """Tell the person who waits; the table goes to standard output alone."""
    print(sentence, file=sys.stderr, flush=True)
