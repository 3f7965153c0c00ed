"""What the components that are a sogod have in common."""

from __future__ import annotations

import abc
import contextlib
import time
from collections.abc import Sequence
from typing import ClassVar

import psutil

from keryx.components.component import Command, Component, Platform
from keryx.components.sogod.view import View, text, yes
from keryx.core import errors, network
from keryx.core.files import Directory, File
from keryx.core.process import run
from keryx.core.render import render
from keryx.settings.site import Site

USER = "sogo"
"""Brought by the package. Another one could not read the packaged /etc/sogo/sogo.conf, without which
sogod does not start."""
DRAFT_DAYS = 7
"""Days after which attachments of messages that were never sent or saved are given up."""


class Sogod(Component):
    """A sogod: its pool of workers says who it is for."""

    # For the watchdog, which holds nothing; its workers then finish what they answer and leave. They
    # would hear of a SIGTERM to it only when their caches are cleaned the next time.
    stop_signal = "KILL"
    databases = ("sogo",)
    follows = ("postgresql",)
    last_answer: ClassVar[float] = 30
    """Seconds that workers have for the answers they are at when their watchdog has ended."""
    probe: ClassVar[tuple[str, str, int]]
    """A request, and the status that says that a worker is there. Without a password, 401 says so."""

    @abc.abstractmethod
    def view(self, site: Site) -> View:
        """Return what its files are made from."""

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("sogo", "postgresql-client")

    def enabled(self, site: Site) -> bool:
        return site.sogo_enabled

    def directories(self, site: Site) -> Sequence[Directory]:
        """Return its folders. The one of the files is read-only to it: GNUstep then keeps no state there."""
        view = self.view(site)
        return (
            Directory(view.etc, 0o750, "root", USER),
            Directory(view.run, 0o750, USER, USER),
            Directory(view.spool.parent, 0o700, USER, USER),
            Directory(view.spool, 0o700, USER, USER),
        )

    def render(self, site: Site) -> Sequence[File]:
        view = self.view(site)
        names = {
            "view": view,
            "site": site,
            "attributes": view.shared.directory.attributes,
            "text": text,
            "yes": yes,
        }

        def made(name: str) -> str:
            return render(__package__ or "", name, **names)

        return (
            File(view.etc / "GNUstep.conf", made("GNUstep.conf")),
            File(view.etc / "ldap.conf", made("ldap.conf")),
            File(view.etc / "pg_service.conf", made("pg_service.conf"), 0o640, "root", USER, secret=True),
            File(view.etc / "sogod.plist", made("sogod.plist"), 0o640, "root", USER, secret=True),
        )

    def end_leftovers(self, site: Site) -> None:
        """End workers whose watchdog is gone, when each has given its answer.

        Those of SOGo 5.12 notice it and stay: they hold the port and take all of a processor each.
        """
        words = list(self.command(site).argv)
        left = [process for process in _called(words) if not _has_watchdog(process, words)]
        for signal in (psutil.Process.terminate, psutil.Process.kill):
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    signal(process)
            left = psutil.wait_procs(left, timeout=self.last_answer)[1]

    def prepare(self, site: Site) -> None:
        """Wait for the database; remove attachments that were left behind while a message was written."""
        view = self.view(site)
        _await_database(view)
        _tidy(view)

    def command(self, site: Site) -> Command:
        """Return the process. Its settings are in files; the one argument tells two homes apart in ps."""
        view = self.view(site)
        words = ("/usr/sbin/sogod", "-WOPidFile", str(view.run / "sogod.pid"))
        return Command(words, user=USER, env=environment(view))

    def ready(self, site: Site) -> None:
        """Ask one of the workers; while all are at work there is nobody to ask, and nothing wrong: phones
        hold theirs for minutes. The watchdog ends those that hang."""
        method, path, status = self.probe
        pool = self.view(site).pool
        endpoint = pool.endpoint
        if _connections(endpoint.port) >= pool.workers:
            return
        request = f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
        line = network.exchange(endpoint, request, timeout=10).partition(b"\r\n")[0]
        if line.split()[1:2] != [b"%d" % status]:
            raise errors.NotReady(f"{endpoint} answers {line[:60]!r} to {method} {path}.")


def _connections(port: int) -> int:
    """Return how many clients are connected to a port of this machine, or wait there to be taken."""
    return sum(
        1
        for found in psutil.net_connections("tcp")
        if found.status == psutil.CONN_ESTABLISHED and found.laddr and found.laddr.port == port
    )


def _called(words: Sequence[str]) -> Sequence[psutil.Process]:
    return [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == words]


def _has_watchdog(process: psutil.Process, words: Sequence[str]) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = process.parent()
        return parent is not None and parent.cmdline() == words
    return False


def environment(view: View) -> dict[str, str]:
    """Return what leads SOGo, and its tools, to this home's files."""
    return {
        "GNUSTEP_CONFIG_FILE": str(view.etc / "GNUstep.conf"),
        "PGSERVICEFILE": str(view.etc / "pg_service.conf"),
        "PGSERVICE": "sogo",
        "LDAPCONF": str(view.etc / "ldap.conf"),
        "LC_ALL": "C.UTF-8",
    }


def _await_database(view: View) -> None:
    """Raise NotReady unless the database takes us.

    SOGo looks for its tables, and makes them, in its first second only: started too early it would
    run on without. Refusing to start makes the supervisor try again.
    """
    try:
        run(["psql", "--no-psqlrc", "--quiet", "--command", "SELECT 1"], env=environment(view), timeout=30)
    except errors.CommandFailed as error:
        raise errors.NotReady(
            f"SOGo's database cannot be used: {(error.stderr.strip().splitlines() or ['no answer'])[-1]}.",
            remedy="It is made by keryx up; see keryx status.",
        ) from error


def _tidy(view: View) -> None:
    """Remove attachments that were left behind while a message was written."""
    limit = time.time() - DRAFT_DAYS * 86400
    for path in sorted(view.spool.rglob("*"), reverse=True):
        if path.is_symlink() or path.lstat().st_mtime > limit:
            continue
        if path.is_file():
            path.unlink(missing_ok=True)
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
