"""Sieve scripts made of what people enter: texts stay texts, and what cannot be is refused."""

from __future__ import annotations

import dataclasses

import pytest

from keryx.admin import sieve
from keryx.admin.sieve import Filter, Forwarding, Vacation, Wishes
from keryx.core import errors

RULE = Filter("Rule", "subject", "contains", "word", "fileinto", "Folder")
OWN = ["alice@example.org"]


def script(*rules: Filter) -> str:
    return sieve.compiled(Wishes(filters=rules), OWN)


def test_nothing_switched_on_is_no_script() -> None:
    off = Wishes(
        Forwarding(("far@ext.test",)), Vacation(text="Away"), (dataclasses.replace(RULE, active=False),)
    )
    assert sieve.compiled(off, OWN) == ""
    assert off.redirects == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("${variable}", '"${variable}"'),
        ("one\ntwo\r\n.\n", '"one\r\ntwo\r\n."'),
        ("Ω", '"Ω"'),
    ],
)
def test_quoting(text: str, expected: str) -> None:
    assert sieve.quoted(text) == expected


def test_no_text_ends_its_string_or_its_comment() -> None:
    nasty = '"; discard; # \\'
    made = script(dataclasses.replace(RULE, name=nasty, value=nasty, argument='Fold"er'))
    assert "discard" not in [line.strip() for line in made.splitlines()]
    assert f"# {nasty}" in made.splitlines()


def test_the_script_uses_no_variables() -> None:
    everything = Wishes(Forwarding(("far@ext.test",), True, True), Vacation(True, text="Away"), (RULE,))
    assert '"variables"' not in sieve.compiled(everything, OWN)


def test_rules_after_stop_are_in_the_else() -> None:
    on = dataclasses.replace(RULE, stop=False, action="flag", argument="seen")
    made = script(on, RULE, RULE, on)
    assert [line.strip() for line in made.splitlines() if "if " in line or "else" in line] == [
        'if header :contains ["subject"] "word" {',
        'if header :contains ["subject"] "word" {',
        '} elsif header :contains ["subject"] "word" {',
        "} else {",
        'if header :contains ["subject"] "word" {',
    ]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"value": ""}, "no value"),
        ({"field": "size"}, "does not go with its field"),
        ({"test": "over"}, "does not go with its field"),
        ({"field": "size", "test": "over", "value": "many"}, "whole number of KiB"),
        ({"argument": ""}, "no folder"),
        ({"argument": "../other"}, "cannot be"),
        ({"argument": "/etc"}, "cannot be"),
        ({"argument": "~/x"}, "cannot be"),
        ({"argument": "a//b"}, "cannot be"),
        ({"argument": "a\nb"}, "cannot be"),
        ({"argument": "shared/bob/x"}, "somebody else's"),
        ({"action": "flag", "argument": "two words"}, "flagged, seen"),
        ({"action": "flag", "argument": "\\Made up"}, "flagged, seen"),
        ({"action": "redirect", "argument": ""}, "no address"),
        ({"name": "two\nlines"}, "cannot be shown"),
        ({"value": "x" * 501}, "500 is the most"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(changed: dict[str, str], sentence: str) -> None:
    with pytest.raises(errors.BadInput, match=sentence):
        sieve.check_filters([dataclasses.replace(RULE, **changed)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "flag"),
    [("Flagged", "\\Flagged"), ("\\SEEN", "\\Seen"), ("$label1", "$label1"), ("work", "work")],
)
def test_flags_have_their_names(text: str, flag: str) -> None:
    assert sieve.flag(text) == flag
