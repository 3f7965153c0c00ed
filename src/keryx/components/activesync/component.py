"""The ActiveSync component."""

from __future__ import annotations

from collections.abc import Sequence

from keryx.components.activesync.settings import ActivesyncSettings
from keryx.components.component import Platform
from keryx.components.sogod.daemon import Sogod
from keryx.components.sogod.view import Pool, View
from keryx.core.wording import shown
from keryx.settings.site import Site


class Activesync(Sogod):
    """SOGo's workers for phones."""

    name = "activesync"
    title = shown("phones (ActiveSync)")
    section = ActivesyncSettings
    # Most of them only wait with a phone for news, which then asks again.
    last_answer = 10
    probe = ("OPTIONS", "/SOGo/Microsoft-Server-ActiveSync", 401)

    def packages(self, platform: Platform) -> Sequence[str]:
        return (*super().packages(platform), "sogo-activesync")

    def enabled(self, site: Site) -> bool:
        return site.activesync_enabled

    def view(self, site: Site) -> View:
        wanted = site.section(ActivesyncSettings)
        pool = Pool(
            self.name,
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
