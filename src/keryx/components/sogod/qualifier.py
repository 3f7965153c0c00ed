"""LDAP filters (RFC 4515) as SOGo wants them written: ``(a='b' AND c='d')`` for ``(&(a=b)(c=d))``.

SOGo turns what it is given back into a filter, values untouched.
"""

from __future__ import annotations

import re

from keryx.core import errors

SIMPLE = re.compile(r"([A-Za-z][A-Za-z0-9;-]*)(=|>=|<=)([^()']*)")


def qualifier(text: str) -> str:
    """Return the filter in SOGo's words; raises BadInput for what it has no words for."""
    words, rest = _filter(text.strip(), text)
    if rest:
        raise _unfit(text)
    return words


def _filter(text: str, whole: str) -> tuple[str, str]:
    """Return the first filter of ``text`` in SOGo's words, and what follows it."""
    if not text.startswith("("):
        raise _unfit(whole)
    kind = text[1:2]
    if kind in ("&", "|", "!"):
        parts, rest = [], text[2:]
        while not rest.startswith(")"):
            part, rest = _filter(rest, whole)
            parts.append(part)
        if not parts or (kind == "!" and len(parts) > 1):
            raise _unfit(whole)
        joined = f"NOT {parts[0]}" if kind == "!" else {"&": " AND ", "|": " OR "}[kind].join(parts)
        return (f"({joined})" if len(parts) > 1 or kind == "!" else joined), rest[1:]
    end = text.find(")")
    found = SIMPLE.fullmatch(text[1:end]) if end > 0 else None
    if not found:
        raise _unfit(whole)
    value = found[3].replace("\\", "\\\\")
    return f"({found[1]} {found[2]} '{value}')", text[end + 1 :]


def _unfit(text: str) -> errors.BadInput:
    return errors.BadInput(
        f"directory.filters.account: SOGo cannot be told the filter {text}.",
        remedy="Write it with (&...), (|...), (!...) and conditions of the forms (a=b), (a>=b), (a<=b).",
    )
