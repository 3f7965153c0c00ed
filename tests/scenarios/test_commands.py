"""Commands about settings and files, as other tools call them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from keryx.cli import context
from keryx.components import registry
from keryx.core import errors
from tests.program import LAUNCHER, keryx
from tests.running import CHECKOUT, Suite


@pytest.mark.parametrize("name", [component.name for component in registry.COMPONENTS])
def test_render_gives_what_the_suite_runs_with(suite: Suite, name: str, tmp_path: Path) -> None:
    suite.keryx("render", name, "--output", str(tmp_path))
    rendered = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    component = registry.find(name)
    assert {Path("/") / path for path in rendered} == {file.path for file in component.render(suite.site)}
    if not component.enabled(suite.site):
        return
    for relative, path in rendered.items():
        running = Path("/") / relative
        assert path.read_text() == running.read_text(), running
        assert path.stat().st_mode == running.stat().st_mode, running


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="keryx-", dir="/tmp") as folder:
        yield Path(folder)


def test_render_needs_no_running_suite_and_changes_no_home(home: Path, tmp_path: Path) -> None:
    (home / "keryx.yaml").write_text("domain: example.org\n")
    for component in registry.COMPONENTS:
        Suite(home).keryx("render", component.name, "--output", str(tmp_path / "out"))
    rendered = tmp_path / "out" / home.relative_to("/")
    assert (rendered / "etc/redis/redis.conf").is_file()
    assert "bind_pw = SECRET-ldap-reader" in (rendered / "etc/postfix/ldap/domains.cf").read_text()
    assert sorted(path.name for path in home.iterdir()) == ["keryx.yaml"]


def test_an_unknown_component_is_refused_with_the_known_ones(suite: Suite) -> None:
    done = suite.keryx("render", "exim", "--output", "/tmp/nowhere", check=False)
    assert done.returncode == 2
    assert 'There is no component "exim".' in done.stderr
    assert "postfix" in done.stderr


def test_config_show_has_the_defaults_and_no_secret(suite: Suite) -> None:
    shown = suite.json("config", "show")
    assert shown["domain"] == "example.org"
    assert shown["message_size_limit_mb"] == 50
    assert set(shown) >= {"ports", "tls", "directory", "postfix", "dovecot", "rspamd", "unbound", "redis"}
    everything = json.dumps(shown) + suite.keryx("config", "show").stdout
    for secret in (suite.home / "secrets").iterdir():
        assert secret.read_text().strip() not in everything


def test_config_validate_tells_every_problem_and_leaves_with_2(home: Path) -> None:
    (home / "keryx.yaml").write_text("domain: example.org\nfirst: 1\nsecond: 2\n")
    done = Suite(home).keryx("config", "validate", check=False)
    assert done.returncode == 2
    assert 'unknown key "first"' in done.stderr
    assert 'unknown key "second"' in done.stderr


def test_config_validate_reads_the_files_with_passwords(home: Path) -> None:
    relayhost = "{host: mx.example.net, user: u, password_file: %s}"
    there = home / "there"
    there.write_text("secret\n")
    (home / "keryx.yaml").write_text(
        f"domain: example.org\npostfix:\n  relayhost: {relayhost % there}\n"
        f"  sender_relayhosts: {{second.example: {relayhost % '/no/such/file'}}}\n"
    )
    done = Suite(home).keryx("config", "validate", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "The secret file /no/such/file cannot be read: No such file or directory." in done.stderr


def test_config_validate_is_content_with_the_suites_file(suite: Suite) -> None:
    assert suite.json("config", "validate") == {"file": str(suite.home / "keryx.yaml"), "valid": True}


def test_the_schema_is_strict_and_knows_every_section(suite: Suite) -> None:
    schema = json.loads(suite.keryx("config", "schema").stdout)
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(suite.json("config", "show"))
    for name, part in schema["properties"].items():
        section = schema["$defs"].get(part.get("$ref", "").rpartition("/")[2], {})
        assert part.get("description") or section.get("description"), f"{name} says what it is"


def test_the_reference_names_every_key_with_its_meaning(suite: Suite) -> None:
    keys = suite.json("config", "reference")
    assert [key["path"] for key in keys if not key["description"]] == []


def test_without_a_suite_the_remedy_is_up(tmp_path: Path) -> None:
    done = Suite(tmp_path).keryx("status", check=False)
    assert done.returncode == 2
    assert f"There is no {tmp_path}/keryx.yaml." in done.stderr
    assert "keryx up --domain" in done.stderr


def test_what_nobody_foresaw_is_told_in_a_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [LAUNCHER, "config", "schema"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        "keryx: No space left on device.\n       keryx --debug before the command shows where.\n"
    )


def test_the_version_is_that_of_the_chart() -> None:
    chart = yaml.safe_load((CHECKOUT / "charts/keryx/Chart.yaml").read_text())
    assert keryx("--version").stdout == f"keryx {chart['appVersion']}\n"


def test_logs_end_where_asked(suite: Suite) -> None:
    assert len(suite.keryx("logs", "postfix", "-n", "3").stdout.splitlines()) == 3
    done = suite.keryx("logs", "exim", check=False)
    assert done.returncode == 2
    assert "postfix" in done.stderr


def test_no_secret_stands_in_a_log_or_in_a_file_that_others_can_read(suite: Suite) -> None:
    suite.keryx("doctor", check=False)
    values = {path.name: path.read_text().strip() for path in (suite.home / "secrets").iterdir()}
    for path in suite.home.rglob("*"):
        if not path.is_file() or path.is_relative_to(suite.home / "data"):
            continue
        text = path.read_text(errors="replace")
        found = [name for name, value in values.items() if len(value) >= 16 and value in text]
        if found:
            assert path.stat().st_mode & 0o004 == 0, f"{path} shows {found} to everybody"
            assert not path.is_relative_to(suite.home / "log"), f"{path} logs {found}"


def test_who_is_not_root_is_told_so(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context.chosen, "home", suite.home)
    # What the settings model is made of may stand in a folder that is closed to others.
    context.anew()
    context.site.cache_clear()
    os.seteuid(65534)
    try:
        with pytest.raises(errors.BadInput, match=r"is root's\. Run keryx as root"):
            context.site()
    finally:
        os.seteuid(0)
        context.site.cache_clear()
