"""keryx domain, user and alias as other tools call them: output, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keryx.admin import dkim_forms
from keryx.core.process import Completed
from tests import program
from tests.integration.slapd import Slapd

GOOD = "wonder-land-rabbit\n"


class Commands:
    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, input: str = "") -> Completed:
        return program.keryx(*arguments, "--home", self.home, input=input, check=False)

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)


@pytest.fixture
def keryx(slapd: Slapd) -> Commands:
    return Commands(slapd.home)


def test_an_account_from_beginning_to_end(keryx: Commands, domain: str) -> None:
    address, alias = f"alice@{domain}", f"al@{domain}"
    options = ("--name", "Alice Liddell", "--quota", "100", "--alias", alias, "--send-only")
    done = keryx("user", "add", address, *options, "--password-stdin", input=GOOD)
    assert (done.returncode, done.stderr) == (0, "")
    shown = {
        "address": address,
        "name": "Alice Liddell",
        "aliases": [alias],
        "active": True,
        "quota_mb": 100,
        "send_only": True,
        "super_user": False,
        "host": "",
    }
    assert keryx.json("user", "show", address) == shown
    assert shown in keryx.json("user", "list")
    assert keryx("user", "set", address, "--inactive", "--super-user", "--dry-run").returncode == 0
    assert keryx.json("user", "show", address) == shown
    assert keryx("user", "set", address, "--inactive", "--super-user").returncode == 0
    again = keryx("user", "set", address, "--inactive", "--super-user")
    assert (again.returncode, "nothing changed" in again.stdout) == (0, True)
    changed = {**shown, "active": False, "super_user": True}
    assert keryx.json("user", "show", address) == changed
    assert keryx("user", "remove", address).returncode == 0
    gone = keryx("user", "show", address)
    assert (gone.returncode, gone.stdout) == (2, "")
    assert f"There is no account {address}" in gone.stderr


def test_a_generated_password_is_printed_and_works(slapd: Slapd, keryx: Commands, domain: str) -> None:
    address = f"bob@{domain}"
    said = keryx("user", "add", address, "--generate-password").stdout
    password = said.partition("Password: ")[2].strip()
    name = f"mail={address},ou=users,dc=example,dc=org"
    assert slapd.tool("ldapwhoami", dn=name, password=password).returncode == 0
    assert keryx("user", "passwd", address, "--password-stdin", input=GOOD).returncode == 0
    assert slapd.tool("ldapwhoami", dn=name, password=GOOD.strip()).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("user", "add", "carol@{d}"), "needs a password"),
        (("user", "add", "carol@{d}", "--password-stdin", "--generate-password"), "exclude"),
        (("user", "add", "carol@elsewhere.example", "--generate-password"), "outside the managed domains"),
        (("user", "show", "carol@{d}"), "no account"),
        (("domain", "add", "{d}"), "exists already"),
        (("domain", "remove", "unknown.example"), "no domain"),
        (("alias", "add", "x@{d}", "--to", "x@{d}"), "come back"),
        (("user", "import", "/nonexistent.csv"), "cannot be read"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(
    keryx: Commands, domain: str, arguments: tuple[str, ...], sentence: str
) -> None:
    done = keryx(*(argument.format(d=domain) for argument in arguments))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_an_alias_from_beginning_to_end(keryx: Commands, domain: str) -> None:
    address = f"sales@{domain}"
    assert keryx("alias", "add", address, "--to", "a@x.example", "--to", "b@y.example").returncode == 0
    shown = {
        "address": address,
        "targets": ["a@x.example", "b@y.example"],
        "description": "",
        "active": True,
    }
    assert keryx.json("alias", "show", address) == shown
    assert shown in keryx.json("alias", "list", "--domain", domain)
    assert keryx("alias", "remove", address).returncode == 0
    assert keryx("alias", "show", address).returncode == 2


def test_an_import_tells_what_it_did(keryx: Commands, domain: str, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text(f"address,password\na@{domain},{GOOD}b@{domain},weak\nc@{domain},\n")
    refused = keryx("user", "import", str(file))
    assert refused.returncode == 2
    assert "line 3: " in refused.stderr
    assert "line 4: " in refused.stderr
    assert keryx.json("user", "list", "--domain", domain) == []
    file.write_text(f"address,password\na@{domain},{GOOD}b@{domain},{GOOD}")
    assert "2 added, 0 changed, 0 left" in keryx("user", "import", str(file)).stdout


def test_unreachable(tmp_path: Path) -> None:
    (tmp_path / "keryx.yaml").write_text("domain: example.org\n")
    done = Commands(tmp_path)("user", "list")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_signing_key_comes_along(keryx: Commands, domain: str, tmp_path: Path) -> None:
    file = tmp_path / "dkim.key"
    file.write_text(dkim_forms.new("rsa"))
    wanted = ("dkim", "import", domain, "--selector", "mail", "--file", str(file))
    file.chmod(0o644)
    refused = keryx(*wanted)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"Everybody may read the private key {file}" in refused.stderr
    assert f"chmod 600 {file}" in refused.stderr
    file.chmod(0o600)
    assert "A dry run" in keryx(*wanted, "--dry-run").stdout
    assert "mail" not in [key["selector"] for key in keryx.json("dkim", "show", domain)]
    done = keryx(*wanted)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"mail._domainkey.{domain}" in done.stdout
    again = keryx(*wanted)
    assert (again.returncode, "nothing changed" in again.stdout) == (0, True)
    signing = [key["selector"] for key in keryx.json("dkim", "show", domain) if key["active"]]
    assert signing == ["mail", "keryx-ed"]
    assert f"mail._domainkey.{domain}" in keryx("domain", "show", domain).stdout
    assert keryx("dkim", "use", domain, "keryx-rsa").returncode == 0
    signing = [key["selector"] for key in keryx.json("dkim", "show", domain) if key["active"]]
    assert signing == ["keryx-rsa", "keryx-ed"]


def test_a_signing_key_of_nobodys_domain_or_of_no_form_is_refused(keryx: Commands, domain: str) -> None:
    private = dkim_forms.new("ed25519")
    nowhere = keryx("dkim", "import", "nowhere.example", "--selector", "mail", input=private)
    assert (nowhere.returncode, "There is no domain nowhere.example" in nowhere.stderr) == (2, True)
    wrong = keryx("dkim", "import", domain, "--selector", "mail", input="hello")
    assert (wrong.returncode, "The private key cannot be read" in wrong.stderr) == (2, True)
    assert keryx("dkim", "import", domain, "--selector", "mail", input=private).returncode == 0
    other = keryx("dkim", "import", domain, "--selector", "mail", input=dkim_forms.new("ed25519"))
    assert (other.returncode, "--replace" in other.stderr) == (2, True)
