"""Many accounts from a CSV file."""

from __future__ import annotations

from pathlib import Path

import pytest

from keryx.admin import accounts, aliases, imports
from keryx.admin.accounts import NewAccount
from keryx.core import errors
from keryx.settings.site import Site
from tests.integration.slapd import Slapd

GOOD = "wonder-land-rabbit"
HASH = "{SSHA}r6Fcl+O/hJZgrLIYTiJlwdLdoHyvKdGq"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.csv"


def test_every_bad_line_is_reported_with_its_number_and_nothing_is_written(
    site: Site, domain: str, file: Path
) -> None:
    accounts.add(site, NewAccount(f"taken@{domain}", GOOD))
    file.write_text(
        "address,name,password,password_hash,quota,aliases,active\n"
        f"good@{domain},Good,{GOOD},,,,\n"
        f"nodomain,,{GOOD},,,,\n"
        f"a@unmanaged.example,,{GOOD},,,,\n"
        f"b@{domain},,short,,,,\n"
        f"c@{domain},,{GOOD},,many,,\n"
        "\n"
        f"good@{domain},,{GOOD},,,,\n"
        f"d@{domain},,{GOOD},,,postmaster@{domain},\n"
        f"e@{domain},,{GOOD},,,taken@{domain},\n"
        f"f@{domain},,{GOOD},,,,perhaps\n"
        f"g@{domain},,,,,,\n"
        f"h@{domain},,{GOOD},{HASH},,,\n"
        f"i@{domain},,,{{ROT13}}x,,,\n"
        f"j@{domain},,{GOOD},,,,,,,\n"
        f"k@{domain},,{GOOD},,,x@unmanaged.example,\n"
    )
    before = accounts.all_of(site)
    with pytest.raises(imports.BadImport) as refusal:
        imports.run(site, file)
    assert refusal.value.exit_code == 2
    numbers = [int(problem.split()[1].rstrip(":")) for problem in refusal.value.problems]
    assert numbers == [3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    assert f'line 8: "good@{domain}" stands in line 2 already.' in refusal.value.problems
    assert accounts.all_of(site) == before


@pytest.mark.parametrize(
    ("heading", "sentence"),
    [("name,password", "address among them"), ("address,passwort", "passwort"), ("address,address", "twice")],
)
def test_a_wrong_heading_is_refused(site: Site, file: Path, heading: str, sentence: str) -> None:
    file.write_text(heading + "\n")
    with pytest.raises(errors.BadInput, match=sentence):
        imports.run(site, file)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (['a@{},"Ann', "b@{},Ben", 'c@{},"Cleo"'], "line 4: .* expected after"),
        (['a@{},"Ann', "b@{},Ben"], "line 3: unexpected end of data"),
        (['a@{},"Ann', 'b@{},Ben"'], "line 3: a cell holds a line break"),
        (['a@{},"Ann' + "n" * 200_000 + '"'], "line 2: field larger than field limit"),
    ],
)
def test_a_quote_that_is_not_closed_swallows_no_line(
    site: Site, domain: str, file: Path, lines: list[str], sentence: str
) -> None:
    before = accounts.all_of(site)
    file.write_text("\n".join(["address,name", *lines, ""]).replace("{}", domain))
    with pytest.raises(errors.BadInput, match=sentence):
        imports.run(site, file)
    assert accounts.all_of(site) == before


def test_a_missing_file_is_one_sentence(site: Site, file: Path) -> None:
    with pytest.raises(errors.BadInput, match="cannot be read"):
        imports.run(site, file)


def test_accounts_are_added_changed_and_left_alone(slapd: Slapd, site: Site, domain: str, file: Path) -> None:
    file.write_text(
        "\ufeffaddress,name,password,password_hash,quota,aliases,active,send_only,super_user\n"
        f'one@{domain},"One, First",{GOOD},,10,x@{domain}; y@{domain} z@{domain},,,\n'
        f"two@{domain},Two,,{HASH},,,no,yes,TRUE\n"
    )
    assert imports.run(site, file, dry_run=True) == imports.Result(2, 0, 0)
    assert not accounts.all_of(site, domain)
    assert imports.run(site, file) == imports.Result(2, 0, 0)
    one = accounts.show(site, f"one@{domain}")
    assert (one.name, one.quota_mb) == ("One, First", 10)
    assert one.aliases == (f"x@{domain}", f"y@{domain}", f"z@{domain}")
    two = accounts.show(site, f"two@{domain}")
    assert (two.active, two.send_only, two.super_user) == (False, True, True)
    assert two.quota_mb == site.settings.default_quota_mb
    name = f"mail=one@{domain},ou=users,dc=example,dc=org"
    assert slapd.tool("ldapwhoami", dn=name, password=GOOD).returncode == 0

    assert imports.run(site, file) == imports.Result(0, 0, 2)
    file.write_text(f"address;password;aliases\none@{domain};rabbit-hole-garden;x@{domain}\ntwo@{domain};;\n")
    assert imports.run(site, file) == imports.Result(0, 1, 1)
    assert accounts.show(site, f"one@{domain}").aliases == (f"x@{domain}",)
    assert accounts.show(site, f"one@{domain}").quota_mb == 10
    assert slapd.tool("ldapwhoami", dn=name, password="rabbit-hole-garden").returncode == 0


def test_an_import_goes_on_where_it_was_cut_short(site: Site, domain: str, file: Path) -> None:
    rows = [f"u{number}@{domain},{GOOD}" for number in range(8)]
    file.write_text("\n".join(["address,password", *rows]) + "\n")

    def cut(what: str, done: int, total: int) -> None:
        if what == "Importing" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(errors.KeryxError, match="after 3 of 8"):
        imports.run(site, file, progress=cut)
    assert len(accounts.all_of(site, domain)) == 3
    assert imports.run(site, file) == imports.Result(5, 0, 3)


def test_a_catch_all_does_not_stand_in_the_way(site: Site, domain: str, file: Path) -> None:
    aliases.add(site, f"@{domain}", ["x@elsewhere.example"])
    file.write_text(f"address,password\nnew@{domain},{GOOD}\n")
    assert imports.run(site, file).added == 1
