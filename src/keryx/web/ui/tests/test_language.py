"""Languages: which one, complete catalogues, dates and numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from keryx.web.ui import language

ROOT = Path(__file__).parents[5]


def test_every_string_is_translated_and_the_catalogues_are_current() -> None:
    done = subprocess.run(
        [ROOT / "script/translations", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_language_has_its_catalogue() -> None:
    for code in language.LANGUAGES:
        if code != "en":
            assert language.catalogue(code).gettext("Save") != "Save"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH,fr;q=0.9", "de"),
        ("fr,de;q=0.5,en;q=0.7", "en"),
        ("de;q=0,en", "en"),
        ("*;q=x,,;;", "en"),
        ("fr", "en"),
    ],
)
def test_the_browser_is_asked(header: str, wanted: str) -> None:
    assert language.accepted(header) == wanted


def test_a_preference_comes_before_the_cookie_and_both_before_the_browser() -> None:
    assert language.choose("de", "en", "en") == "de"
    assert language.choose("", "de", "en") == "de"
    assert language.choose("xx", None, "de") == "de"


def test_numbers_sizes_and_spans() -> None:
    assert language.number("en", 1234567) == "1,234,567"
    assert language.number("de", 1234567.5, 1) == "1.234.567,5"
    assert language.size("de", 1536) == "1,5 GB"
    assert language.size("en", 5120) == "5 GB"
    assert language.size("en", 0.5) == "512 KB"
    assert language.size("en", None) == language.NOTHING
    assert language.duration("en", 59) == "59 s"
    assert language.duration("en", 3700) == "1 h 1 min"
    assert language.duration("de", 90000) == "1 T 1 h"


@pytest.mark.parametrize("value", [None, "", "yesterday", float("inf"), 1e20, "2026-13-01"])
def test_what_is_no_time_is_none(value: object) -> None:
    assert language.date("en", value) == language.NOTHING


def test_dates() -> None:
    assert language.date("en", "2026-03-01T12:00:00", time=False) == "1 Mar 2026"
    assert language.date("de", "2026-03-01", time=False) == "1. März 2026"
