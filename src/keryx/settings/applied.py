"""The settings as the last ``keryx up`` applied them, for the suite's own Python processes.

They run with what every daemon was started with, not with a keryx.yaml that is being edited; and
keryx.yaml may stand where their user cannot read it. Each has a file of its own,
``etc/<component>/settings.json``: keys that keryx.yaml does not set are absent here too, so that
pages can tell a default from a choice. It names files of secrets and holds none.
"""

from __future__ import annotations

import json
from pathlib import Path

from keryx.settings import load
from keryx.settings.model import SiteSettings
from keryx.settings.site import Paths, Site

NAME = "settings.json"


def path(site: Site, component: str) -> Path:
    """Return where a component's copy stands."""
    return site.paths.etc(component) / NAME


def text(site: Site) -> str:
    """Return the settings as JSON."""
    values = site.settings.model_dump(mode="json", exclude_unset=True)
    return json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read(file: Path, kind: type[SiteSettings]) -> SiteSettings:
    """Return the settings in a component's copy."""
    return load.read(file, kind)


def paths(file: Path) -> Paths:
    """Return the places of the home that a component's copy belongs to."""
    return Paths(file.parent.parent.parent)
