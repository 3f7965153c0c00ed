"""The ActiveSync component."""

from __future__ import annotations

from collections.abc import Sequence

from keryx.components.activesync.settings import ActivesyncSettings
from keryx.components.component import Command, Component, Platform
from keryx.components.sogod import daemon
from keryx.components.sogod.view import Pool, View
from keryx.core.files import Directory, File
from keryx.settings.site import Site


class Activesync(Component):
    """SOGo's workers for phones."""

    name = "activesync"
    title = "phones (ActiveSync)"
    stop_signal = daemon.STOP_SIGNAL
    section = ActivesyncSettings
    uses_database = True

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("sogo", "sogo-activesync", "postgresql-client")

    def enabled(self, site: Site) -> bool:
        return site.activesync_enabled

    def directories(self, site: Site) -> Sequence[Directory]:
        return daemon.directories(view(site))

    def render(self, site: Site) -> Sequence[File]:
        return daemon.files(view(site))

    def prepare(self, site: Site) -> None:
        """Wait for the database; remove attachments that were left behind."""
        daemon.await_database(view(site))
        daemon.tidy(view(site))

    def command(self, site: Site) -> Command:
        return daemon.command(view(site))

    def ready(self, site: Site) -> None:
        # Without a password: a worker is there and says that it wants one.
        daemon.answers(view(site), "OPTIONS", "/SOGo/Microsoft-Server-ActiveSync", (401,))


def view(site: Site) -> View:
    """Return what the files are made from."""
    wanted = site.section(ActivesyncSettings)
    pool = Pool(
        "activesync",
        site.activesync,
        wanted.workers,
        wanted.memory_limit_mb,
        # What answers phones is a page to SOGo; the gateway lets nobody to the others here.
        pages=True,
        ping_seconds=wanted.ping_seconds,
        sync_seconds=wanted.sync_seconds,
        check_seconds=wanted.check_seconds,
    )
    return View(site, pool)
