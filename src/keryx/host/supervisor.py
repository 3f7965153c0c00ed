"""The supervisor of a machine: supervisord, one per home, spoken to over its Unix socket.

Manual: https://supervisord.org/api.html
"""

from __future__ import annotations

import resource
import shlex
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

import keryx
from keryx.components import registry
from keryx.components.component import Component
from keryx.core import errors
from keryx.core.files import File
from keryx.core.process import run
from keryx.core.render import render
from keryx.settings.site import Site

DESCRIPTORS = 65536
SOURCES = Path(keryx.__file__).parent.parent
"""Where this package stands, for the processes that the supervisor starts."""


@dataclass(frozen=True)
class Process:
    """What the supervisor knows about one component."""

    name: str
    state: str
    """supervisord's own word: RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL."""
    pid: int
    since: int
    """When it was started, in seconds of the epoch; 0 when it does not run."""
    failures: str
    """What the supervisor says about an unhappy process."""


@dataclass(frozen=True)
class _Program:
    name: str
    command: str
    environment: str
    priority: int
    stop_signal: str
    stop_group: bool
    log: Path


def configuration(site: Site, components: Sequence[Component], config: Path) -> File:
    """Return supervisord.conf for these components; ``config`` is the settings file."""
    programs = [
        _Program(
            component.name,
            _escape(shlex.join(_command(site, component, config))),
            _escape(f'PYTHONPATH="{SOURCES}",PYTHONNOUSERSITE="1"'),
            # Counted over all components: one that is switched on must not move the others.
            10 * (registry.COMPONENTS.index(component) + 1),
            component.stop_signal,
            component.stop_group,
            site.paths.log(component.name),
        )
        for component in components
    ]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = render(
        __package__ or "",
        "supervisord.conf",
        run=site.paths.run("supervisor"),
        logs=site.paths.home / "log",
        programs=programs,
        descriptors=DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS),
    )
    return File(site.paths.etc("supervisor") / "supervisord.conf", text)


def _command(site: Site, component: Component, config: Path) -> list[str]:
    chosen = ["--home", str(site.paths.home), "--config", str(config)]
    return [sys.executable, "-m", "keryx.cli.main", "run", component.name, "--exec", *chosen]


def _escape(text: str) -> str:
    # supervisord expands %(name)s in its file.
    return text.replace("%", "%%")


class Supervisor:
    """A home's supervisord."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._socket = site.paths.run("supervisor") / "supervisor.sock"
        self._pidfile = site.paths.run("supervisor") / "supervisord.pid"
        self._config = site.paths.etc("supervisor") / "supervisord.conf"

    def pid(self) -> int | None:
        """Return supervisord's process id, or None when it does not run."""
        try:
            pid = int(self._pidfile.read_text())
            words = psutil.Process(pid).cmdline()
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None
        # The number may have been given to another process since.
        return pid if str(self._config) in words else None

    def argv(self) -> list[str]:
        """Return the command that starts supervisord for this home."""
        return [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]

    def start(self) -> None:
        """Start supervisord in the background and wait until it answers."""
        run(self.argv(), timeout=30)
        self.wait_until_it_answers()

    def wait_until_it_answers(self, timeout: float = 30) -> None:
        """Return when supervisord answers; raises NotReady after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._call("getState")
                return
            except errors.Unreachable as error:
                if time.monotonic() > deadline:
                    raise errors.NotReady(
                        f"The supervisor does not answer at {self._socket}.",
                        remedy=f"Look at {self._site.paths.home}/log/supervisord.log.",
                    ) from error
                time.sleep(0.05)

    def stop(self, timeout: float = 120) -> None:
        """Stop every component in the opposite order of starting, then supervisord itself."""
        pid = self.pid()
        if pid is None:
            return
        process = psutil.Process(pid)
        process.terminate()
        try:
            process.wait(timeout)
        except psutil.TimeoutExpired as error:
            raise errors.KeryxError(
                f"The suite did not stop within {timeout:g} s.", remedy="Look at keryx status."
            ) from error

    def update(self) -> None:
        """Take up a changed supervisord.conf: new programs start, dropped ones stop."""
        added, changed, removed = self._call("reloadConfig")[0]
        for name in [*removed, *changed]:
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
            self._end_leftovers(name)
        for name in [*changed, *added]:
            self._call("addProcessGroup", name)

    def processes(self) -> dict[str, Process]:
        """Return what the supervisor knows, by component; empty when it does not run."""
        if self.pid() is None:
            return {}
        return {
            row["name"]: Process(
                row["name"],
                row["statename"],
                row["pid"],
                row["start"] if row["pid"] else 0,
                row["spawnerr"] or row["description"],
            )
            for row in self._call("getAllProcessInfo")
        }

    def start_component(self, name: str) -> None:
        """Start a stopped component without waiting for it."""
        self._call("startProcess", name, False)

    def stop_component(self, name: str) -> None:
        """Stop a component and wait for its end."""
        self._call("stopProcess", name, True)
        self._end_leftovers(name)

    def restart_component(self, name: str) -> None:
        """Stop the component if it runs, then start it without waiting for readiness."""
        state = self.processes().get(name)
        if state is not None and state.state not in ("STOPPED", "EXITED", "FATAL"):
            self.stop_component(name)
        self.start_component(name)

    def _end_leftovers(self, name: str) -> None:
        # One that an update of Keryx took away is no longer known.
        for component in registry.COMPONENTS:
            if component.name == name:
                component.end_leftovers(self._site)

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self._socket}")
        try:
            with xmlrpc.client.ServerProxy("http://supervisor", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, xmlrpc.client.Error) as error:
            said = getattr(error, "faultString", error)
            raise errors.Unreachable(
                f"The supervisor refuses {method} {' '.join(map(str, arguments))}: {said}.",
                remedy=f"Look at {self._site.paths.home}/log/supervisord.log.",
            ) from error
