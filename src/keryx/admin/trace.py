"""Where would this address go? The rules of Postfix and the directory, followed step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keryx.settings.site import Site

Kind = Literal["mailbox", "external", "refused", "discarded"]


@dataclass(frozen=True)
class Step:
    """One rule that was applied."""

    address: str
    rule: str
    """Such as ``account``, ``alias``, ``list``, ``extension``, ``catch-all``, ``alias-domain``."""
    text: str
    """A sentence."""


@dataclass(frozen=True)
class Destination:
    """Where a copy ends."""

    kind: Kind
    address: str
    reply: str = ""
    """What the sender's server is told, such as ``550 5.1.1 ...``; empty when it is accepted."""


@dataclass(frozen=True)
class Trace:
    """The whole way of an address."""

    steps: tuple[Step, ...]
    destinations: tuple[Destination, ...]


def trace(site: Site, address: str) -> Trace:
    """Follow a recipient's address as mail from outside would."""
    raise NotImplementedError
