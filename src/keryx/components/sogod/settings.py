"""The section ``sogo`` of keryx.yaml; ActiveSync's workers keep to it too."""

from __future__ import annotations

import functools
import re
import zoneinfo
from collections.abc import Set
from pathlib import Path
from typing import ClassVar, Literal

import pydantic

from keryx.settings.section import Section

Language = Literal[
    "Arabic", "Basque", "Bosnian", "BrazilianPortuguese", "Bulgarian", "Catalan", "ChineseChina",
    "ChineseTaiwan", "Croatian", "Czech", "Danish", "Dutch", "English", "Finnish", "French", "German",
    "Hebrew", "Hungarian", "Icelandic", "Indonesian", "Italian", "Japanese", "Kazakh", "Latvian",
    "Lithuanian", "Macedonian", "Montenegrin", "NorwegianBokmal", "NorwegianNynorsk", "Polish",
    "Portuguese", "Romanian", "Russian", "Serbian", "SerbianLatin", "Slovak", "Slovenian",
    "SpanishArgentina", "SpanishSpain", "Swedish", "TurkishTurkey", "Ukrainian", "Welsh",
]  # fmt: skip
PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")


@functools.cache
def _time_zones() -> Set[str]:
    return zoneinfo.available_timezones()


class SogoSettings(Section):
    """SOGo: webmail, calendars, contacts. What people choose for themselves wins over these."""

    section_name: ClassVar[str] = "sogo"

    language: Language = "English"
    """Language of those who have not chosen one."""
    time_zone: str = "UTC"
    """Time zone of those who have not chosen one, such as ``Europe/Berlin``."""
    title: str = pydantic.Field(default="Mail", min_length=1, max_length=100)
    """Title of the pages, as browsers show it on the tab."""
    logo: Path | None = None
    """Picture on SOGo's own sign-in page in place of SOGo's (SVG, PNG, JPEG, GIF or WebP)."""
    first_page: Literal["Mail", "Calendar", "Contacts"] = "Mail"
    """What people see first."""
    first_day_of_week: Literal["Sunday", "Monday", "Saturday"] = "Monday"
    """First day of a calendar's week."""
    address_book: bool = True
    """Whether everybody finds everybody, of all domains here, in a common address book."""
    outside_accounts: bool = False
    """Whether people may read mailboxes of other providers in SOGo too. The server then connects to
    whatever host they name, and keeps their passwords for it."""
    mail_notifications: bool = True
    """Whether people get mail about changes of appointments that they take part in."""
    workers: int = pydantic.Field(default=4, ge=2, le=200)
    """Processes that serve browsers; each answers one request at a time and takes 20 to 60 MiB. One
    for every ten people who work at the same time is plenty."""
    dav_workers: int = pydantic.Field(default=3, ge=2, le=200)
    """The same for calendar and contact programs (CalDAV, CardDAV)."""
    memory_limit_mb: int = pydantic.Field(default=512, ge=256, le=16384)
    """Address space in MiB at which a worker ends and is replaced after its request."""
    extra: str = ""
    """Lines appended to SOGo's settings as they are, each as ``Key = value;``."""

    @pydantic.field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", value):
            raise ValueError(f'"{value}" is not a time zone; write one such as Europe/Berlin')
        known = _time_zones()
        if known and value not in known:
            raise ValueError(f'"{value}" is not a time zone; write one such as Europe/Berlin')
        return value

    @pydantic.field_validator("logo")
    @classmethod
    def _picture(cls, value: Path | None) -> Path | None:
        if value is not None and value.suffix.lower() not in PICTURES:
            raise ValueError(f"{value} is not a picture that browsers show; take an SVG or PNG file")
        return value
