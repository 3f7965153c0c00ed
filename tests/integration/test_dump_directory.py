"""The directory's dump: written while it runs, loaded where there are no data, never elsewhere."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keryx.admin import accounts, domains
from keryx.admin.accounts import NewAccount
from keryx.components.openldap import commands, data, dumps
from keryx.components.openldap.component import Openldap
from keryx.core import errors
from keryx.host.prepare import prepare
from tests.integration.slapd import ROOT, Slapd
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
def dumped(make_slapd: Callable[..., Slapd]) -> Slapd:
    made = make_slapd()
    domains.add(made.site, "dumped.example")
    accounts.add(made.site, NewAccount(ALICE, "wonder-land-rabbit", name="Älice " + "x" * 200))
    assert keryx_dump(made.home, "openldap") == f"wrote {made.home}/dump/openldap.ldif\n"
    return made


@pytest.fixture
def empty(dumped: Slapd) -> Iterator[Slapd]:
    """One that has lost its data and has its dump."""
    dump = dumps.of(dumped.site)
    kept = dump.path.read_bytes()
    dumped.stop()
    wipe(dumped)
    yield dumped
    if dumped.process is None:
        wipe(dumped)
        dump.part.unlink(missing_ok=True)
        dump.path.write_bytes(kept)
        dumped.start()


def wipe(slapd: Slapd) -> None:
    shutil.rmtree(slapd.site.paths.data("openldap"))


def has(slapd: Slapd, address: str) -> bool:
    found = slapd.as_reader("ldapsearch", "-LLL", "-b", ROOT, f"(mail={address})", "mail").stdout
    return f"mail: {address}" in found


def test_all_that_was_there_is_there(empty: Slapd, caplog: pytest.LogCaptureFixture) -> None:
    dump = dumps.of(empty.site)
    assert dump.path.stat().st_mode & 0o777 == 0o600
    empty.start()
    assert has(empty, ALICE)
    who = f"mail={ALICE},ou=users,{ROOT}"
    done = empty.tool("ldapwhoami", dn=who, password="wonder-land-rabbit")
    assert done.returncode == 0, "the password is the old one"
    assert [line.getMessage().split(",")[0] for line in caplog.records if "openldap" in line.message] == [
        f"openldap has no data: it is restored from {dump.path}",
        "openldap is restored.",
    ]
    assert not dump.begun
    again = dump.path.with_name("again.ldif")
    dumps.write(Openldap()._config(empty.site), again)
    differ = set(entries(again)) ^ set(entries(dump.path))
    again.unlink()
    names = {entry.splitlines()[0] for entry in differ}
    # Their passwords are hashed anew: they could be those of another release.
    assert names == {f"dn: cn=reader,{ROOT}", f"dn: cn=admin,{ROOT}"}


def entries(dump: Path) -> list[str]:
    return dump.read_text().split("\n\n")


def test_the_release_may_have_other_passwords(empty: Slapd) -> None:
    secret = empty.site.paths.secrets / "ldap-reader"
    secret.write_text("x" * 24)
    empty.start()
    assert has(empty, ALICE), "the reader reads with the new one"


def test_data_that_are_there_are_left_alone(dumped: Slapd) -> None:
    accounts.add(dumped.site, NewAccount(BOB, "wonder-land-rabbit"))
    dumped.stop()
    dumped.start()
    assert has(dumped, BOB), "the dump knows no such account"


def test_a_broken_dump_is_refused(empty: Slapd) -> None:
    dump = dumps.of(empty.site)
    cut(dump.path)
    with pytest.raises(errors.Refused) as caught:
        prepare(Openldap(), empty.site)
    assert caught.value.sentence == (
        f'{dump.path} is not a whole dump: its last line is not "Directory dump complete".'
    )
    assert not (data.database(empty.site) / "data.mdb").exists()


def test_one_that_was_broken_off_while_it_was_written_is_refused(empty: Slapd) -> None:
    dump = dumps.of(empty.site)
    dump.path.rename(dump.part)
    with pytest.raises(errors.Refused, match="is a dump that was broken off"):
        prepare(Openldap(), empty.site)


def test_another_suites_dump_is_refused(empty: Slapd) -> None:
    dump = dumps.of(empty.site)
    dump.path.write_text(dump.path.read_text().replace("dc=example,", "dc=other,"))
    with pytest.raises(errors.BadInput) as caught:
        prepare(Openldap(), empty.site)
    assert caught.value.sentence.endswith(
        "is of dc=other,dc=org, but directory.root_dn is dc=example,dc=org."
    )
    assert not dump.begun


def test_an_interrupted_restore_begins_anew(
    empty: Slapd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dump = dumps.of(empty.site)
    half = tmp_path / "half.ldif"
    half.write_text("\n\n".join(dump.path.read_text().split("\n\n")[:3]) + "\n\n")
    load = commands.load

    def broken_off(config: Path, ldif: Path) -> None:
        load(config, half)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(commands, "load", broken_off)
        with pytest.raises(KeyboardInterrupt):
            prepare(Openldap(), empty.site)
    assert (data.database(empty.site) / "data.mdb").exists(), "it looks as if it were whole"
    away = dump.path.with_name("away")
    dump.path.rename(away)
    with pytest.raises(errors.Refused, match=r"was broken off, and its dump .* is gone"):
        prepare(Openldap(), empty.site)
    away.rename(dump.path)
    empty.start()
    assert has(empty, ALICE)


def test_without_a_dump_it_begins_empty(empty: Slapd, tmp_path: Path) -> None:
    dump = dumps.of(empty.site)
    content = dump.path.read_bytes()
    dump.path.unlink()
    empty.start()
    assert not has(empty, ALICE)
    empty.stop()
    wipe(empty)
    dump.path.write_bytes(content)
    empty.start()


def test_a_dump_that_cannot_be_made_leaves_the_one_before(
    dumped: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = dumps.of(dumped.site)
    before = dump.path.read_bytes()

    def failing(config: Path, place: Path) -> None:
        place.write_text("dn: dc=example,dc=org\n")
        raise errors.CommandFailed(["slapcat"], 1, "", "disk full")

    monkeypatch.setattr(commands, "write_dump", failing)
    with pytest.raises(errors.CommandFailed):
        Openldap().dump(dumped.site)
    assert dump.path.read_bytes() == before
    assert not dump.part.exists()


def test_two_dumps_do_not_mix(dumped: Slapd) -> None:
    def again(place: Path) -> None:
        dumps.of(dumped.site).write(again)

    with pytest.raises(errors.Refused, match="Another dump is being written"):
        dumps.of(dumped.site).write(again)


def test_what_has_no_dump_says_so() -> None:
    with tempfile.TemporaryDirectory(prefix="keryx-", dir="/tmp") as home:
        (Path(home) / "keryx.yaml").write_text("domain: example.org\n")
        done = keryx("dump", "redis", "--home", home, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("keryx: redis has no dump: a copy of its files is as good.")
