"""The site as the web process sees it: settings as applied, and the secrets that were given to it."""

from __future__ import annotations

from pathlib import Path

from keryx.components import registry
from keryx.components.admin.secrets import Copies
from keryx.core import debian
from keryx.settings import applied, placement
from keryx.settings.site import Site


def site(settings: Path) -> Site:
    """Return the site of ``HOME/etc/admin/settings.json``; raises BadInput or BadSettings."""
    kind = registry.settings_model()
    secrets = Copies(settings.parent / "secrets")
    paths = applied.paths(settings)
    where = placement.read(paths.home)
    return Site(applied.read(settings, kind), paths, secrets, debian.installed(), where)
