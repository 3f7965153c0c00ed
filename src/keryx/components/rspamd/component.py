"""The Rspamd component."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from keryx.components.component import Command, Component, Platform, SystemUser
from keryx.components.rspamd import commands
from keryx.components.rspamd.settings import RspamdSettings
from keryx.components.rspamd.view import View
from keryx.core import errors, files, network
from keryx.core.files import Directory, File
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import GATEWAY, PODS_DOOR, Site

USER = "_rspamd"
MOST_WORKERS = 8
"""Scanning processes that are started unasked: each has all rules in memory, some 70 MiB."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a container may use (cgroups v2): microseconds of a period, or "max"."""

# Files that Rspamd merges into its defaults, and files that replace what the defaults say.
LOCAL = (
    "actions.conf",
    "antivirus.conf",
    "arc.conf",
    "asn.conf",
    "classifier-bayes.conf",
    "dkim_signing.conf",
    "force_actions.conf",
    "greylist.conf",
    "history_redis.conf",
    "logging.inc",
    "milter_headers.conf",
    "neural.conf",
    "phishing.conf",
    "ratelimit.conf",
    "redis.conf",
    "rspamd_update.conf",
    "settings.conf",
)
OVERRIDE = ("options.inc", "worker-controller.inc", "worker-normal.inc", "worker-proxy.inc")
# Where the scanners are in other pods, all that is left is to carry mail to them.
CARRIER = ("carrier.conf", "carrier-suffixes", "logging.inc", "options.inc", "worker-proxy.inc")
RULES = (
    "keryx_header_from.lua",
    "keryx_headers.lua",
    "keryx_own_bounce.lua",
    "keryx_rate_limit.lua",
    "keryx_signing.lua",
    "keryx_users.lua",
)


class Rspamd(Component):
    """The spam filter."""

    name = "rspamd"
    title = shown("spam filter, signatures")
    section = RspamdSettings
    alone_as = USER
    # Dovecot's learning scripts run as vmail and reach the controller by its group; the gateway the pages.
    users = (SystemUser("vmail"), SystemUser(GATEWAY))
    # The first start compiles several thousand regular expressions (Hyperscan).
    start_timeout = 180

    def end_leftovers(self, site: Site) -> None:
        """End workers whose main process was killed: they would go on answering with what it knew."""
        for process in commands.left_by(site.paths.state / f"{self.name}.pid"):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("rspamd",)

    def directories(self, site: Site) -> Sequence[Directory]:
        etc = site.paths.etc(self.name)
        common = (
            Directory(etc),
            Directory(site.paths.run(self.name)),
            Directory(site.paths.data(self.name), 0o750, USER, USER),
            Directory(site.paths.sockets),
        )
        if View(site).only_carries:
            return common
        return (
            *common,
            Directory(etc / "local.d"),
            Directory(etc / "override.d"),
            Directory(etc / "lua"),
            Directory(site.paths.dkim, 0o750, "root", USER),
            Directory(site.spam_settings.parent, 0o750, "root", USER),
        )

    def render(self, site: Site) -> Sequence[File]:
        etc = site.paths.etc(self.name)
        view = View(site)
        whole = [
            *((name, etc / "local.d" / name) for name in LOCAL),
            *((name, etc / "override.d" / name) for name in OVERRIDE),
            *((name, etc / "lua" / name) for name in RULES),
            ("rspamd.conf.local", etc / "rspamd.conf.local"),
            ("rspamd.local.lua", etc / "rspamd.local.lua"),
        ]
        places = [(name, etc / name) for name in CARRIER] if view.only_carries else whole
        names = {"site": site, "rspamd": view, "gateway": GATEWAY, "pods_door": PODS_DOOR}
        made = [File(path, render(__package__ or "", name, **names)) for name, path in places]
        # Where Redis asks for a password, it is in this file.
        return [
            replace(file, mode=0o640, group=USER, secret=True)
            if file.path.name == "redis.conf" and site.redis_password
            else file
            for file in made
        ]

    def prepare(self, site: Site) -> None:
        """Write what is no matter of settings alone: the processors, the controller's password.

        Only Rspamd itself can compute the password's hash, and it has a random salt.
        """
        view = View(site)
        if view.only_carries:
            return
        if not site.spam_settings.exists():
            # A map that is not there is not watched.
            files.write(site.spam_settings, "", mode=0o640, group=USER)
        files.write(
            view.workers_file, f"count = {view.settings.workers or min(_processors(), MOST_WORKERS)};\n"
        )
        path = view.password_file
        source = site.secrets.path("rspamd-controller")
        password = site.secrets.get("rspamd-controller")
        if path.exists() and path.stat().st_mtime >= source.stat().st_mtime:
            return
        text = f'password = "{commands.password_hash(password.reveal())}";\n'
        files.write(path, text, mode=0o640, group=USER)

    def validate(self, site: Site) -> None:
        # A home of an older Keryx, or one whose first start was broken off, may lack what is included.
        self.prepare(site)
        view = View(site)
        commands.configtest(view.config, view.variables)

    def command(self, site: Site) -> Command:
        view = View(site)
        argv = ["/usr/bin/rspamd", "-f", "-u", USER, "-g", USER, "-c", str(view.config)]
        return Command((*argv, *commands.variable_arguments(view.variables)))

    def ready(self, site: Site) -> None:
        if not View(site).only_carries:
            answer = network.exchange(site.rspamd_controller, b"GET /ping HTTP/1.0\r\n\r\n")
            if b"pong" not in answer:
                raise errors.NotReady(f"{site.rspamd_controller} answers {answer[:60]!r}, not pong.")
        # Milter protocol: option negotiation (SMFIC_OPTNEG), version 6, no actions, no steps.
        negotiation = b"\0\0\0\x0dO" + (6).to_bytes(4) + (0x1FF).to_bytes(4) + (0x1FFFFF).to_bytes(4)
        answer = network.exchange(site.milter, negotiation)
        if answer[4:5] != b"O":
            raise errors.NotReady(f"{site.milter} does not speak the milter protocol: {answer[:60]!r}.")

    def reload(self, site: Site, changed: Sequence[Path]) -> bool:
        """Rspamd starts fresh workers on SIGHUP and lets the old ones finish their messages."""
        if any(path.name.startswith("worker-") for path in changed):
            return False
        try:
            with network.connect(View(site).control) as stream:
                # In the foreground Rspamd writes no PID file; the socket's listener is the main process.
                credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            os.kill(struct.unpack("3i", credentials)[0], signal.SIGHUP)
        except (errors.NotReady, ProcessLookupError):
            return False
        return True

    def backup_paths(self, site: Site) -> Sequence[Path]:
        return (site.paths.dkim, site.paths.data(self.name))


def _processors() -> int:
    """Return how many processors' time this machine, or this container, may use; at least one."""
    there = os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(there, int(quota) // int(period)))
    except (OSError, ValueError):
        # No such group, or "max": no limit.
        return there
