"""``keryx run COMPONENT`` as the parent of its daemon: how a container runs.

The parent takes up what changes while the daemon runs: settings, secrets and certificates are
looked at every few seconds, and changed ones are checked by the daemon, then reloaded or, where
that does not do, the daemon is restarted. Signals: TERM and INT end the daemon in good order, HUP
looks for changes at once. As process 1 of a container it also reaps what others leave behind.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keryx.components.component import Command, Component
from keryx.core import errors
from keryx.host import companions, foreground, prepare
from keryx.host.probe import Probe
from keryx.settings.site import Site

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between two looks at the files that others change."""
DRAINING = 0.8
"""The share of a component's time for its end in which it may finish what was begun."""
ENDING = {signal.SIGTERM, signal.SIGINT}
HEARD = (*ENDING, signal.SIGHUP, signal.SIGCHLD)


def stay(component: Component, load: Callable[[], Site], sources: Sequence[Path], probe: Probe) -> int:
    """Run the component until it ends or this process is told to end; return its exit status.

    ``load`` reads the settings anew; ``sources`` are the files and folders that it reads; ``probe``
    is told what becomes of the daemon. Raises
    BadInput or CommandFailed when the first settings are refused: later ones that are refused leave
    the daemon as it is, with a line in the log.
    """
    site = load()
    prepare.prepare(component, site)
    prepare.record(component, site)
    with _ears() as ears:
        daemon = _started(component.command(site))
        probe.ask(site)
        return _Watch(component, load, sources, probe, ears, site, daemon).run()


@contextlib.contextmanager
def _ears() -> Iterator[socket.socket]:
    """Give a socket from which the numbers of the signals can be read that came since.

    They are not blocked instead: every command that is run would inherit that.
    """
    here, there = socket.socketpair()
    there.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in HEARD}
    woken = signal.set_wakeup_fd(there.fileno())
    try:
        yield here
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        here.close()
        there.close()


@dataclass
class _Watch:
    """The daemon, and what it was last told."""

    component: Component
    load: Callable[[], Site]
    sources: Sequence[Path]
    probe: Probe
    ears: socket.socket
    site: Site
    daemon: subprocess.Popen[bytes]
    complaint: str = ""
    ending: bool = False
    """Whether this process was told to end."""

    def run(self) -> int:
        # What changed since the settings were read is found at the first look.
        seen: dict[Path, tuple[int, int, int] | None] = {}
        while True:
            heard = self._hear(INTERVAL)
            status = self._reap()
            if self.ending:
                return self._end()
            if status is not None:
                log.error("%s ended by itself with status %d", self.component.name, status)
                return status if status > 0 else 1
            now = self._state()
            if signal.SIGHUP in heard or now != seen:
                seen = now
                self._take_up()

    def _hear(self, seconds: float) -> set[int]:
        """Return the signals that came, at the latest after so many seconds."""
        if not select.select([self.ears], [], [], seconds)[0]:
            return set()
        heard = set(self.ears.recv(4096))
        self.ending |= bool(ENDING & heard)
        return heard

    def _state(self) -> dict[Path, tuple[int, int, int] | None]:
        """Return what tells one content of the watched files from another, without reading them."""
        paths = {*self.sources, *self.component.watched(self.site)}
        paths.update(path for folder in tuple(paths) for path in _inside(folder))
        return {path: _signature(path) for path in paths}

    def _take_up(self) -> None:
        try:
            site = self.load()
            changed = prepare.changed(self.component, site)
            if not changed:
                self._runs_with(site)
                return
            prepare.prepare(self.component, site)
            how = "reloaded"
            if not self.component.reload(site, changed):
                how = "restarted"
                self._end()
                if self.ending:
                    return
                self.daemon = _started(self.component.command(site))
            self._runs_with(site)
            prepare.record(self.component, site)
        except errors.KeryxError as error:
            # The daemon goes on as it is; said once for each mistake.
            if error.sentence != self.complaint:
                log.error("changed settings are not taken up: %s", error.sentence)
            self.complaint = error.sentence
            return
        self.complaint = ""
        log.info("%s %s: %s", self.component.name, how, ", ".join(path.name for path in changed))

    def _runs_with(self, site: Site) -> None:
        self.site = site
        self.probe.ask(site)

    def _end(self) -> int:
        """End the daemon and its children in good order; return 0 unless they had to be killed."""
        if self.ending:
            self._stay_for_others()
        self.probe.say(f"{self.component.name} is ending.", ending=self.ending)
        try:
            return self._ended()
        finally:
            self.component.end_leftovers(self.site)

    def _stay_for_others(self) -> None:
        """Where the whole pod ends, stay until the component that it is there for has ended."""
        helped = companions.helped(self.component, self.site)
        while helped is not None and self._lives() and helped.is_ending():
            self._hear(0.2)

    def _ended(self) -> int:
        deadline = time.monotonic() + self.component.stop_seconds
        try:
            self.component.drain(self.site, DRAINING * self.component.stop_seconds)
        except (errors.KeryxError, OSError) as error:
            log.error("%s is ended at once: %s", self.component.name, error)
        self._tell(signal.Signals[f"SIG{self.component.stop_signal}"])
        while self._lives():
            if time.monotonic() > deadline:
                log.error("%s does not end; it is killed", self.component.name)
                self._tell(signal.SIGKILL, everybody=True)
                self.daemon.wait()
                return 1
            self._hear(0.2)
        return 0

    def _lives(self) -> bool:
        """Return whether the daemon, or a child that it left, still runs."""
        self._reap()
        try:
            os.killpg(self.daemon.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _tell(self, number: signal.Signals, *, everybody: bool = False) -> None:
        with contextlib.suppress(ProcessLookupError):
            if everybody or self.component.stop_group:
                os.killpg(self.daemon.pid, number)
            else:
                os.kill(self.daemon.pid, number)

    def _reap(self) -> int | None:
        """Reap what ended; return the daemon's exit status when it is among them."""
        while True:
            try:
                # Only looked at: its status is the daemon object's to take.
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                break
            if found is None:
                break
            if found.si_pid == self.daemon.pid:
                self.daemon.poll()
            elif self.probe.asking and _is_ours(found.si_pid):
                # The probe waits for it, and would miss its status.
                break
            else:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(found.si_pid, 0)
        return self.daemon.poll()


def _inside(folder: Path) -> Sequence[Path]:
    """Return what a folder holds, without what Kubernetes keeps there for itself; nothing for a file."""
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []


def _is_ours(pid: int) -> bool:
    """Whether a process was started by this one as a command: the daemon and its kin are a group apart."""
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(pid) == os.getpgrp()
    return False


def _signature(path: Path) -> tuple[int, int, int] | None:
    # Kubernetes changes a link to a folder: the file behind it counts.
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def _started(command: Command) -> subprocess.Popen[bytes]:
    # A container may start as the daemon's own user: then there is nothing to change.
    root = os.geteuid() == 0
    entry = pwd.getpwnam(command.user)
    env = foreground.environment(command)
    env["HOME"] = entry.pw_dir
    sys.stdout.flush()
    sys.stderr.flush()
    return subprocess.Popen(
        command.argv,
        env=env,
        cwd="/",
        # A group of its own: it can be ended with its children, and no terminal's ^C reaches it first.
        start_new_session=True,
        user=entry.pw_uid if root else None,
        group=entry.pw_gid if root else None,
        extra_groups=os.getgrouplist(entry.pw_name, entry.pw_gid) if root else None,
    )
