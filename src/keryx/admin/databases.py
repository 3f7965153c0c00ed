"""Checks of the databases: reached with each role's own login, tables up to date, room for connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from keryx.components.postgresql import cluster
from keryx.core.check import Check, Finding, ok, warning
from keryx.records import engine, migrations, provision, server
from keryx.settings.site import Site

BUSY = 0.85
"""Share of the connections from which on somebody should look."""


def checks(site: Site) -> Iterator[Check]:
    """Yield the checks of the databases that the settings ask for."""
    for name in provision.wanted(site):
        if site.placement is not None and not site.secrets.path(f"postgresql-{name}").exists():
            # No business of this pod's: it was not given the password, and the webmail's own pod tells.
            continue
        yield Check(f"database.{name}", f"the database of {name} can be used", _usable(site, name))
    yield Check("database.records", "the records are up to date", lambda: _records(site))
    yield Check("database.server", "the database server has room for more sessions", lambda: _server(site))
    if site.settings.database.embedded:
        yield Check("database.version", "the database's version is maintained", lambda: _version(site))


def _usable(site: Site, name: str) -> Callable[[], Finding]:
    def probe() -> Finding:
        access = site.database(name)
        provision.check(access)
        size = server.condition(access).size
        return ok(f"{access.user} uses the database {engine.shown(access)}, {size / 2**20:.0f} MiB.")

    return probe


def _records(site: Site) -> Finding:
    migrations.check(site)
    return ok(f"The tables of the records are those of revision {migrations.known()[-1]}.")


def _server(site: Site) -> Finding:
    found = server.condition(site.database("keryx"))
    sentence = (
        f"PostgreSQL {found.version} has {found.connections} of {found.most_connections} sessions open."
    )
    if found.connections < BUSY * found.most_connections:
        return ok(sentence)
    where = "postgresql.max_connections" if site.settings.database.embedded else "max_connections there"
    return warning(sentence, f"Raise {where}: when all are open, webmail fails.")


def _version(site: Site) -> Finding:
    data, newest = cluster.major(site), max(cluster.installed(site), default=0)
    if newest <= data:
        return ok(f"The data are of PostgreSQL {data}.")
    return warning(
        f"The data are of PostgreSQL {data}, while {newest} is installed, too: {data} gets no more updates.",
        "Upgrade the data in a quiet hour, as docs/howto/postgresql-upgrade.md tells.",
    )
