"""The machine that measures: what it is, and the address that senders come from."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from keryx.core import debian

SENDER_ADDRESS = "198.51.100.25"
"""A foreign sender (TEST-NET-2, RFC 5737). Mail from 127.0.0.1 would be trusted: no SPF, no
reputation, no postscreen, and the filter would look cheaper than it is."""

LOCK = Path("/run/lock/keryx-bench")

DAEMONS = ("postfix", "dovecot-core", "rspamd", "slapd", "redis-server", "unbound")


@dataclass(frozen=True)
class Machine:
    """What to print beside the results: figures are worth nothing without it."""

    date: str
    processor: str
    processors: int
    memory_gib: float
    kernel: str
    distribution: str
    versions: dict[str, str]
    load_before: float
    """Load average of the last minute when the run began: above 0.5 somebody else is working."""

    def lines(self) -> list[str]:
        """Return the description as two lines."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return [
            f"{self.date}: {self.processors} x {self.processor}, {self.memory_gib:.0f} GiB, "
            f"{self.distribution}, Linux {self.kernel}, load before {self.load_before:.2f}",
            versions,
        ]

    def as_json(self) -> dict[str, object]:
        """Return the description for --json."""
        return asdict(self)


def describe() -> Machine:
    """Look at this machine."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    release = platform.freedesktop_os_release()
    installed = debian.installed()
    return Machine(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        processor=processor,
        processors=os.cpu_count() or 1,
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        kernel=platform.release(),
        distribution=release.get("PRETTY_NAME", "Linux"),
        versions={name: ".".join(map(str, installed[name])) for name in DAEMONS if name in installed},
        load_before=os.getloadavg()[0],
    )


@contextlib.contextmanager
def sender_address() -> Iterator[str]:
    """Give the loopback interface the senders' address while the block runs."""
    had = f"inet {SENDER_ADDRESS}/" in _ip("-o", "addr", "show", "dev", "lo")
    if not had:
        _ip("addr", "add", f"{SENDER_ADDRESS}/32", "dev", "lo")
    try:
        yield SENDER_ADDRESS
    finally:
        if not had:
            _ip("addr", "del", f"{SENDER_ADDRESS}/32", "dev", "lo")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one benchmark run at a time: two would measure each other and take each other's ports."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout
