"""When a duty is done: at the start, whenever something woke it, every so often, and again after a failure.

A duty is told nothing but "look again": it compares everything, so that an event that was missed, or
came twice, makes no difference. What happens meanwhile makes it look once more, not many times.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from keryx.cluster.api import Cluster
from keryx.cluster.constants import Kind
from keryx.core import errors

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
"""Seconds until the first try after a failure; doubled at each further one, up to the resync."""
STUCK = 600.0
"""Seconds after which a duty that is still at it has hung: then the operator is restarted."""


class Duty(Protocol):
    """Something that the operator sees to."""

    @property
    def name(self) -> str:
        """What it is called in the log."""

    @property
    def watched(self) -> Sequence[tuple[Kind, str, str]]:
        """Single objects whose change is a reason to look: kind, namespace, name."""

    async def fulfil(self) -> str:
        """Compare, make the difference, and return one sentence about how things are.

        Raises KeryxError when something is wrong; it is tried again.
        """


@dataclass
class Worker:
    """Does one duty for as long as the operator runs."""

    duty: Duty
    cluster: Cluster
    resync: float
    said: str = ""
    """The last sentence."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _since: float | None = None

    def wake(self) -> None:
        """Have it look, now or as soon as it is done with what it does."""
        self._woken.set()

    @property
    def is_stuck(self) -> bool:
        """Whether it has been at it for so long that it never will be done."""
        return self._since is not None and time.monotonic() - self._since > STUCK

    async def run(self) -> None:
        """Do the duty for ever."""
        watchers = [asyncio.create_task(self._watch(*which)) for which in self.duty.watched]
        try:
            pause = FIRST_PAUSE
            while True:
                self._woken.clear()
                done = await self._once()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.resync if done else min(pause, self.resync)):
                        await self._woken.wait()
                pause = FIRST_PAUSE if done else pause * 2
        finally:
            for task in watchers:
                task.cancel()

    async def _once(self) -> bool:
        self._since = time.monotonic()
        try:
            self._say(logging.INFO, await self.duty.fulfil())
        except errors.KeryxError as error:
            self._say(logging.WARNING if error.temporary else logging.ERROR, str(error))
            return False
        except Exception:
            # A mistake of ours in one duty must not end the others.
            log.exception("%s failed", self.duty.name)
            return False
        finally:
            self._since = None
        return True

    def _say(self, level: int, sentence: str) -> None:
        """Log what is new; the same sentence every minute would hide everything else."""
        if sentence != self.said:
            log.log(level, "%s: %s", self.duty.name, sentence)
        self.said = sentence

    async def _watch(self, kind: Kind, namespace: str, name: str) -> None:
        """Wake the duty when an object changes. Without a watch the resync finds it out."""
        pause = FIRST_PAUSE
        while True:
            try:
                async for _ in self.cluster.changes(kind, name, namespace):
                    self.wake()
                    pause = FIRST_PAUSE
            except errors.KeryxError as error:
                log.debug("%s: no watch: %s", self.duty.name, error.sentence)
            await asyncio.sleep(min(pause, self.resync))
            pause *= 2
