"""Roundcube's tables on a real PostgreSQL: made, upgraded, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from keryx.components.roundcube import commands, schema
from keryx.components.roundcube.component import Roundcube
from keryx.components.roundcube.view import PACKAGED
from keryx.core import errors, files
from keryx.records import provision
from tests.postgres import Postgres

LATEST = "2022081200"


@pytest.fixture(scope="module")
def server(make_postgres: Callable[..., Postgres]) -> Postgres:
    return make_postgres("webmail: roundcube\n")


@pytest.fixture
def database(server: Postgres) -> commands.Database:
    """Roundcube's database, empty."""
    site = server.site
    provision.ensure(site)
    pgpass = next(file for file in Roundcube().render(site) if file.path.name == "pgpass")
    files.install(pgpass)
    found = commands.Database(site.database("roundcube"), pgpass.path, site.paths.tls)
    found.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return found


def tables(database: commands.Database) -> set[str]:
    return set(database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").split())


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """SQL of an imaginary Roundcube."""
    (tmp_path / "postgres").mkdir()
    initial = 'CREATE TABLE "system" (name varchar(64) PRIMARY KEY, value text);\n'
    initial += "INSERT INTO system VALUES ('roundcube-version', '20');\n"
    (tmp_path / "postgres.initial.sql").write_text(initial)
    for number in (10, 20, 30):
        (tmp_path / "postgres" / f"{number}.sql").write_text(f"CREATE TABLE t{number} (x int);\n")
    return tmp_path


def test_the_packages_own_tables_are_made_once(database: commands.Database) -> None:
    schema.ensure(database, PACKAGED / "SQL")
    assert {"users", "identities", "session", "contacts", "system"} <= tables(database)
    assert int(database.query(schema.VERSION)) >= int(LATEST)
    database.query("INSERT INTO users (username, mail_host) VALUES ('alice', 'here')")
    schema.ensure(database, PACKAGED / "SQL")
    assert database.query("SELECT count(*) FROM users") == "1"


def test_the_packages_own_changes_are_applied(database: commands.Database) -> None:
    schema.ensure(database, PACKAGED / "SQL")
    database.query("UPDATE system SET value = '2021081000' WHERE name = 'roundcube-version'")
    schema.ensure(database, PACKAGED / "SQL")
    assert int(database.query(schema.VERSION)) >= int(LATEST)


def test_a_newer_package_brings_its_changes_and_no_others(database: commands.Database, sql: Path) -> None:
    schema.ensure(database, sql)
    assert tables(database) == {"system", "t30"}
    assert database.query(schema.VERSION) == "30"
    (sql / "postgres" / "40.sql").write_text("ALTER TABLE t30 ADD y int; CREATE TABLE t40 (x int);\n")
    schema.ensure(database, sql)
    assert tables(database) == {"system", "t30", "t40"}
    assert database.query(schema.VERSION) == "40"


def test_a_change_that_fails_leaves_nothing_half_done(database: commands.Database, sql: Path) -> None:
    schema.ensure(database, sql)
    (sql / "postgres" / "40.sql").write_text("CREATE TABLE t40 (x int);\nALTER TABLE nowhere ADD y int;\n")
    with pytest.raises(errors.KeryxError, match=r'cannot be used: .*"nowhere" does not exist'):
        schema.ensure(database, sql)
    assert tables(database) == {"system", "t30"}
    assert database.query(schema.VERSION) == "30"


def test_somebody_elses_tables_are_left_alone(database: commands.Database, sql: Path) -> None:
    database.query("CREATE TABLE system (name text, value text)")
    with pytest.raises(errors.KeryxError, match="not Roundcube's"):
        schema.ensure(database, sql)
    assert tables(database) == {"system"}


def test_a_server_that_is_away_is_named(database: commands.Database, server: Postgres, sql: Path) -> None:
    server.stop()
    try:
        with pytest.raises(errors.Unreachable, match=r"database roundcube at .* cannot be used"):
            schema.ensure(database, sql)
    finally:
        server.start()
