"""How a person likes the pages. Kept in the records, not in the directory, which may be read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from keryx.records import preferences
from keryx.settings.site import Site

Language = Literal["", "en", "de"]
LANGUAGE = "language"


@dataclass(frozen=True)
class Preferences:
    """What a person has chosen."""

    language: Language = ""
    """Empty: as the browser wishes."""


def show(site: Site, address: str) -> Preferences:
    """Return what an account's owner has chosen."""
    language = preferences.get(site, address, LANGUAGE, "")
    return Preferences(language if language in get_args(Language) else "")


def change(site: Site, address: str, wanted: Preferences) -> None:
    """Keep another choice."""
    preferences.put(site, address, LANGUAGE, wanted.language)
