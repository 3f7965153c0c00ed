import dataclasses
from pathlib import Path

import pytest

from keryx.components.admin.component import Admin
from keryx.components.admin.secrets import Copies
from keryx.components.testing import check_golden, site
from keryx.core import errors
from keryx.settings import applied

GOLDEN = Path(__file__).parent / "golden"

EXTERNAL = """\
domain: example.org
directory:
  embedded: false
  uri: ldaps://ldap.example.org
  root_dn: dc=example,dc=org
  bind_password_file: {folder}/reader
  admin_password_file: {folder}/admin
"""


def test_it_gets_the_settings_and_copies_of_its_secrets() -> None:
    check_golden(Admin(), site(), GOLDEN / "default")


def test_the_copies_belong_to_root_and_are_read_by_its_group_only() -> None:
    for file in Admin().render(site()):
        assert (file.owner, file.group, file.mode) == ("root", "keryx", 0o640)
        assert file.secret == (file.path.parent.name == "secrets")


def test_files_of_the_administrators_are_copied_and_the_copies_read(tmp_path: Path) -> None:
    """The settings stay as they are: people look at them. The original may be closed, or gone."""
    (tmp_path / "reader").write_text("one\n")
    (tmp_path / "admin").write_text("two\n")
    wanted = site(EXTERNAL.format(folder=tmp_path))
    (tmp_path / "secrets").mkdir()
    for file in Admin().render(wanted):
        place = tmp_path / "secrets" if file.secret else tmp_path
        (place / file.path.name).write_text(file.content)
    for name in ("reader", "admin"):
        (tmp_path / name).unlink()
    settings = applied.read(tmp_path / "settings.json", type(wanted.settings))
    seen = dataclasses.replace(wanted, settings=settings, secrets=Copies(tmp_path / "secrets"))
    assert settings.directory.bind_password_file == tmp_path / "reader"
    assert (seen.reader_password, seen.admin_password) == ("one", "two")
    assert seen.directory_writable


def test_an_authority_that_it_cannot_read_is_told_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "reader").write_text("one\n")
    (tmp_path / "admin").write_text("two\n")
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    ca.chmod(0o600)
    wanted = site(f"{EXTERNAL.format(folder=tmp_path)}  ca: {ca}\n")
    with pytest.raises(errors.BadInput, match="cannot be read by the web process"):
        Admin().prepare(wanted)


def test_a_directory_that_is_read_only_gives_it_no_password_to_write(tmp_path: Path) -> None:
    (tmp_path / "reader").write_text("one\n")
    text = EXTERNAL.format(folder=tmp_path).replace(f"  admin_password_file: {tmp_path}/admin\n", "")
    assert "ldap-admin" not in {file.path.name for file in Admin().render(site(text))}


def test_what_the_settings_say_is_what_the_web_process_reads(tmp_path: Path) -> None:
    text = 'domain: example.org\nports: {pop3: false, imap: 1143}\nbind: [127.0.0.1, "::1"]\nwebmail: none\n'
    wanted = site(text)
    (tmp_path / "settings.json").write_text(applied.text(wanted))
    seen = applied.read(tmp_path / "settings.json", type(wanted.settings))
    assert seen.model_dump() == wanted.settings.model_dump()
    assert seen.model_fields_set == wanted.settings.model_fields_set


def test_a_secret_that_was_not_given_is_not_made_up(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("good")
    copies = Copies(tmp_path)
    assert copies.get("given") == "good"
    with pytest.raises(errors.KeryxError, match="was not given the secret other"):
        copies.get("other")
    assert not (tmp_path / "other").exists()
