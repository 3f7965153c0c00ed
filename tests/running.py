"""A running suite as tests see it, driven by the command line as a user drives it."""

from __future__ import annotations

import fcntl
import functools
import itertools
import json
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from keryx.components import registry
from keryx.core import errors
from keryx.core.process import Completed
from keryx.core.secret import SecretStore
from keryx.host import home as homes
from keryx.host.supervisor import Supervisor
from keryx.settings.ports import STANDARD
from keryx.settings.site import Site
from tests import expressions
from tests.program import LAUNCHER, keryx

CHECKOUT = LAUNCHER.parent
SETTINGS = """\
domain: example.org
hostname: mail.example.org
bind: [127.0.0.1]
port_offset: {offset}
unbound:
  offline: true
"""

INTERNAL = (
    *(10025, 10026, 10027, 10028, 10389, 10587, 20000, 20001, 20002),
    *(port + 11000 for port in STANDARD.values()),
)
"""Loopback ports of a suite, before the offset is added."""

T = TypeVar("T")


@dataclass
class Suite:
    """One suite in a home of its own."""

    home: Path
    domain: str = "example.org"
    _names: itertools.count[int] = field(default_factory=itertools.count)

    @classmethod
    def create(cls, home: Path, extra: str = "", settings: str = SETTINGS) -> Suite:
        """Write keryx.yaml with free ports; nothing is started yet."""
        home.mkdir(parents=True, exist_ok=True)
        (home / "keryx.yaml").write_text(settings.format(offset=free_offset()) + extra)
        return cls(home)

    def up(self) -> Completed:
        """Start the suite, or bring it to its settings."""
        return self.keryx("up", timeout=600)

    def keryx(
        self, *arguments: str, input: str | None = None, check: bool = True, timeout: float = 120
    ) -> Completed:
        """Run a keryx command about this suite."""
        words = (*arguments, "--home", str(self.home))
        if arguments[0] != "up":
            return keryx(*words, input=input, check=check, timeout=timeout)
        expressions.give(self.home)
        done = keryx(*words, input=input, check=check, timeout=timeout)
        expressions.take(self.home)
        return done

    def json(self, *arguments: str) -> Any:
        """Run a reading command and return what its --json says."""
        return json.loads(self.keryx(*arguments, "--json").stdout)

    @functools.cached_property
    def site(self) -> Site:
        """The suite's site; settings as they were at first use."""
        return homes.site(self.home)

    def port(self, name: str) -> int:
        """Return a public port, such as ``imaps``."""
        port = self.site.port(name)
        assert port is not None, f"{name} is off"
        return port

    def secret(self, name: str) -> str:
        """Return one of the suite's secrets."""
        return SecretStore(self.home / "secrets").get(name)

    def log(self, component: str) -> str:
        """Return everything a component said."""
        return self.site.paths.log(component).read_text(errors="replace")

    @contextmanager
    def without(self, component: str) -> Iterator[None]:
        """Run the block while a component is stopped; afterwards it is ready again, and who follows it."""
        supervisor = Supervisor(self.site)
        supervisor.stop_component(component)
        try:
            yield
        finally:
            supervisor.start_component(component)
            wait_for(lambda: self._ready(component), f"{component} is ready again", 60)
            self.wait_for_followers(component)

    def wait_for_followers(self, component: str) -> None:
        """Wait until who is restarted with a component answers again."""
        states = Supervisor(self.site).processes()
        for other in registry.enabled(self.site):
            if component in other.follows and states[other.name].state != "STOPPED":
                wait_for(functools.partial(self._ready, other.name), f"{other.name} is ready again", 60)

    def _ready(self, component: str) -> bool:
        try:
            registry.find(component).ready(self.site)
        except errors.NotReady:
            return False
        return True

    def account(self, name: str = "", *options: str, domain: str = "") -> tuple[str, str]:
        """Make a fresh account; returns its address and password.

        ``name`` is the beginning of the local-part; options are those of ``keryx user add``.
        """
        address = f"{name or 'user'}{next(self._names)}@{domain or self.domain}"
        password = f"correct horse {address}"
        self.keryx("user", "add", address, *options, "--password-stdin", input=password + "\n")
        return address, password


def free_offset() -> int:
    """Return a port offset at which all ports of a suite are free; spread so that suites differ.

    All stay below 32768, where the kernel takes ports for outgoing connections.
    """
    # Of the processes that run tests side by side each takes from offsets of its own.
    own = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    offsets = list(range(1000, 12500, 250))[own :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    random.shuffle(offsets)
    for offset in offsets:
        if all(_free(offset + port) for port in (*STANDARD.values(), *INTERNAL)):
            return offset
    raise AssertionError("no free ports")


def free_port() -> int:
    """Return a TCP port of the loopback that is free now."""
    with socket.socket() as stream:
        stream.bind(("127.0.0.1", 0))
        return int(stream.getsockname()[1])


@contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Hold a lock against the other processes that run tests on this machine."""
    with Path(f"/run/lock/keryx-tests-{what}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free(port: int) -> bool:
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stream.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for(question: Callable[[], T], what: str, timeout: float = 30) -> T:
    """Return the first true answer; fails naming ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {timeout:g} s"
        time.sleep(0.05)
