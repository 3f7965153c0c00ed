"""A release in containers: sizes of the images, seconds until ready, idle memory, speed against a machine's.

The load is that of ``delivery`` ("Keryx as shipped"). It meets the release, a suite on this machine and,
where this is no Debian 13, a suite on the images' own Debian 13 daemons in a root of it: containers are
to be compared with that one. All get the same names from their own resolvers, without the Internet, and
see the same foreign sender.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench import delivery, trixie
from bench.containers import ORDER, Containers, Release, Watch, layers, memory
from bench.daemons import BenchError
from bench.delivery import Results, Shared, say, working_folder
from bench.machine import sender_address
from bench.ports import Ports
from bench.suite import Suite
from bench.table import table
from bench.trixie import Trixie
from bench.variant import Variant
from tests import podman

MIB = 2**20
TARGET = 0.9
Layers = Mapping[str, Sequence[tuple[str, int]]]
"""The layers of each image with their bytes."""
SYMBOL = re.compile(r"[\[,]([A-Z][A-Z0-9_]+)\(")


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    load: delivery.Plan = field(default_factory=lambda: delivery.Plan(rounds=9, sessions=(1, 10)))
    settle: float = 60
    """Seconds between the last pod's readiness and the look at the memory."""


QUICK = Plan(delivery.Plan(rounds=1, messages=60, sessions=(1, 10)), settle=10)


@dataclass(frozen=True)
class Images:
    """What was found. Components are named by pod and container, ``postfix/unbound``."""

    layers: Layers
    together: Mapping[str, float]
    """Seconds from the pod's start to ready, all pods started for the first time."""
    whole: float
    """Seconds from the first pod's start until the last one was ready, with the job that sets up."""
    alone: Mapping[str, float]
    """Seconds to ready of pods that are restarted while the others run."""
    memory: Mapping[str, tuple[int, int]]
    """Bytes, and those of ``keryx run`` in it."""
    tested: Sequence[Variant]
    speed: Results
    symbols: Mapping[str, frozenset[str]]
    """What the filter found in the last message, by configuration."""

    @property
    def base(self) -> str:
        """The configuration that differs from the release by the containers only."""
        return self.tested[-2].key


def measure(plan: Plan) -> Images:
    """Build, start, look, restart, load."""
    try:
        say("building the images (minutes when they are not there)")
        podman.build()
        found = layers()
        release = Release.render()
        try:
            return _measure(plan, found, release)
        finally:
            release.cluster.remove()
    except AssertionError as error:
        # What is shared with the tests says so.
        raise BenchError(str(error)) from error


def _measure(plan: Plan, found: Layers, release: Release) -> Images:
    together, whole = _start(release)
    say(f"ready after {whole:.0f} s; looking at the memory in {plan.settle:.0f} s")
    time.sleep(plan.settle)
    used = memory(release)
    alone = _restart(release)
    tested = _variants(release)
    with (
        sender_address() as sender,
        working_folder() as folder,
        delivery.started(tested, plan.load, Shared(sender, folder, Ports(plan.load.port))),
    ):
        for one in tested:
            if isinstance(one, Suite):
                say(f"making the folders of {one.title}")
                one.make_folders()
        speed = delivery.compare(tested, plan.load, folder)
        findings = {one.key: symbols(_filter_log(one)) for one in tested}
    return Images(found, together, whole, alone, used, tested, speed, findings)


def _start(release: Release) -> tuple[Mapping[str, float], float]:
    """Start all pods and the job that sets up; return the components' seconds and those of all."""
    say("starting the release")
    watch, began = Watch(release), time.monotonic()
    for pod in ORDER:
        watch.start(pod)
    release.cluster.run_job(release.name("init-1"))
    watch.wait()
    return watch.seconds, time.monotonic() - began


def _restart(release: Release) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for pod in ORDER:
        say(f"restarting {pod}")
        release.stop(pod)
        watch = Watch(release)
        watch.start(pod)
        watch.wait()
        found |= watch.seconds
    # Who lost something for a moment is ready again.
    for pod in ORDER:
        release.wait_ready(pod)
    return found


def _variants(release: Release) -> list[Variant]:
    machine = Suite("machine", "a suite on this machine", filtered=True)
    like = Trixie("trixie", "a suite on the images' daemons (Debian 13), no containers", filtered=True)
    return [machine, *([] if trixie.is_here() else [like]), Containers(release)]


def _filter_log(variant: Variant) -> str:
    if isinstance(variant, Containers):
        return variant.release.log("rspamd")
    assert isinstance(variant, Suite)
    return variant.site.paths.log("rspamd").read_text(errors="replace")


def symbols(log: str) -> frozenset[str]:
    """Return the names of what the filter found in the last message of its log."""
    lines = [line for line in log.splitlines() if "rspamd_task_write_log" in line]
    return frozenset(SYMBOL.findall(lines[-1])) if lines else frozenset()


# --- report


def report(found: Images) -> str:
    """Return the tables."""
    parts = (_sizes(found), _components(found), _speed(found), _processor(found), _alike(found))
    return "\n\n".join(parts)


