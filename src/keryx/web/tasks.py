"""What the web process does beside answering: brings the records up to date, takes samples, tidies.

Each task is one asyncio task; what it does runs in a thread. A neighbour that is away is tried
again, and the log has one line when it goes and one when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI

from keryx.admin import search, statistics
from keryx.core import errors
from keryx.records import migrations, removal
from keryx.settings.site import Site

log = logging.getLogger("keryx.web")

MINUTE = 60.0
HOUR = 3600.0
AGAIN = 5.0
"""Seconds until something that failed at the start is tried again."""


@contextlib.asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Run the tasks while the application is served (a lifespan, see the ASGI specification)."""
    # Reading a large directory takes a while: not at the first search.
    search.follower(app.state.site)
    task = asyncio.create_task(_work(app.state.site))
    try:
        yield
    finally:
        search.close(app.state.site)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _work(site: Site) -> None:
    teller = Teller()
    while not await teller.attempt("bringing the records up to date", lambda: migrations.upgrade(site)):
        await asyncio.sleep(AGAIN)
    collector = statistics.Collector(site)
    tidied = -HOUR
    while True:
        if time.monotonic() - tidied >= HOUR:
            await teller.attempt("removing what is over", lambda: removal.tidy(site))
            tidied = time.monotonic()
        await teller.attempt("taking statistics", collector.collect)
        # At the beginning of each minute, whatever the sample took.
        await asyncio.sleep(MINUTE - time.time() % MINUTE)


class Teller:
    """Runs attempts and logs when one begins to fail and when it works again."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    async def attempt(self, what: str, action: Callable[[], object]) -> bool:
        """Run the action in a thread; return whether it worked. Never raises because it did not."""
        try:
            await asyncio.to_thread(action)
        except errors.KeryxError as error:
            self._log_failure(what, error.sentence)
            return False
        except Exception:
            # A task that ended with a mistake would not be tried again: others wait for what it does.
            log.exception("%s failed", what)
            return False
        if what in self._failing:
            self._failing.discard(what)
            log.info("%s works again", what)
        return True

    def _log_failure(self, what: str, sentence: str) -> None:
        if what not in self._failing:
            self._failing.add(what)
            log.warning("%s has to wait: %s", what, sentence)
