"""The end of Dovecot in good order: commands are finished, then sessions are told to go.

Under ``shutdown_clients = no`` a master that ends closes the ports and leaves the sessions. A session's
process that is ended says BYE (RFC 9051, section 7.1.5) and gives up the command that it is at; so it
is ended when it is at none. Its title tells which (``verbose_proctitle``):
``dovecot-keryx-0/imap [alice@example.org 192.0.2.7 APPEND]``.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field

import psutil

from keryx.core import process
from keryx.settings.site import Site

SESSION = re.compile(r"^\S*/(imap|pop3|managesieve|lmtp)(?: \[(.*)\])?$")
"""The title of a process that works for a client."""
LOGIN = re.compile(r"^\S*/(imap|pop3|managesieve)-login\b")
"""The title of one that stands between a client and its session (TLS)."""
STILL = 5.0
"""Seconds after which a process that does not tell its command, and does not run, is at none."""


def drain(site: Site, seconds: float) -> None:
    """End the master, then each session when it has finished its command; return when time is over."""
    try:
        master = psutil.Process(int((site.paths.run("dovecot") / "master.pid").read_text()))
        group = os.getpgid(master.pid)
        master.terminate()
    except (FileNotFoundError, ValueError, ProcessLookupError, psutil.NoSuchProcess):
        return
    process.until(_Sessions(group).have_ended, seconds)


@dataclass
class _Sessions:
    """The processes that work for clients."""

    group: int
    _still: process.Stillness = field(default_factory=lambda: process.Stillness(STILL))

    def have_ended(self) -> bool:
        """End those that are at no command; whether none is left."""
        left = False
        for member in process.members(self.group):
            with contextlib.suppress(psutil.NoSuchProcess):
                title = _title(member)
                session = SESSION.match(title)
                left |= bool(session or LOGIN.match(title))
                if session and self._is_idle(member, *session.groups()):
                    member.terminate()
        return not left

    def _is_idle(self, member: psutil.Process, service: str, told: str | None) -> bool:
        """Whether it is at no command, or in IDLE (RFC 2177)."""
        if service == "imap" and told:
            # Who, from where, the commands; what waits to be sent stands behind them.
            return set(told.split()[2:]) <= {"IDLE"}
        return self._still.of(member)


def _title(member: psutil.Process) -> str:
    return " ".join(member.cmdline()).strip()
