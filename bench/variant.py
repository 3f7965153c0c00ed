"""A configuration under test: what the harness needs to know of it."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where a configuration may work: its folder, and what all of them share."""

    folder: Path
    sender: str
    """The address that messages come from, and at which SMTP listens."""
    accounts: int
    port: int
    """The first of 100 TCP ports for its own use."""


class Variant(abc.ABC):
    """One configuration of the mail path."""

    key: str
    """Short name, for the command line and JSON."""
    title: str
    """What it is, for the table."""

    @abc.abstractmethod
    def start(self, place: Place) -> None:
        """Start its daemons and wait until SMTP answers; raises BenchError."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop its daemons."""

    @property
    @abc.abstractmethod
    def smtp(self) -> tuple[str, int]:
        """Where it receives mail."""

    @property
    @abc.abstractmethod
    def mail(self) -> Path:
        """The folder of its mailboxes, by domain and local-part."""

    @property
    @abc.abstractmethod
    def roots(self) -> Mapping[str, int]:
        """The main process of each daemon that works for it, by the daemon's name."""
