"""The end of Postfix in good order: what was begun is finished, and nothing new is taken.

Postfix has no command for it: ``postfix stop`` cuts deliveries and sessions off, and a queue manager
whose master was killed gives up. But a master that reads ``master_service_disable = inet`` closes its
ports and lets everything else go on: sessions, what they hand in, the queue manager's deliveries.
https://www.postfix.org/postconf.5.html#master_service_disable
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import psutil

from keryx.components.postfix import commands
from keryx.core.process import Stillness, until
from keryx.settings.site import Site

QUEUES = ("maildrop", "incoming", "active")
"""What is in them is being taken or delivered; the other queues wait on disk for the next start."""
IDLE = 2.0
"""Seconds after which a client who says nothing, and has nothing under way, is not waited for."""

AGAIN = 1.0
"""Seconds after which the queue manager is told again to look what is left."""


def drain(site: Site, ports: Sequence[int], seconds: float) -> None:
    """Close the ports; return when sessions have ended and deliveries are done, or when time is over.

    Settings are changed for the running master only: the next start has its own again.
    """
    master = commands.master(site)
    if master is None:
        return
    with (site.paths.etc("postfix") / "main.cf").open("a") as config:
        config.write("\nmaster_service_disable = inet\n")
    master.send_signal(signal.SIGHUP)
    work = _Work(site, frozenset(ports), master)
    until(work.is_done, seconds)


@dataclass
class _Work:
    """What is under way."""

    site: Site
    ports: frozenset[int]
    master: psutil.Process
    _asked: float = field(default_factory=time.monotonic)
    """When the queue manager was last told to look."""
    _still: Stillness = field(default_factory=lambda: Stillness(IDLE))

    def is_done(self) -> bool:
        """Whether nothing is under way any more; lets go of clients who say nothing."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self.master.status() == psutil.STATUS_ZOMBIE:
                return True
            self._let_go()
            return not self._clients() and not self._messages_left()
        return True

    def _messages_left(self) -> bool:
        left = any(self._messages(*QUEUES))
        if left and time.monotonic() > self._asked + AGAIN:
            # The queue manager that the reload has started leaves alone, for a minute, what is still being
            # delivered under the one before, and that may be a message whose delivery has just been logged.
            # It looks again when it is told that something has come in (I), also at what waits (A).
            commands.wake_queue_manager(self.site, "IA")
            self._asked = time.monotonic()
        return left

    def _clients(self) -> bool:
        """Whether a port is open yet or a client connected. Whose connection it is, only tracers may know."""
        gone = (psutil.CONN_TIME_WAIT, psutil.CONN_FIN_WAIT1, psutil.CONN_FIN_WAIT2)
        return any(
            found.laddr and found.laddr.port in self.ports and found.status not in gone
            for found in psutil.net_connections("tcp")
        )

    def _messages(self, *queues: str) -> Iterator[os.stat_result]:
        """Give the states of the files of these queues."""
        for name in queues:
            for path in (self.site.paths.spool / name).iterdir():
                with contextlib.suppress(FileNotFoundError):
                    yield path.stat()

    def _let_go(self) -> None:
        """End sessions of clients who say nothing, while no message is being handed in.

        A process that has not run for a while waits for its client, or for a lookup: in either case
        nothing is lost with it. Whether it has a message in hand, the message's file says, which
        the owner may not execute before it is complete.
        """
        if any(not state.st_mode & stat.S_IXUSR for state in self._messages("incoming")):
            self._still.forget()
            return
        for process in self.master.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() == "smtpd" and self._still.of(process):
                    process.terminate()
