"""Forwarding, vacation and rules as one Sieve script (RFC 5228), and what they may be.

Pure: nothing is looked up here. Texts enter the script only through ``quoted``. The script uses no
variables (RFC 5229), so that ``${...}`` in a text is just text.

Order in the script: the rules, one after the other until one says stop; then, unless a rule discarded the
message, the vacation answer and the forwarding. What neither files nor forwards away goes on to the user's
own active script.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keryx.core import errors

Field = Literal["from", "to", "subject", "list-id", "size"]
Test = Literal["contains", "is", "matches", "over"]
Do = Literal["fileinto", "discard", "flag", "redirect"]

MOST_RULES = 50
"""More would nest deeper than the interpreter goes (32)."""
LONGEST_TEXT = 10_000
"""Characters of a vacation answer."""
LONGEST_VALUE = 500
"""Characters of a subject or of a rule's value."""
LONGEST_FOLDER = 200
HEADERS = {"from": ["from"], "to": ["to", "cc"], "subject": ["subject"], "list-id": ["list-id"]}
FLAGS = {name: f"\\{name.capitalize()}" for name in ("seen", "answered", "flagged", "deleted", "draft")}
"""System flags (RFC 3501, 2.3.2); all others are keywords."""
KEYWORD = re.compile(r"\$?[A-Za-z0-9_][A-Za-z0-9_.-]{0,49}")


@dataclass(frozen=True)
class Forwarding:
    """Where mail goes on to."""

    targets: tuple[str, ...] = ()
    keep_copy: bool = True
    active: bool = False


@dataclass(frozen=True)
class Vacation:
    """The answer while away (RFC 5230)."""

    active: bool = False
    subject: str = ""
    text: str = ""
    start: datetime.date | None = None
    """First day, in the server's time zone; None is at once."""
    end: datetime.date | None = None
    """Last day; None is until switched off."""
    days: int = 7
    """Each sender is answered once in so many days."""


@dataclass(frozen=True)
class Filter:
    """One rule: when a field fits, do something."""

    name: str
    field: Field
    test: Test
    value: str
    """Text; for ``size`` a number of KiB. ``matches`` knows ``*`` and ``?``."""
    action: Do
    argument: str = ""
    """The folder of fileinto, the address of redirect, the flag of flag."""
    stop: bool = True
    """Whether later rules are left out."""
    active: bool = True


@dataclass(frozen=True)
class Wishes:
    """All that somebody has set."""

    forwarding: Forwarding = Forwarding()
    vacation: Vacation = Vacation()
    filters: tuple[Filter, ...] = ()

    @property
    def redirects(self) -> tuple[str, ...]:
        """Every address that a message may be sent on to."""
        targets = self.forwarding.targets if self.forwarding.active else ()
        rules = [rule.argument for rule in self.filters if rule.active and rule.action == "redirect"]
        return tuple(dict.fromkeys((*targets, *rules)))


# --- what they may be


def check_vacation(wanted: Vacation, shortest: int) -> None:
    """Raise BadInput when an answer cannot be; ``shortest`` is the site's fewest days between two."""
    _check_text("The subject of the vacation answer", wanted.subject, LONGEST_VALUE, lines=False)
    _check_text("The vacation answer", wanted.text, LONGEST_TEXT, lines=True)
    if wanted.active and not wanted.text.strip():
        raise errors.BadInput("The vacation answer has no text.", remedy="Write what senders shall read.")
    if wanted.start and wanted.end and wanted.end < wanted.start:
        raise errors.BadInput(
            f"The vacation ends on {wanted.end}, before it starts on {wanted.start}.",
            remedy="Give the last day.",
        )
    if not max(1, shortest) <= wanted.days <= 60:
        raise errors.BadInput(
            f"Senders cannot be answered every {wanted.days} days.",
            remedy=f"Take {max(1, shortest)} to 60 days.",
        )


def check_filters(wanted: Sequence[Filter]) -> None:
    """Raise BadInput naming the rule that cannot be."""
    if len(wanted) > MOST_RULES:
        raise errors.BadInput(f"There are {len(wanted)} rules, and {MOST_RULES} is the most.")
    for rule in wanted:
        problem = _problem(rule)
        if problem:
            raise errors.BadInput(f'The rule "{rule.name[:60]}" {problem}.')


def _problem(rule: Filter) -> str:
    """Return what is wrong with a rule, or nothing."""
    _check_text("The name of a rule", rule.name, 100, lines=False)
    _check_text(f'The value of the rule "{rule.name[:60]}"', rule.value, LONGEST_VALUE, lines=False)
    if not rule.value.strip():
        return "has no value to look for"
    if (rule.field == "size") != (rule.test == "over"):
        return "has a test that does not go with its field: only a size is over something, and nothing else"
    if rule.field == "size" and not (rule.value.isascii() and rule.value.isdigit() and len(rule.value) < 8):
        return f'has the size "{rule.value}"; write a whole number of KiB'
    if rule.action == "fileinto":
        return folder_problem(rule.argument)
    if rule.action == "flag" and not flag(rule.argument):
        return f'has the flag "{rule.argument}"; take flagged, seen or a word of letters and digits'
    return "" if rule.action != "redirect" or rule.argument else "has no address to send to"


def folder_problem(name: str) -> str:
    """Return what is wrong with the name of a folder, or nothing."""
    parts = name.split("/")
    if not name or len(name) > LONGEST_FOLDER or not name.isprintable():
        return "has no folder to file into" if not name else "has a folder name that cannot be"
    if any(part != part.strip() or part in ("", ".", "..") for part in parts) or name[0] in "~":
        return f'has the folder "{name}", which cannot be; write it as Lists/Gardening'
    return f'has the folder "{name}", which is somebody else\'s' if parts[0].lower() == "shared" else ""


