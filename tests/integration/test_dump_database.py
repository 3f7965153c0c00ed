"""The database's dump: written while it runs, loaded where there are no data, never elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from keryx.components.postgresql import cluster, commands, dumps
from keryx.components.postgresql.component import Postgresql
from keryx.core import errors
from keryx.core.process import run
from keryx.host.prepare import prepare
from keryx.records import migrations, preferences, provision
from tests.postgres import Postgres
from tests.program import keryx

ALICE = "alice@dumped.example"
BOB = "bob@dumped.example"


def keryx_dump(home: Path, component: str) -> str:
    return keryx("dump", component, "--home", home).stdout


def cut(path: Path) -> None:
    """Leave the first half, as a copy does that is broken off."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.fixture(scope="module")
def dumped(make_postgres: Callable[..., Postgres]) -> Postgres:
    made = make_postgres()
    preferences.put(made.set_up(), ALICE, "a", "CREATE ROLE postgres;\n\\connect nowhere\n'Ä")
    assert keryx_dump(made.home, "postgresql") == f"wrote {made.home}/dump/postgresql.sql\n"
    return made


@pytest.fixture
def empty(dumped: Postgres) -> Iterator[Postgres]:
    """One that has lost its data and has its dump."""
    dump = dumps.of(dumped.site)
    kept = dump.path.read_bytes()
    dumped.stop()
    shutil.rmtree(dumped.site.paths.data("postgresql"))
    yield dumped
    if dumped.process is None:
        shutil.rmtree(dumped.site.paths.data("postgresql"), ignore_errors=True)
        dump.part.unlink(missing_ok=True)
        dump.path.write_bytes(kept)
        dumped.start()


def test_all_that_was_there_is_there(empty: Postgres) -> None:
    dump = dumps.of(empty.site)
    assert dump.path.stat().st_mode & 0o777 == 0o600
    empty.start()
    site = empty.site
    assert preferences.get(site, ALICE, "a") == "CREATE ROLE postgres;\n\\connect nowhere\n'Ä"
    assert provision.ensure(site) == [], "every role has its password and its database"
    assert migrations.upgrade(site) == []
    assert empty.sql("SHOW data_checksums") == "on"
    rights = "SELECT has_database_privilege('sogo', 'keryx', 'CONNECT')"
    assert empty.sql(rights) == "f"
    left = {item.name for item in site.paths.data("postgresql").iterdir()}
    assert left == {str(cluster.major(site))}
    assert not (site.paths.run("postgresql") / "restore").exists()


def test_data_that_are_there_are_left_alone(dumped: Postgres) -> None:
    preferences.put(dumped.site, BOB, "a", 1)
    dumped.stop()
    dumped.start()
    assert preferences.get(dumped.site, BOB, "a") == 1


def test_a_broken_dump_is_refused(empty: Postgres) -> None:
    dump = dumps.of(empty.site)
    cut(dump.path)
    with pytest.raises(errors.Refused) as caught:
        prepare(Postgresql(), empty.site)
    assert caught.value.sentence == (
        f'{dump.path} is not a whole dump: its last line is not "PostgreSQL database cluster dump complete".'
    )
    assert cluster.present(empty.site) is None


def test_one_that_the_server_refuses_leaves_nothing(empty: Postgres) -> None:
    dump = dumps.of(empty.site)
    text = dump.path.read_text()
    dump.path.write_text(text.replace("\\connect keryx", "SELECT 1/0;\n\\connect keryx", 1))
    with pytest.raises(errors.CommandFailed, match="division by zero"):
        prepare(Postgresql(), empty.site)
    assert cluster.present(empty.site) is None
    dump.path.write_text(text)
    empty.start()
    assert preferences.get(empty.site, ALICE, "a")


def test_an_interrupted_restore_begins_anew(empty: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a kill: not even the server that loads is ended."""
    with monkeypatch.context() as patch:
        patch.setattr(commands, "set_password", lambda *_: None)
        patch.setattr(commands, "stop", lambda *_: None)
        patch.setattr(Path, "rename", kill)
        with pytest.raises(KeyboardInterrupt):
            prepare(Postgresql(), empty.site)
    site = empty.site
    fresh = cluster.folder(site).with_name(f"{cluster.major(site)}.new")
    assert (fresh / "postmaster.pid").exists()
    assert cluster.present(site) is None
    empty.start()
    assert not fresh.exists()
    assert preferences.get(site, ALICE, "a")


def kill(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_restoring_server_is_open_to_nobody(empty: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    load, said = commands.load, {}

    def looked_at(programs: Path, socket: Path, beginning: Path, rest: BinaryIO) -> None:
        query = "SHOW listen_addresses; SHOW unix_socket_directories"
        said["open"] = run(
            [*commands.as_postgres(), *commands._psql(programs, socket), "-At"], input=query
        ).stdout
        said["mode"] = oct(socket.stat().st_mode & 0o777)
        said["socket"] = str(socket)
        load(programs, socket, beginning, rest)

    monkeypatch.setattr(commands, "load", looked_at)
    empty.start()
    assert said["open"] == f"\n{said['socket']}\n"
    assert said["mode"] == "0o700"


def test_the_superuser_gets_the_password_of_today(dumped: Postgres) -> None:
    site = dumped.site
    commands.set_password(cluster.programs(site), site.paths.run("postgresql"), "it's \\ this")
    kept = "SELECT rolpassword ~ '^SCRAM-SHA-256' FROM pg_authid WHERE rolname = 'postgres'"
    assert dumped.sql(kept) == "t"
    assert "this" not in dumped.log


def test_a_dump_of_another_superuser_is_read_from_its_beginning(tmp_path: Path) -> None:
    script = tmp_path / "dump.sql"
    script.write_text("CREATE ROLE keryx;\n\\connect keryx\nCREATE ROLE postgres;\n")
    with script.open("rb", buffering=0) as file:
        assert dumps._beginning(file) == b""
        assert file.tell() == 0
