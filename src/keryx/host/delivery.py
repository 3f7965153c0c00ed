"""The filter's files in a cluster: signing keys and people's spam settings, made of the records.

The web process, which changes them, is in another pod. In each pod of the filter the process behind the
door to root follows the records: it is told of every change, and looks once a minute whatever it is told.
While the database is away the files stay as they are.
"""

from __future__ import annotations

import logging
import threading

from keryx.admin import dkim_files, spam
from keryx.core import errors
from keryx.records import notices
from keryx.settings.site import Site

log = logging.getLogger("keryx.delivery")

LOOK = 60.0
"""Seconds between two looks when nothing is said."""
RETRY = 2.0
"""Seconds until the next try when the database is away."""


class Delivery:
    """Keeps the files as the records say, in a thread of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stop = threading.Event()
        self._complaint = "it has not come yet"
        self._done = False
        self._thread = threading.Thread(target=self._follow, name="delivery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further round; one under way ends with the process, each file is whole or untouched."""
        self._stop.set()

    def check(self) -> None:
        """Raise NotReady until the files have been made once: mail must not leave unsigned."""
        if not self._done:
            raise errors.NotReady(f"What the filter signs with is not here yet: {self._complaint}")

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                with notices.listening(self._site, notices.FILTER) as wait:
                    while not self._stop.is_set():
                        self._make()
                        wait(LOOK)
            except (errors.KeryxError, OSError) as error:
                said = error.sentence if isinstance(error, errors.KeryxError) else f"{error}."
                if said != self._complaint:
                    self._complaint = said
                    log.warning("the filter's files stay as they are: %s", said)
                self._stop.wait(RETRY)

    def _make(self) -> None:
        changed = dkim_files.deliver(self._site)
        changed |= spam.write_map(self._site)
        if changed or not self._done:
            log.info("the filter's files are as the records say")
        self._done, self._complaint = True, ""
