"""The ClamAV component: clamd."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keryx.components.clamav.settings import ClamavSettings
from keryx.components.component import Command, Component, Platform
from keryx.core import errors, network
from keryx.core.files import Directory, File
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import Site

USER = "clamav"
ENDINGS = ("cvd", "cld", "cud", "ndb", "hdb", "hsb", "ldb")
# clamd leaves at once when there is no database yet, as on a first start, when freshclam is
# still fetching it. Waiting is no failure.
WAIT = 'until ls "$1" | grep -qE "[.]($2)$"; do sleep 2; done; exec /usr/sbin/clamd --config-file="$3"'


class Clamav(Component):
    """The virus scanner."""

    name = "clamav"
    title = shown("virus scanner")
    section = ClamavSettings
    # Loading eight million signatures takes a minute, fetching them at the first start a few.
    start_timeout = 300

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("clamav-daemon",)

    def enabled(self, site: Site) -> bool:
        return site.antivirus

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name)),
            # The folder's group lets the filter in, as Redis' does.
            Directory(site.paths.run(self.name), 0o2750, USER, "_rspamd"),
            Directory(site.paths.data(self.name), 0o755, USER, USER),
        )

    def render(self, site: Site) -> Sequence[File]:
        text = render(
            __package__ or "",
            "clamd.conf",
            clamav=site.section(ClamavSettings),
            verbose=site.settings.log_level == "debug",
            socket=site.paths.run(self.name) / "clamd.sock",
            door=site.door(self.name),
            data=site.paths.data(self.name),
            # The filter hands over no more than that (its max_message).
            largest=site.settings.message_size_limit_mb + 1,
        )
        return (File(self._config(site), text),)

    def command(self, site: Site) -> Command:
        words = (str(site.paths.data(self.name)), "|".join(ENDINGS), str(self._config(site)))
        return Command(("/bin/sh", "-c", WAIT, "clamav", *words), user=USER)

    def ready(self, site: Site) -> None:
        data = site.paths.data(self.name)
        if not any(found for ending in ENDINGS for found in data.glob(f"*.{ending}")):
            raise errors.NotReady(
                f"There is no virus database in {data} yet.",
                remedy="freshclam fetches it from the internet (keryx logs freshclam); without a way out, "
                f"copy main.cvd, daily.cvd and bytecode.cvd to {data}.",
            )
        answer = network.exchange(site.clamav, b"zPING\0")
        if not answer.startswith(b"PONG"):
            raise errors.NotReady(f"{site.clamav} answers {answer[:60]!r}, not PONG.")

    def _config(self, site: Site) -> Path:
        return site.paths.etc(self.name) / "clamd.conf"
