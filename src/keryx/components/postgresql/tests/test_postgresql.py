"""PostgreSQL's files, whole, and which version serves which data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keryx.components import testing
from keryx.components.component import Platform
from keryx.components.postgresql import cluster
from keryx.components.postgresql.component import Postgresql
from keryx.core import errors
from keryx.settings.site import Paths, Site

GOLDEN = Path(__file__).parent / "golden"


def site_at(home: Path, *majors: int) -> Site:
    versions = {f"postgresql-{major}": (major, 4) for major in majors}
    return replace(testing.site(versions=versions), paths=Paths(home))


def data_of(home: Path, major: int) -> Path:
    folder = home / "data/postgresql" / str(major)
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text(f"{major}\n")
    return folder


def test_files() -> None:
    testing.check_golden(Postgresql(), testing.site(), GOLDEN / "machine")


def test_files_for_other_pods() -> None:
    testing.check_golden(Postgresql(), testing.site(pod="postgresql"), GOLDEN / "pod")


def test_sizes_are_settable() -> None:
    text = "domain: example.org\npostgresql: {max_connections: 99, shared_buffers_mb: 512, work_mem_mb: 16}\n"
    config = Postgresql().render(testing.site(text))[0].content
    assert "\nmax_connections = 99\n" in config
    assert "\nshared_buffers = 512MB\n" in config
    assert "\nwork_mem = 16MB\n" in config


def test_an_external_server_needs_no_component() -> None:
    assert Postgresql().enabled(testing.site())
    external = "domain: example.org\ndatabase: {embedded: false, host: db.example.org}\n"
    assert not Postgresql().enabled(testing.site(external))


@pytest.mark.parametrize(
    ("platform", "package"),
    [
        (Platform("debian", "12"), "postgresql-15"),
        (Platform("debian", "13"), "postgresql-17"),
        (Platform("ubuntu", "24.04"), "postgresql-16"),
    ],
)
def test_each_distribution_has_its_version(platform: Platform, package: str) -> None:
    assert Postgresql().packages(platform) == (package,)


def test_new_data_are_of_the_newest_version_that_is_installed(tmp_path: Path) -> None:
    site = site_at(tmp_path, 15, 17)
    assert cluster.folder(site) == tmp_path / "data/postgresql/17"
    assert Postgresql().command(site).argv[0] == "/usr/lib/postgresql/17/bin/postgres"


def test_data_keep_their_version_when_a_newer_one_is_installed_besides(tmp_path: Path) -> None:
    data_of(tmp_path, 15)
    site = site_at(tmp_path, 15, 17)
    argv = Postgresql().command(site).argv
    assert argv[:3] == ("/usr/lib/postgresql/15/bin/postgres", "-D", f"{tmp_path}/data/postgresql/15")


def test_upgraded_data_are_the_ones_that_count(tmp_path: Path) -> None:
    data_of(tmp_path, 15)
    data_of(tmp_path, 17)
    assert cluster.present(site_at(tmp_path, 15, 17)) == 17


def test_half_made_data_do_not_count(tmp_path: Path) -> None:
    data_of(tmp_path, 15).rename(tmp_path / "data/postgresql/15.new")
    assert cluster.present(site_at(tmp_path, 15)) is None


def test_data_without_their_programs_are_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = data_of(tmp_path, 9)
    before = sorted(tmp_path.rglob("*"))
    site = site_at(tmp_path, 17)
    with pytest.raises(errors.Refused) as caught:
        Postgresql().prepare(site)
    assert caught.value.sentence == (
        f"{folder} holds data of PostgreSQL 9, whose programs are not installed (installed: 17); nothing was "
        "started and the data are untouched."
    )
    assert "postgresql-upgrade.md" in caught.value.remedy
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(errors.NotReady, match="PostgreSQL 9, whose programs are not installed"):
        Postgresql().ready(site)
