"""The SOGo component."""

from __future__ import annotations

from keryx.components.sogo import commands
from keryx.components.sogod.daemon import Sogod
from keryx.components.sogod.settings import SogoSettings
from keryx.components.sogod.view import Pool, View
from keryx.core.wording import shown
from keryx.settings.site import Site


class Sogo(Sogod):
    """SOGo's workers for browsers."""

    name = "sogo"
    title = shown("webmail SOGo")
    section = SogoSettings
    probe = ("GET", "/SOGo/", 200)

    def view(self, site: Site) -> View:
        wanted = site.section(SogoSettings)
        pool = Pool(self.name, site.sogo, wanted.workers, wanted.memory_limit_mb, trusting=True, pages=True)
        return View(site, pool)

    def prepare(self, site: Site) -> None:
        """Remove old sessions too."""
        super().prepare(site)
        commands.end_old_sessions(site)
