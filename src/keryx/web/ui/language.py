"""Languages of the pages: which one, its words (gettext), its dates and numbers.

The preference of who is signed in comes first, then the choice kept in a cookie (for the sign-in
page), then the browser's Accept-Language (RFC 9110, section 12.5.4). Catalogues stand in
``locale/<language>/LC_MESSAGES/keryx.po``; English is in the sources themselves.
"""

from __future__ import annotations

import datetime
import functools
import gettext
from pathlib import Path

LANGUAGES = {"en": "English", "de": "Deutsch"}
"""Languages that the pages speak, each by its own name."""
NOTHING = "\N{EN DASH}"
"""Stands where there is no value."""
LOCALE = Path(__file__).parent / "locale"
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "de": ("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sep.", "Okt.", "Nov.", "Dez."),
}


def choose(preference: str | None, cookie: str | None, accept_language: str) -> str:
    """Return the language of a page."""
    for wanted in (preference, cookie):
        if wanted in LANGUAGES:
            return wanted
    return accepted(accept_language)


def accepted(header: str) -> str:
    """Return the language of ours that a browser likes best; English when it likes none."""
    liked: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        liked.append((quality, tag.split("-")[0].lower()))
    for quality, tag in sorted(liked, key=lambda item: -item[0]):
        if quality > 0 and tag in LANGUAGES:
            return tag
    return "en"


@functools.cache
def catalogue(language: str) -> gettext.NullTranslations:
    """Return the words of a language; a word it lacks stays English."""
    return gettext.translation("keryx", LOCALE, [language], fallback=True)


def number(language: str, value: float, digits: int = 0) -> str:
    """Return a number with the language's separators."""
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text


def size(language: str, megabytes: float | None) -> str:
    """Return a size given in MiB in the largest fitting unit."""
    if megabytes is None:
        return NOTHING
    for unit, factor in (("TB", 1024 * 1024), ("GB", 1024)):
        if megabytes >= factor:
            value = megabytes / factor
            return f"{number(language, value, 0 if value == int(value) else 1)} {unit}"
    if 0 < megabytes < 1:
        return f"{number(language, max(1, megabytes * 1024))} KB"
    return f"{number(language, megabytes)} MB"


def moment(value: object) -> datetime.datetime | None:
    """Return a time that the API gave (ISO 8601, or seconds since 1970) in this machine's zone."""
    try:
        if isinstance(value, (int, float)):
            return datetime.datetime.fromtimestamp(value).astimezone()
        if isinstance(value, str) and value:
            return datetime.datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
    return None


def date(language: str, value: object, *, time: bool = True) -> str:
    """Return a date, with the time of day unless told otherwise."""
    at = moment(value)
    if at is None:
        return NOTHING
    month = MONTHS.get(language, MONTHS["en"])[at.month - 1]
    day = f"{at.day}. {month} {at.year}" if language == "de" else f"{at.day} {month} {at.year}"
    return f"{day}, {at:%H:%M}" if time else day


def duration(language: str, seconds: float | None) -> str:
    """Return a span of time by its two largest units."""
    if seconds is None:
        return NOTHING
    left = max(0, int(seconds))
    days, left = divmod(left, 86400)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    day = "T" if language == "de" else "d"
    if days:
        return f"{days} {day} {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{left} s"
