"""A few components without the supervisor: for tests of one daemon and its nearest neighbours."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

import pytest

from keryx.components import registry
from keryx.core import errors
from keryx.core.process import Completed
from keryx.host import home as homes
from keryx.settings.site import Site
from keryx.tls import authority
from tests import expressions
from tests.program import LAUNCHER, keryx
from tests.running import free_offset, wait_for


@dataclass
class Parts:
    """Components in a home of their own, each started by ``keryx run``."""

    home: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of what is started."""
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @functools.cached_property
    def site(self) -> Site:
        """The home's site."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.env.items():
                patch.setenv(name, value)
            return homes.site(self.home)

    def start(self, name: str, *, ready: bool = True, parent: bool = False) -> None:
        """Start a component and wait until it answers its protocol; its parent stays if wanted."""
        self.log(name).parent.mkdir(exist_ok=True)
        if name == "rspamd":
            expressions.give(self.home)
        with self.log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [LAUNCHER, "run", name, *([] if parent else ["--exec"]), "--home", self.home],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **self.env},
            )
        if ready:
            self.wait_ready(name)

    def wait_ready(self, name: str) -> None:
        """Wait until the component answers."""
        component = registry.find(name)

        def answers() -> bool:
            code = self._processes[name].poll()
            said = self.log(name).read_text(errors="replace")[-2000:]
            assert code is None, f"{name} left with {code}: {said}"
            try:
                component.ready(self.site)
            except errors.NotReady:
                return False
            return True

        wait_for(answers, f"{name} is ready", 120)
        if name == "rspamd":
            expressions.take(self.home)

    def stop(self, name: str) -> int:
        """End a component in good order; returns its exit status."""
        process = self._processes.pop(name)
        if registry.find(name).stop_group:
            os.killpg(process.pid, signal.SIGTERM)
        else:
            process.terminate()
        return _ended(process)

    def stop_all(self) -> None:
        """End what runs, the latest first."""
        for name in reversed(list(self._processes)):
            self.stop(name)

    def ended(self, name: str) -> int:
        """Wait until a component has ended by itself; returns its exit status."""
        return _ended(self._processes.pop(name))

    def pid(self, name: str) -> int:
        """Return the process id of a component's first process."""
        return self._processes[name].pid

    def port(self, name: str) -> int:
        """Return a public port by name."""
        return self.site.port(name) or 0

    def log(self, name: str) -> Path:
        """Return where a component's words are."""
        return self.site.paths.log(name)

    def keryx(self, *arguments: str, input: str | None = None, check: bool = True) -> Completed:
        """Run a keryx command about this home."""
        return keryx(*arguments, "--home", self.home, input=input, check=check, env=self.env)

    def account(self, address: str, *options: str) -> str:
        """Make an account; returns its address."""
        self.keryx("user", "add", address, *options, "--password-stdin", input=f"correct horse {address}\n")
        return address


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status, that of SIGKILL if it does not come in time: nothing stays in the way."""
    try:
        return process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


@contextmanager
def running(
    settings: str, names: Sequence[str], before: Callable[[Parts], None] = lambda parts: None
) -> Iterator[Parts]:
    """Run components of a home with these settings, and nothing else; ``before`` prepares it."""
    home = Path(tempfile.mkdtemp(prefix="keryx-parts-", dir="/tmp"))
    home.chmod(0o755)
    (home / "keryx.yaml").write_text(f"port_offset: {free_offset()}\n{settings}")
    parts = Parts(home)
    authority.ensure(parts.site.paths.tls, [parts.site.settings.host])
    try:
        before(parts)
        for name in names:
            parts.start(name)
        yield parts
    finally:
        parts.stop_all()
        rmtree(home, ignore_errors=True)
