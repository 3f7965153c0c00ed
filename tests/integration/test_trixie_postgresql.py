"""Debian 13's PostgreSQL, in the root of ``test_trixie_dialects``: a cluster, our files, the databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keryx.components.postgresql import cluster, commands
from keryx.components.postgresql.component import Postgresql
from keryx.components.testing import site as make_site
from keryx.core.secret import SecretStore
from keryx.records import engine, migrations, provision, roles
from keryx.settings.site import Paths
from tests.integration.test_trixie_dialects import ROOT, Trixie, trixie

__all__ = ["trixie"]


def test_postgresql_17_serves_our_databases(trixie: Trixie, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site("domain: example.org\n", trixie.versions())
    component = Postgresql()
    trixie.write(component, site)
    (ROOT / "dev/shm").mkdir(exist_ok=True)
    (ROOT / "dev/shm").chmod(0o1777)
    programs, folder = cluster.programs(site), cluster.folder(site)
    assert folder.name == "17"
    trixie.run("install", "-d", "-m", "700", "-o", "postgres", "-g", "postgres", folder)
    trixie.run(*commands.as_postgres(), *commands.initdb(programs, folder))
    server = component.command(site).argv
    trixie.run(*commands.as_postgres(), *server, "-C", "max_connections")
    control = (*commands.as_postgres(), str(programs / "pg_ctl"), "-D", str(folder), "-w")
    trixie.run(*control, "-l", folder / "log", "-o", server[-1], "start")
    inside = ROOT / site.paths.home.relative_to("/")
    seen = replace(site, paths=Paths(inside), secrets=SecretStore(inside / "secrets"))
    monkeypatch.setattr(cluster, "PROGRAMS", ROOT / "usr/lib/postgresql")
    try:
        component.ready(seen)
        assert provision.ensure(seen)[:2] == ["the role keryx", "the database keryx"]
        assert migrations.upgrade(seen)
        assert roles.add(seen, "alice@example.org")
        # Since version 16 who makes a role may not act for it.
        with provision._administrator(seen) as opened:
            opened.execute("CREATE ROLE manager LOGIN CREATEROLE CREATEDB")
            opened.execute("SET SESSION AUTHORIZATION manager")
            database = seen.settings.database.model_copy(update={"prefix": "other_"})
            other = replace(seen, settings=seen.settings.model_copy(update={"database": database}))
            assert provision._make_role(other, "keryx", opened) == ["the role other_keryx"]
            assert provision._make_database(other, "keryx", opened) == ["the database other_keryx"]
        provision.check(other.database("keryx"))
    finally:
        engine.close()
        trixie.run(*control, "-m", "fast", "stop")
