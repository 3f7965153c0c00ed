"""The DAV component."""

from __future__ import annotations

from collections.abc import Sequence

from keryx.components.component import Command, Component, Platform
from keryx.components.sogod import daemon
from keryx.components.sogod.settings import SogoSettings
from keryx.components.sogod.view import Pool, View
from keryx.core.files import Directory, File
from keryx.settings.site import Site


class Dav(Component):
    """SOGo's workers for calendar and contact programs."""

    name = "dav"
    title = "calendars, contacts (DAV)"
    stop_signal = daemon.STOP_SIGNAL
    uses_database = True

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("sogo", "postgresql-client")

    def enabled(self, site: Site) -> bool:
        return site.sogo_enabled

    def directories(self, site: Site) -> Sequence[Directory]:
        return daemon.directories(view(site))

    def render(self, site: Site) -> Sequence[File]:
        return daemon.files(view(site))

    def prepare(self, site: Site) -> None:
        """Wait for the database."""
        daemon.await_database(view(site))

    def command(self, site: Site) -> Command:
        return daemon.command(view(site))

    def ready(self, site: Site) -> None:
        # Without a password: a worker is there and says that it wants one.
        daemon.answers(view(site), "OPTIONS", "/SOGo/dav/", (401,))


def view(site: Site) -> View:
    """Return what the files are made from."""
    wanted = site.section(SogoSettings)
    return View(site, Pool("dav", site.dav, wanted.dav_workers, wanted.memory_limit_mb))
