"""Daemons that a configuration under test starts itself (the suite's own run under ``keryx up``)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


class BenchError(Exception):
    """The comparison cannot be made: one sentence."""


@dataclass
class Daemon:
    """A process in the foreground with its log."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The main process."""
        assert self._process is not None, f"{self.name} is not started"
        return self._process.pid

    def start(self) -> None:
        """Start it, without waiting."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(self.env or {})},
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise BenchError when it has ended."""
        if self._process is not None and self._process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
            raise BenchError(f"{self.name} ended with status {self._process.returncode}:\n{tail}")

    def stop(self) -> None:
        """End it and what it started."""
        if self._process is None:
            return
        tree = []
        with contextlib.suppress(psutil.NoSuchProcess):
            tree = [psutil.Process(self._process.pid)]
            tree += tree[0].children(recursive=True)
        # All of them: "postfix start-fg" is a shell that passes no signal on, and some of Postfix's
        # processes outlive their master for a while and keep the port.
        for end, grace in ((psutil.Process.terminate, 10), (psutil.Process.kill, 5)):
            for process in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    end(process)
            _, tree = psutil.wait_procs(tree, timeout=grace)
        self._process.wait(timeout=15)
        self._process = None


def wait_until(question: Callable[[], bool], what: str, timeout: float = 60) -> None:
    """Wait for a condition; raises BenchError naming it."""
    deadline = time.monotonic() + timeout
    while not question():
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {timeout:g} s")
        time.sleep(0.1)


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as stream:
        stream.settimeout(1)
        return stream.connect_ex((host, port)) == 0


def accepts(path: Path) -> bool:
    """Whether somebody accepts connections at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as stream:
        try:
            stream.connect(str(path))
        except OSError:
            return False
        return True
