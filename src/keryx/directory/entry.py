"""An entry of the directory, as plain Python values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Attributes = Mapping[str, Sequence[str]]


class Entry:
    """An entry as it was read: its name and its values; attribute names in any case."""

    def __init__(self, dn: str, values: Attributes) -> None:
        self.dn = dn
        self._values = {name.lower(): tuple(texts) for name, texts in values.items()}

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of an attribute."""
        return self._values.get(name.lower(), ())

    def one(self, name: str, default: str = "") -> str:
        """Return the first value of an attribute."""
        return next(iter(self.all(name)), default)

    def true(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean (RFC 4517: TRUE or FALSE)."""
        text = self.one(name)
        return text.upper() == "TRUE" if text else default

    def number(self, name: str, default: int = 0) -> int:
        """Return an integer."""
        text = self.one(name)
        return int(text) if text.lstrip("-").isdigit() else default
