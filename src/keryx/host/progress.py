"""How long work tells what it is doing, whoever shows it."""

from typing import Protocol


class Progress(Protocol):
    """A listener to the steps of long work."""

    def step(self, sentence: str) -> None:
        """A step begins; the previous one is over."""

    def done(self, sentence: str) -> None:
        """Something was achieved that is worth a line."""
