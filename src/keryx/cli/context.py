"""Which suite a command is about: ``--home`` and ``--config``, accepted anywhere on the line.

Without them ``KERYX_HOME`` and ``KERYX_CONFIG`` of the environment say it.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from keryx.core import errors
from keryx.host import home as host_home
from keryx.settings import placement
from keryx.settings.site import Site


@dataclass
class Chosen:
    """What the command line said."""

    home: Path = Path(os.environ.get("KERYX_HOME", host_home.DEFAULT))
    config: Path | None = None

    @property
    def settings_file(self) -> Path:
        """The settings file: as the command line says, or else the environment (``KERYX_CONFIG``)."""
        return self.config or placement.settings_file(self.home)


chosen = Chosen()


@functools.lru_cache(maxsize=1)
def site() -> Site:
    """Return the suite that the command is about; raises BadInput to whom it is closed."""
    found = host_home.site(chosen.home, chosen.config)
    if found.paths.secrets.exists() and not os.access(
        found.paths.secrets, os.R_OK | os.X_OK, effective_ids=True
    ):
        raise errors.BadInput(f"The suite in {chosen.home} is root's.", remedy="Run keryx as root (sudo).")
    return found


def anew() -> Site:
    """Return the suite as its settings are now: for a process that outlives their changes."""
    site.cache_clear()
    return site()


def take(arguments: list[str]) -> list[str]:
    """Take ``--home`` and ``--config`` out of the arguments, wherever they stand before ``--``."""
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*rest, word, *words]
        name, equals, value = word.partition("=")
        if name not in ("--home", "--config"):
            rest.append(word)
            continue
        value = value if equals else next(words, "")
        if not value:
            raise errors.BadInput(f"{name} needs a path.", remedy=f"Write {name} /some/path.")
        path = Path(value).absolute()
        if name == "--home":
            chosen.home = path
        else:
            chosen.config = path
    return rest
