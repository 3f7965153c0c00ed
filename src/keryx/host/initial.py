"""``keryx init``: what a suite in containers needs once, and after an upgrade.

On a machine ``keryx up`` does it between two starts. In containers everything starts at once: this
waits for the directory and the database, and what needs the database waits for this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from keryx.admin.access import reading
from keryx.core import errors
from keryx.host import foundation, setup
from keryx.host.progress import Progress
from keryx.records import migrations, provision
from keryx.settings.site import Site

T = TypeVar("T")

INTERVAL = 1.0
"""Seconds between two tries."""


def make(site: Site, progress: Progress, patience: float) -> bool:
    """Make databases, tables, the first domain and its administrator; return whether anything was missing.

    Raises Unreachable when directory or database do not answer within ``patience`` seconds.
    """
    foundation.lay(site)
    progress.step("Waiting for the directory")
    _until(lambda: _read_directory(site), patience)
    progress.step("Setting up the databases")
    done = _until(lambda: [*provision.ensure(site), *migrations.upgrade(site)], patience)
    if done:
        progress.done(f"set up {', '.join(done)}")
    made = setup.first_account(site, progress)
    setup.personal_settings(site)
    return bool(done) or made


def await_databases(site: Site, names: Sequence[str], tell: Callable[[str], None]) -> None:
    """Return when ``keryx init`` has made these databases; what is missing is told once for each reason."""
    told = ""
    while True:
        try:
            for name in names:
                provision.check(site.database(name))
            if migrations.DATABASE in names:
                migrations.check(site)
        except errors.KeryxError as error:
            if error.sentence != told:
                told = error.sentence
                tell(f"waiting for the databases: {told}")
            time.sleep(INTERVAL)
        else:
            return


def _read_directory(site: Site) -> None:
    with reading(site):
        pass


def _until(work: Callable[[], T], patience: float) -> T:
    """Do it, again while a server does not answer yet; what is refused for good is raised at once."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return work()
        except errors.KeryxError as error:
            if not error.temporary or time.monotonic() > deadline:
                raise
            time.sleep(INTERVAL)
