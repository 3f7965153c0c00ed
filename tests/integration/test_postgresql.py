"""The embedded PostgreSQL, alone: who gets in, what survives, what a change of its files does."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from keryx.components.postgresql import cluster
from keryx.components.postgresql.component import Postgresql
from keryx.core import errors, files
from keryx.core.process import run
from keryx.host.prepare import prepare
from keryx.records import engine, migrations, preferences, provision
from tests.postgres import Postgres
from tests.running import wait_for


@pytest.fixture(scope="module")
def postgres(make_postgres: Callable[..., Postgres]) -> Postgres:
    made = make_postgres()
    made.set_up()
    return made


@pytest.fixture(scope="module")
def spare(make_postgres: Callable[..., Postgres]) -> Postgres:
    return make_postgres()


@pytest.fixture
def fresh(spare: Postgres) -> Iterator[Postgres]:
    """One to be mistreated: just started, without any database of ours, with an empty log."""
    config = spare.home / "keryx.yaml"
    settings = config.read_text()
    spare.stop()
    (spare.home / "postgresql.log").unlink()
    spare.start()
    yield spare
    engine.close()
    config.write_text(settings)
    if spare.process is None:
        spare.start()
    for name in ("keryx", "sogo", "roundcube"):
        spare.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        spare.sql(f"DROP ROLE IF EXISTS {name}")


def test_what_a_cluster_is_made_of(postgres: Postgres) -> None:
    assert postgres.sql("SHOW data_checksums") == "on"
    assert postgres.sql("SHOW fsync; SHOW synchronous_commit; SHOW full_page_writes") == "on\non\non"
    assert postgres.sql("SELECT datcollate, datctype, pg_encoding_to_char(encoding) FROM pg_database") == (
        "\n".join(["C.UTF-8|C.UTF-8|UTF8"] * 6)
    )
    assert postgres.sql("SELECT lower('ΚΗΡΥΞ ÄÖ')") == "κηρυξ äö"


def test_no_network_port_is_open(postgres: Postgres) -> None:
    assert postgres.process is not None
    server = psutil.Process(postgres.process.pid)
    found = server.net_connections("inet")
    for process in server.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.net_connections("inet")
    assert found == []


def test_every_role_has_its_own_database_and_no_other(postgres: Postgres) -> None:
    site = postgres.site
    for name in ("keryx", "sogo", "roundcube"):
        provision.check(site.database(name))
    access = site.database("sogo")
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(**{**engine.parameters(access), "dbname": "keryx"})
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**{**engine.parameters(access), "password": "guessed"})
    rights = "SELECT rolname FROM pg_roles WHERE (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication)"
    assert postgres.sql(f"{rights} AND rolname !~ '^pg_'") == "postgres"
    public = "SELECT has_database_privilege('sogo', 'keryx', 'CONNECT')"
    assert postgres.sql(public) == "f", "were pg_hba.conf wider, this would still keep them apart"


def test_passwords_are_kept_as_scram(postgres: Postgres) -> None:
    kept = postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")
    assert len(kept.splitlines()) == 3
    assert all(line.startswith("SCRAM-SHA-256$4096:") for line in kept.splitlines())


def test_the_superuser_is_root_or_postgres_and_nobody_else(postgres: Postgres) -> None:
    socket = str(postgres.site.paths.run("postgresql"))
    psql = [
        str(cluster.programs(postgres.site) / "psql"),
        "-XAtw",
        "-h",
        socket,
        "-U",
        "postgres",
        "-c",
        "SELECT 1",
    ]
    assert run(["runuser", "-u", "postgres", "--", *psql]).stdout == "1\n"
    for user in ("nobody", "www-data"):
        refused = run(["runuser", "-u", user, "--", *psql], check=False)
        assert "Peer authentication failed" in refused.stderr


def test_making_the_databases_again_changes_nothing_and_logs_nothing(postgres: Postgres) -> None:
    before = postgres.log
    state = "SELECT rolname, rolpassword, shobj_description(oid, 'pg_authid') FROM pg_authid ORDER BY 1"
    kept = postgres.sql(state)
    assert provision.ensure(postgres.site) == []
    assert migrations.upgrade(postgres.site) == []
    assert postgres.sql(state) == kept
    assert postgres.log == before


def test_a_first_start_leaves_no_complaint_in_the_log(fresh: Postgres) -> None:
    assert provision.ensure(fresh.site)[0] == "the role keryx"
    assert migrations.upgrade(fresh.site) == ["the tables of the records"]
    lines = [line for line in fresh.log.splitlines() if " LOG: " not in line]
    # The tests ask whether it is ready while it starts.
    assert [line for line in lines if not line.endswith("the database system is starting up")] == []


def test_without_webmail_there_are_no_databases_for_it(fresh: Postgres) -> None:
    with (fresh.home / "keryx.yaml").open("a") as settings:
        settings.write("webmail: none\ndatabase: {prefix: mail_}\n")
    assert provision.ensure(fresh.site) == ["the role mail_keryx", "the database mail_keryx"]


def test_a_changed_password_is_taken_up(fresh: Postgres) -> None:
    fresh.set_up()
    (fresh.home / "secrets/postgresql-sogo").write_text("another one")
    with pytest.raises(engine.LoginRefused, match="refuses the login of sogo"):
        provision.check(fresh.site.database("sogo"))
    assert provision.ensure(fresh.site) == ["a new password of the role sogo"]
    provision.check(fresh.site.database("sogo"))
    assert "another one" not in fresh.log


def test_what_was_committed_survives_a_crash(fresh: Postgres) -> None:
    site = fresh.set_up()
    for number in range(50):
        preferences.put(site, "alice@example.org", f"n{number}", number)
    fresh.kill()
    with pytest.raises(errors.Unreachable) as caught:
        preferences.of(site, "alice@example.org")
    assert caught.value.sentence == "The database keryx does not answer: Connection refused."
    fresh.start()
    assert len(preferences.of(site, "alice@example.org")) == 50
    assert "database system was not properly shut down; automatic recovery" in fresh.log


def test_a_server_that_is_killed_under_a_process_is_used_again_once_it_is_back(fresh: Postgres) -> None:
    site = fresh.set_up()
    for _ in range(3):
        preferences.put(site, "alice@example.org", "a", 1)
    fresh.kill()
    # Each of its sessions notices for itself.
    wait_for(lambda: not _others_in(cluster.folder(site)), "the killed server's processes are gone")
    begun = time.monotonic()
    for _ in range(3):
        with pytest.raises(errors.Unreachable):
            preferences.get(site, "alice@example.org", "a")
    assert time.monotonic() - begun < 5, "a page does not hang while the database is away"
    begun = time.monotonic()
    with pytest.raises(errors.Unreachable):
        preferences.get(site, "alice@example.org", "a")
    assert time.monotonic() - begun < 0.5, "once known to be away it is told at once"
    fresh.start()
    assert preferences.get(site, "alice@example.org", "a") == 1


def test_one_backend_that_is_killed_costs_one_request_at_most(fresh: Postgres) -> None:
    site = fresh.set_up()
    for _ in range(3):
        preferences.put(site, "alice@example.org", "a", 1)
    fresh.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keryx'")
    assert preferences.get(site, "alice@example.org", "a") == 1


def test_a_stale_mark_with_a_number_that_now_belongs_to_another_server(
    fresh: Postgres, postgres: Postgres
) -> None:
    """After a power cut: the old number now is a process of the same user."""
    fresh.kill()
    mark = cluster.folder(fresh.site) / "postmaster.pid"
    assert postgres.process is not None
    lines = mark.read_text().splitlines()
    mark.write_text("\n".join([str(postgres.process.pid), *lines[1:]]) + "\n")
    # What holds the killed server's memory is gone before a machine comes up again.
    wait_for(lambda: not _others_in(cluster.folder(fresh.site)), "the killed server's processes are gone")
    fresh.start()


def _others_in(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == "postgres" and process.cwd() == str(folder):
                found.append(process.pid)
    return found


def test_a_running_server_keeps_its_mark(postgres: Postgres) -> None:
    prepare(Postgresql(), postgres.site)
    assert (cluster.folder(postgres.site) / "postmaster.pid").exists()
    assert postgres.sql("SELECT 1") == "1"


def test_a_broken_first_start_is_made_good(fresh: Postgres) -> None:
    folder = cluster.folder(fresh.site)
    half = folder.with_name(f"{folder.name}.new")
    fresh.stop()
    folder.rename(half)
    (half / "PG_VERSION").unlink()
    fresh.start()
    assert not half.exists()
    assert fresh.sql("SELECT 1") == "1"


def change(postgres: Postgres, settings: str) -> bool:
    """Change the settings and reload as ``keryx up`` does."""
    config = postgres.home / "keryx.yaml"
    config.write_text(config.read_text().split("postgresql:")[0] + settings)
    component, site = Postgresql(), postgres.site
    prepare(component, site)
    return component.reload(site, [site.paths.etc("postgresql") / "postgresql.conf"])


def test_what_a_reload_can_take_up_is_reloaded(fresh: Postgres) -> None:
    assert change(fresh, "postgresql: {work_mem_mb: 7}\n")
    wait_for(lambda: fresh.sql("SHOW work_mem") == "7MB", "the new size is in force")


def test_what_needs_a_restart_is_not_reloaded(fresh: Postgres) -> None:
    assert not change(fresh, "postgresql: {max_connections: 123, work_mem_mb: 9}\n")
    assert fresh.sql("SHOW max_connections") == "200"


def test_files_that_the_server_refuses_are_not_taken(fresh: Postgres) -> None:
    config = fresh.site.paths.etc("postgresql") / "postgresql.conf"
    files.write(config, config.read_text() + "work_mem = lots\n")
    with pytest.raises(errors.CommandFailed):
        Postgresql().validate(fresh.site)


def test_a_statement_that_takes_too_long_is_ended(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "STATEMENT_SECONDS", 1)
    engine.close()
    with (
        pytest.raises(errors.Unreachable, match="takes longer than 1 s"),
        engine.connection(postgres.site) as opened,
    ):
        opened.execute("SELECT pg_sleep(60)")
    engine.close()


def test_when_all_connections_are_in_use_the_next_one_is_told_so(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "POOL", 1)
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 2)
    engine.close()
    site = postgres.site
    for _ in range(3):
        preferences.get(site, "alice@example.org", "a")
    with (
        engine.connection(site),
        pytest.raises(errors.Unreachable, match="too busy"),
        engine.connection(site),
    ):
        pass
    preferences.get(site, "alice@example.org", "a")
    engine.close()


def test_after_an_outage_the_next_question_is_answered(fresh: Postgres) -> None:
    site = fresh.set_up()
    engine.close()
    for _ in range(3):
        preferences.get(site, "alice@example.org", "a")
    fresh.stop()
    with pytest.raises(errors.Unreachable), engine.connection(site):
        pass
    fresh.start()
    for _ in range(engine.POOL + 1):
        preferences.get(site, "alice@example.org", "a")
    fresh.stop()
    fresh.start()
    preferences.get(site, "alice@example.org", "a")
    engine.close()


def test_a_transaction_is_whole_or_not_at_all(postgres: Postgres) -> None:
    site = postgres.site

    def half() -> None:
        with engine.connection(site) as opened:
            opened.execute("INSERT INTO role (address) VALUES ('x@example.org')")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        half()
    assert postgres.sql("SELECT count(*) FROM role", "keryx") == "0"


def test_records_of_a_newer_version_are_left_alone(fresh: Postgres) -> None:
    site = fresh.set_up()
    fresh.sql("UPDATE alembic_version SET version_num = '0999'", "keryx")
    with pytest.raises(errors.Refused) as caught:
        migrations.upgrade(site)
    assert caught.value.sentence == (
        "The records in the database keryx are of a newer Keryx (revision 0999; this one knows them up to "
        f"{migrations.known()[-1]})."
    )
    with pytest.raises(errors.Refused):
        migrations.check(site)


def test_tables_that_are_missing_are_a_sentence(fresh: Postgres) -> None:
    provision.ensure(fresh.site)
    with pytest.raises(errors.KeryxError) as caught:
        preferences.of(fresh.site, "alice@example.org")
    assert caught.value.sentence == "The records in the database keryx are not set up."
    with pytest.raises(errors.KeryxError, match="not up to date"):
        migrations.check(fresh.site)


def test_two_processes_that_migrate_at_once_do_it_once(fresh: Postgres) -> None:
    site = fresh.site
    provision.ensure(site)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrations._apply(site.database("keryx")), range(4)))
    assert len(done) == 4
    assert fresh.sql("SELECT version_num FROM alembic_version", "keryx") == migrations.known()[-1]
    assert migrations.upgrade(site) == []


def test_a_migration_that_fails_leaves_what_was_there(fresh: Postgres) -> None:
    site = fresh.site
    provision.ensure(site)
    # Somebody's table is in the way of one of the last.
    with psycopg.connect(**engine.parameters(site.database("keryx"))) as opened:
        opened.execute("CREATE TABLE preference (mine text)")
    with pytest.raises(errors.KeryxError, match="preference"):
        migrations.upgrade(site)
    assert fresh.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", "keryx") == "preference"


def test_times_are_kept_with_their_zone(postgres: Postgres) -> None:
    with engine.connection(postgres.site) as opened:
        row = opened.execute("SELECT now()").fetchone()
    assert row is not None
    assert row[0].tzinfo is not None
    assert abs(datetime.datetime.now(datetime.UTC) - row[0]) < datetime.timedelta(minutes=1)
