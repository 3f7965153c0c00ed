"""What is known about the data on disk: it tells a start what is still to be done to it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keryx.core import files
from keryx.settings.site import Site


@dataclass(frozen=True)
class State:
    """The data as the last preparation left them."""

    root_dn: str = ""
    """Root of the tree; empty when there are no data yet."""
    branches: tuple[str, ...] = ()
    """Branches that were made once. One that someone removed since is not made again."""
    passwords: Mapping[str, str] = field(default_factory=dict)
    """Hashes of the reader's and the administrator's password, by name: they show whether the
    secrets have been changed since."""
    indexes: tuple[str, ...] = ()
    """Index lines that the data were indexed with."""


def place(site: Site) -> Path:
    """Return where the state is kept."""
    return site.paths.data("openldap") / "state.json"


def read(path: Path) -> State:
    """Return what is known, or the state of no data."""
    if not path.exists():
        return State()
    values = json.loads(path.read_text())
    return State(
        values["root_dn"], tuple(values["branches"]), dict(values["passwords"]), tuple(values["indexes"])
    )


def write(path: Path, state: State) -> None:
    """Remember the state; hashes are in it, so only root may read it."""
    files.write(path, json.dumps(dataclasses.asdict(state), indent=1, sort_keys=True) + "\n", mode=0o600)