def flag(text: str) -> str:
    """Return a flag as IMAP knows it; empty when it is none."""
    word = text.strip().removeprefix("\\")
    if word.lower() in FLAGS:
        return FLAGS[word.lower()]
    return word if KEYWORD.fullmatch(word) and not text.strip().startswith("\\") else ""


def _check_text(what: str, text: str, longest: int, *, lines: bool) -> None:
    allowed = "\t\r\n" if lines else ""
    if len(text) > longest:
        raise errors.BadInput(f"{what} has {len(text)} characters, and {longest} is the most.")
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in allowed for char in text):
        raise errors.BadInput(f"{what} has characters that cannot be shown.")


# --- the script


def compiled(wishes: Wishes, own: Sequence[str]) -> str:
    """Return the script; empty when nothing is switched on. ``own`` are the account's addresses."""
    rules = [rule for rule in wishes.filters if rule.active]
    parts = [*_chain(rules)]
    if wishes.vacation.active:
        parts += _vacation(wishes.vacation, own)
    if wishes.forwarding.active:
        parts += _forwarding(wishes.forwarding)
    if not parts:
        return ""
    needed = ", ".join(quoted(name) for name in _extensions(wishes, rules))
    heading = ["# Made by Keryx of what is set in the account pages; changes here are lost."]
    if needed:
        heading.append(f"require [{needed}];")
    return "\r\n".join([*heading, *parts, ""])


def quoted(text: str) -> str:
    """Return a text as a quoted string (RFC 5228, 2.4.2), its lines ended by CRLF."""
    plain = "\r\n".join(text.splitlines()) if ("\n" in text or "\r" in text) else text
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _extensions(wishes: Wishes, rules: Sequence[Filter]) -> list[str]:
    actions = {rule.action for rule in rules}
    vacation = wishes.vacation
    needed = {
        "fileinto": "fileinto" in actions,
        "mailbox": "fileinto" in actions,
        "imap4flags": "flag" in actions,
        "copy": wishes.forwarding.active and wishes.forwarding.keep_copy,
        "vacation": vacation.active,
        "date": bool(vacation.active and (vacation.start or vacation.end)),
        "relational": bool(vacation.active and (vacation.start or vacation.end)),
    }
    return [name for name, wanted in needed.items() if wanted]


def _chain(rules: Sequence[Filter]) -> list[str]:
    """Return the rules. Those that say stop are one if with its elsifs; what follows them is in the else."""
    first = next((place for place, rule in enumerate(rules) if rule.stop), len(rules))
    after = next((place for place in range(first, len(rules)) if not rules[place].stop), len(rules))
    lines = [line for rule in rules[:first] for line in _rule(rule)]
    for place, rule in enumerate(rules[first:after]):
        found = _rule(rule)
        # The comment goes into the block: nothing may stand between } and elsif.
        chained = [*lines[:-1], f"}} els{found[1]}", f"  {found[0]}", *found[2:]]
        lines = chained if place else [*lines, *found]
    rest = _chain(rules[after:]) if after < len(rules) else []
    return [*lines[:-1], "} else {", *("  " + line for line in rest), "}"] if rest else lines


def _rule(rule: Filter) -> list[str]:
    name = " ".join(rule.name.split())
    return [f"# {name}", f"if {_test(rule)} {{", *(f"  {line}" for line in _action(rule)), "}"]


def _test(rule: Filter) -> str:
    if rule.field == "size":
        return f"size :over {rule.value}K"
    names = "[" + ", ".join(quoted(name) for name in HEADERS[rule.field]) + "]"
    if rule.test == "matches":
        # The user's backslash is a backslash, not an escape of the pattern.
        return f"header :matches {names} {quoted(rule.value.replace(chr(92), chr(92) * 2))}"
    if rule.test == "contains":
        return f"header :contains {names} {quoted(rule.value)}"
    if rule.field in ("from", "to"):
        return f"address :all :is {names} {quoted(rule.value.strip())}"
    if rule.field == "list-id":
        # Gardening <gardening.lists.example.org> (RFC 2919): the name in brackets is the list.
        inner = quoted(f"<{rule.value.strip().strip('<>')}>")
        return f"anyof (header :is {names} {quoted(rule.value)}, header :contains {names} {inner})"
    return f"header :is {names} {quoted(rule.value)}"


def _action(rule: Filter) -> list[str]:
    if rule.action == "fileinto":
        return [f"fileinto :create {quoted(rule.argument)};"]
    if rule.action == "flag":
        return [f"addflag {quoted(flag(rule.argument))};"]
    if rule.action == "redirect":
        return [f"redirect {quoted(rule.argument)};"]
    # Neither answered nor forwarded.
    return ["discard;", "stop;"]


def _vacation(wanted: Vacation, own: Sequence[str]) -> list[str]:
    dates = [
        f'currentdate :value "{relation}" "date" "{day.isoformat()}"'
        for relation, day in (("ge", wanted.start), ("le", wanted.end))
        if day is not None
    ]
    words = [f"vacation :days {wanted.days}"]
    if wanted.subject.strip():
        words.append(f":subject {quoted(wanted.subject.strip())}")
    words.append(f":addresses [{', '.join(quoted(address) for address in own)}]")
    action = f"{' '.join(words)} {quoted(wanted.text)};"
    return [f"if allof ({', '.join(dates)}) {{", f"  {action}", "}"] if dates else [action]


def _forwarding(wanted: Forwarding) -> list[str]:
    how = "redirect :copy" if wanted.keep_copy else "redirect"
    return [f"{how} {quoted(target)};" for target in wanted.targets]
