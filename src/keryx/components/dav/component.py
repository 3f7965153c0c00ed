"""The DAV component."""

from __future__ import annotations

from keryx.components.sogod.daemon import Sogod
from keryx.components.sogod.settings import SogoSettings
from keryx.components.sogod.view import Pool, View
from keryx.core.wording import shown
from keryx.settings.site import Site


class Dav(Sogod):
    """SOGo's workers for calendar and contact programs."""

    name = "dav"
    title = shown("calendars, contacts (DAV)")
    probe = ("OPTIONS", "/SOGo/dav/", 401)

    def view(self, site: Site) -> View:
        wanted = site.section(SogoSettings)
        return View(site, Pool(self.name, site.dav, wanted.dav_workers, wanted.memory_limit_mb))
