"""``keryx init``: what a suite in containers needs once, and after an upgrade.

On a machine ``keryx up`` does it between two starts. In containers everything starts at once: this
waits for the directory and the database, and what needs the database waits for this.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from keryx.components import registry
from keryx.core import errors
from keryx.host import foundation, setup
from keryx.host.progress import Progress
from keryx.records import migrations, provision
from keryx.settings.site import Site

SERVERS = ("openldap", "postgresql")
"""Components that must answer before anything is made in them, where they are the suite's own."""
INTERVAL = 0.5
"""Seconds between two tries."""


def make(site: Site, progress: Progress, patience: float) -> bool:
    """Make databases, tables, the first domain and its administrator; return whether anything was missing.

    Raises NotReady when directory or database do not answer within ``patience`` seconds.
    """
    foundation.lay(site)
    for name in SERVERS:
        component = registry.find(name)
        if component.enabled(site):
            progress.step(f"Waiting for {name}")
            _until(lambda: component.ready(site), patience)  # noqa: B023  (called before the next turn)
    progress.step("Setting up the databases")
    done = [*provision.ensure(site), *migrations.upgrade(site)]
    if done:
        progress.done(f"set up {', '.join(done)}")
    setup.reach_directory(site)
    made = setup.first_account(site, progress)
    setup.personal_settings(site)
    return bool(done) or made


def await_databases(site: Site, tell: Callable[[str], None]) -> None:
    """Return when ``keryx init`` has done its work; what it waits for is told once for each reason."""
    told = ""
    while True:
        try:
            for name in provision.wanted(site):
                provision.check(site.database(name))
            migrations.check(site)
        except errors.KeryxError as error:
            if error.sentence != told:
                told = error.sentence
                tell(f"waiting for the databases: {told}")
            time.sleep(INTERVAL)
        else:
            return


def _until(question: Callable[[], None], patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            question()
        except errors.KeryxError:
            if time.monotonic() > deadline:
                raise
            time.sleep(INTERVAL)
        else:
            return
