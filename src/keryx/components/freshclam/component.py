"""The freshclam component."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keryx.components.component import Command, Component, Platform
from keryx.components.freshclam.settings import FreshclamSettings
from keryx.core import errors
from keryx.core.files import Directory, File
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import Site

USER = "clamav"


class Freshclam(Component):
    """Updates of the virus database."""

    name = "freshclam"
    title = shown("virus database updates")
    section = FreshclamSettings

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("clamav-freshclam",)

    def enabled(self, site: Site) -> bool:
        return site.antivirus

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name)),
            Directory(site.paths.run(self.name), 0o755, USER, USER),
            Directory(site.paths.data("clamav"), 0o755, USER, USER),
        )

    def render(self, site: Site) -> Sequence[File]:
        text = render(
            __package__ or "",
            "freshclam.conf",
            freshclam=site.section(FreshclamSettings),
            data=site.paths.data("clamav"),
            clamd_config=site.paths.etc("clamav") / "clamd.conf",
            pid_file=self._pid_file(site),
        )
        return (File(self._config(site), text),)

    def command(self, site: Site) -> Command:
        argv = ("/usr/bin/freshclam", "--daemon", "--foreground", f"--config-file={self._config(site)}")
        return Command(argv, user=USER)

    def ready(self, site: Site) -> None:
        try:
            pid = int(self._pid_file(site).read_text())
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except (OSError, ValueError) as error:
            raise errors.NotReady("freshclam has not started its work yet.") from error
        if name != "freshclam":
            raise errors.NotReady(f"Process {pid} is {name}, not freshclam.")

    def _config(self, site: Site) -> Path:
        return site.paths.etc(self.name) / "freshclam.conf"

    def _pid_file(self, site: Site) -> Path:
        return site.paths.run(self.name) / "freshclam.pid"
