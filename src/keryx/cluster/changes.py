"""Whether the operator's files have changed since it read them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keryx.cluster import settings
from keryx.cluster.settings import Operator
from keryx.core import errors
from keryx.settings import placement
from keryx.settings.site import Site

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between two looks."""


@dataclass
class Changes:
    """operator.yaml with keryx.yaml and placement.yaml beside it, as they were read."""

    path: Path
    load: Callable[[], Site]
    wanted: Operator = field(init=False)
    found: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there are others, and these are good."""
    _seen: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        self._seen = self._texts()
        self.wanted = settings.read(self.path)
        self.load()

    async def watch(self) -> None:
        """Return when good settings of another content are there."""
        while not self.found.is_set():
            await asyncio.sleep(INTERVAL)
            texts = self._texts()
            if texts != self._seen and self._are_good():
                self.found.set()
            self._seen = texts

    def _texts(self) -> Sequence[str]:
        # Kubernetes changes a link to a folder: only the content tells.
        files = (self.path, self.path.with_name("keryx.yaml"), self.path.with_name(placement.FILE))
        return [path.read_text() if path.exists() else "" for path in files]

    def _are_good(self) -> bool:
        try:
            settings.read(self.path)
            self.load()
        except errors.KeryxError as error:
            log.error("operator: changed settings are not taken up: %s", error)
            return False
        return True