def sizes(layers: Layers) -> dict[str, tuple[int, int]]:
    """Return the bytes of each image, and those of layers that no other image has."""
    users = Counter(digest for one in layers.values() for digest, _ in one)
    return {
        name: (sum(size for _, size in one), sum(size for digest, size in one if users[digest] == 1))
        for name, one in layers.items()
    }


def totals(layers: Layers) -> tuple[int, int]:
    """Return the bytes of the layers that all images share, and of every layer counted once."""
    users = Counter(digest for one in layers.values() for digest, _ in one)
    once = {digest: size for one in layers.values() for digest, size in one}
    everywhere = sum(size for digest, size in once.items() if users[digest] == len(layers))
    return everywhere, sum(once.values())


def _sizes(found: Images) -> str:
    rows = [[name, _mib(whole), _mib(own)] for name, (whole, own) in sizes(found.layers).items()]
    shared, together = totals(found.layers)
    rows += [["layers that all have", _mib(shared), ""], ["together, each layer once", _mib(together), ""]]
    return table(["image (unpacked, MiB)", "size", "in no other image"], rows)


def _components(found: Images) -> str:
    rows = [
        [name, f"{found.together[name]:.1f}", f"{found.alone[name]:.1f}", _mib(whole), _mib(parent)]
        for name, (whole, parent) in found.memory.items()
    ]
    whole, parents = (sum(pair[place] for pair in found.memory.values()) for place in (0, 1))
    rows.append(["the whole release", f"{found.whole:.1f}", "", _mib(whole), _mib(parents)])
    head = ["pod/container", "s to ready, all at once", "s, restarted alone", "PSS, MiB", "of it keryx run"]
    return table(head, rows)


def _speed(found: Images) -> str:
    head, rows = ["deliveries"], []
    sessions = sorted(found.speed[found.base])
    for number in sessions:
        head += [f"msg/s ({number})", f"release to it ({number})"]
    release = found.speed[found.tested[-1].key]
    for variant in found.tested:
        cells, row = found.speed[variant.key], [variant.title]
        for number in sessions:
            row += [f"{cells[number].rate:.0f}", f"{release[number].to(cells[number]):.2f}"]
        rows.append([*row, str(sum(cell.lost for cell in cells.values()))])
    return table([*head, "lost"], rows)


def milliseconds(used: Mapping[str, float]) -> dict[str, float]:
    """Return processor milliseconds a message by component, whatever pod it is in."""
    found: dict[str, float] = {}
    for name, value in used.items():
        component = name.rpartition("/")[2]
        found[component] = found.get(component, 0.0) + value
    return found


def _processor(found: Images) -> str:
    """Return the table of processor time with the most sessions."""
    used = {
        variant.title: milliseconds(found.speed[variant.key][max(found.speed[variant.key])].milliseconds)
        for variant in found.tested
    }
    names = sorted({name for one in used.values() for name, value in one.items() if value >= 0.05})
    rows = [
        [title, f"{sum(one.values()):.1f}", *(f"{one[name]:.1f}" if name in one else "" for name in names)]
        for title, one in used.items()
    ]
    return table([f"CPU ms/msg ({max(found.speed[found.base])} sessions)", "all", *names], rows)


def differences(found: Images) -> dict[str, list[str]]:
    """Return by configuration what its filter found and the base's did not, or the other way round."""
    base = found.symbols[found.base]
    return {key: sorted(names ^ base) for key, names in found.symbols.items()}


def _alike(found: Images) -> str:
    differing = {key: names for key, names in differences(found).items() if names}
    if not all(found.symbols.values()):
        return "The filter's log lacks messages: it did not work alike everywhere."
    if differing:
        told = "; ".join(f"{key}: {', '.join(names)}" for key, names in differing.items())
        return f"The filter's findings differ from those of {found.base} by {told}."
    return f"The filter found the same {len(found.symbols[found.base])} things in a message everywhere."


def _mib(size: int) -> str:
    return f"{size / MIB:.0f}"


def as_json(found: Images) -> dict[str, Any]:
    """Return the results for --json."""
    shared, together = totals(found.layers)
    release = found.speed[found.tested[-1].key]
    return {
        "images": {
            name: {"bytes": pair[0], "own_bytes": pair[1]} for name, pair in sizes(found.layers).items()
        },
        "images_shared_bytes": shared,
        "images_together_bytes": together,
        "release_ready_seconds": found.whole,
        "components": {
            name: {
                "ready_seconds": found.together[name],
                "restarted_alone_seconds": found.alone[name],
                "memory": whole,
                "memory_of_parent": parent,
            }
            for name, (whole, parent) in found.memory.items()
        },
        "target_ratio": TARGET,
        "compared_to": found.base,
        "deliveries": [
            {
                "configuration": variant.key,
                "title": variant.title,
                "sessions": sessions,
                "messages_per_second": cell.rate,
                "ratio_of_release": release[sessions].to(cell),
                "cpu_ms_per_message": milliseconds(cell.milliseconds),
                "lost": cell.lost,
                "rounds": [run.rate for run in cell.runs],
            }
            for variant in found.tested
            for sessions, cell in found.speed[variant.key].items()
        ],
        "filter_differences": differences(found),
    }


def plan_at(plan: Plan, port: int) -> Plan:
    """Return the plan with other ports."""
    return replace(plan, load=replace(plan.load, port=port))
