"""Memory of the idle suite by component, and the time from ``keryx up`` to ready.

Memory is the proportional set size of a component's processes (proc(5)): shared pages are shared
out, so that the sum is what the machine has less. Measured right after the start and after a
load, when every process that mail needs is there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench import load
from bench.delivery import say, working_folder
from bench.machine import sender_address
from bench.ports import Ports
from bench.suite import EXTRA, Suite
from bench.table import table
from bench.variant import Place

MIB = 2**20


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    messages: int = 200
    port: int = 14000


QUICK = Plan(messages=20)


@dataclass(frozen=True)
class Footprint:
    """What was found."""

    first_up: float
    """Seconds from ``keryx up`` in an empty home to ready, with the packages installed."""
    second_up: float
    """Seconds of ``keryx up`` when nothing is to be done."""
    restart: float
    """Seconds of ``keryx up`` after ``keryx down``."""
    started: dict[str, int]
    """Bytes by component after the start."""
    loaded: dict[str, int]
    """Bytes by component after the load."""


def measure(plan: Plan) -> Footprint:
    """Start a suite, look, load it, look again."""
    with sender_address() as sender, working_folder() as folder:
        suite = Suite("suite", "Keryx", filtered=True, extra=EXTRA)
        suite.prepare(Place(folder / "s", sender, plan.messages, Ports(plan.port).take()))
        try:
            say("starting the suite for the first time")
            first = _up(suite)
            second = _up(suite)
            started = _memory(suite)
            suite.fill()
            text = folder / "letter"
            text.write_text(load.letter())
            store = load.Store(suite.mail, plan.messages)
            say("loading it")
            load.send(*suite.smtp, store, text, messages=plan.messages, sessions=10)
            loaded = _memory(suite)
            suite.keryx("down")
            restart = _up(suite)
        finally:
            suite.stop()
    return Footprint(first, second, restart, started, loaded)


def _up(suite: Suite) -> float:
    began = time.monotonic()
    suite.keryx("up", timeout=600)
    return time.monotonic() - began


def _memory(suite: Suite) -> dict[str, int]:
    return {row["name"]: row["memory"] for row in suite.status()}


def report(found: Footprint) -> str:
    """Return the tables."""
    rows = [
        [name, f"{found.started[name] / MIB:.0f}", f"{found.loaded[name] / MIB:.0f}"]
        for name in found.started
    ]
    total = [sum(part.values()) / MIB for part in (found.started, found.loaded)]
    rows.append(["together", *(f"{value:.0f}" for value in total)])
    times = [
        ["first up, packages installed", f"{found.first_up:.1f}"],
        ["up again, nothing to do", f"{found.second_up:.1f}"],
        ["up after down", f"{found.restart:.1f}"],
    ]
    memory = table(["memory (PSS, MiB)", "after the start", "after a load"], rows)
    return f"{memory}\n\n{table(['keryx up', 'seconds'], times)}"


def as_json(found: Footprint) -> dict[str, object]:
    """Return the results for --json."""
    return {
        "first_up_seconds": found.first_up,
        "second_up_seconds": found.second_up,
        "up_after_down_seconds": found.restart,
        "memory_after_start": found.started,
        "memory_after_load": found.loaded,
    }
