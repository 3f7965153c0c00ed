"""How a person likes the pages. Kept in the records, not in the directory, which may be read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keryx.settings.site import Site

Language = Literal["", "en", "de"]


@dataclass(frozen=True)
class Preferences:
    """What a person has chosen."""

    language: Language = ""
    """Empty: as the browser wishes."""


def show(site: Site, address: str) -> Preferences:
    """Return what an account's owner has chosen."""
    raise NotImplementedError


def change(site: Site, address: str, wanted: Preferences) -> None:
    """Keep another choice."""
    raise NotImplementedError
