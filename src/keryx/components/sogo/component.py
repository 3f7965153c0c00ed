"""The SOGo component."""

from __future__ import annotations

from collections.abc import Sequence

from keryx.components.component import Command, Component, Platform
from keryx.components.sogo import commands
from keryx.components.sogod import daemon
from keryx.components.sogod.settings import SogoSettings
from keryx.components.sogod.view import Pool, View
from keryx.core.files import Directory, File
from keryx.settings.site import Site


class Sogo(Component):
    """SOGo's workers for browsers."""

    name = "sogo"
    title = "webmail SOGo"
    stop_signal = daemon.STOP_SIGNAL
    section = SogoSettings
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
        """Wait for the database; remove what was left behind: attachments of unsent messages, sessions."""
        daemon.await_database(view(site))
        daemon.tidy(view(site))
        commands.end_old_sessions(site)

    def command(self, site: Site) -> Command:
        return daemon.command(view(site))

    def ready(self, site: Site) -> None:
        daemon.answers(view(site), "GET", "/SOGo/", (200,))


def view(site: Site) -> View:
    """Return what SOGo's files are made from."""
    wanted = site.section(SogoSettings)
    pool = Pool("sogo", site.sogo, wanted.workers, wanted.memory_limit_mb, trusting=True, pages=True)
    return View(site, pool)
