"""``keryx up`` as an administrator uses it: again, after edits, with mistakes."""

from __future__ import annotations

import contextlib
import os
import shutil
import smtplib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keryx.admin.doctor import served_certificate
from keryx.components import registry
from keryx.core.process import Completed
from keryx.host import home as homes
from keryx.host import leftovers
from keryx.host.supervisor import configuration
from keryx.settings.ports import STANDARD, WITHOUT_TLS
from tests import clients
from tests.running import Suite, wait_for


def pids(suite: Suite) -> dict[str, int]:
    return {row["name"]: row["pid"] for row in suite.json("status")}


@contextlib.contextmanager
def edited(suite: Suite, addition: str) -> Iterator[None]:
    """Add lines to keryx.yaml for a while; afterwards the suite is as it was."""
    config = suite.home / "keryx.yaml"
    before = config.read_text()
    config.write_text(before + addition)
    try:
        yield
    finally:
        config.write_text(before)
        suite.up()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home for a suite that is not the session's."""
    path = Path(tempfile.mkdtemp(prefix="keryx-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    Suite(path).keryx("down", check=False)
    shutil.rmtree(path, ignore_errors=True)


def refused(done: Completed, *words: str) -> None:
    """The command ended with 2 and one sentence that holds the words; no traceback."""
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_every_component_is_ready_and_says_so(suite: Suite) -> None:
    rows = suite.json("status")
    assert [row["name"] for row in rows] == [part.name for part in registry.enabled(suite.site)]
    assert all(row["ready"] and row["state"] == "running" and row["memory"] > 0 for row in rows)


def test_a_second_up_changes_nothing(suite: Suite) -> None:
    before = pids(suite)
    done = suite.up()
    assert done.stdout.strip() == "Everything runs as keryx.yaml says; nothing to do."
    assert pids(suite) == before


def test_an_edit_is_previewed_and_reaches_only_who_it_concerns(suite: Suite) -> None:
    before = pids(suite)
    with edited(suite, "message_size_limit_mb: 7\n"):
        preview = suite.keryx("up", "--dry-run").stdout
        assert "postfix" in preview
        assert f"+message_size_limit = {7 * 2**20}" in preview
        assert "size" in capabilities(suite)
        assert capabilities(suite)["size"] == str(50 * 2**20), "a preview changes nothing"
        suite.up()
        wait_for(lambda: capabilities(suite)["size"] == str(7 * 2**20), "the new limit")
        untouched = {"openldap", "unbound", "redis", "dovecot", "postsrsd", "postfix"}
        now = pids(suite)
        assert {name: now[name] for name in untouched} == {name: before[name] for name in untouched}
    assert capabilities(suite)["size"] == str(50 * 2**20)


def test_what_was_edited_by_hand_is_put_right(suite: Suite) -> None:
    before, config = pids(suite), suite.home / "etc/postfix/main.cf"
    wanted = config.read_text()
    config.write_text(f"{wanted}message_size_limit = 1234567\n")
    assert "-message_size_limit = 1234567" in suite.keryx("up", "--dry-run").stdout
    suite.up()
    assert config.read_text() == wanted
    assert pids(suite) == before
    assert suite.up().stdout.strip() == "Everything runs as keryx.yaml says; nothing to do."


def capabilities(suite: Suite) -> dict[str, str]:
    with smtplib.SMTP("127.0.0.1", suite.port("smtp")) as client:
        client.ehlo()
        return client.esmtp_features


def test_a_port_that_is_switched_off_closes(suite: Suite) -> None:
    address = ("127.0.0.1", suite.port("pop3"))
    with edited(suite, "ports:\n  pop3: false\n"):
        suite.up()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
    socket.create_connection(address, timeout=5).close()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("messsage_size_limit_mb: 7\n", ('unknown key "messsage_size_limit_mb"', "message_size_limit_mb")),
        ("message_size_limit_mb: big\n", ("message_size_limit_mb", "'big'", "whole number")),
        ("ports: {imap: 70000}\n", ("ports.imap", "70000", "65535")),
        ("ports: {imap: 993}\n", ("ports.imap", "ports.imaps", "move one")),
        ("tls: {certificate: /nowhere.pem}\n", ("tls", "set both")),
        ("tls: {certificate: /nowhere.pem, key: /nowhere.key}\n", ("/nowhere.pem",)),
        ("postmaster: nobody\n", ("postmaster", '"nobody"', "name@example.org")),
        ("domain: example.net\n", ('"domain"', "twice")),
        ("ports: {smtp: {proxy_protocol: true}}\n", ("proxy_protocol", "trusted_proxies")),
        ("  : [\n", ("line",)),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(suite: Suite, line: str, words: tuple[str, ...]) -> None:
    before = pids(suite)
    config = suite.home / "keryx.yaml"
    good = config.read_text()
    config.write_text(good + line)
    try:
        refused(suite.keryx("up", check=False), *words)
    finally:
        config.write_text(good)
    assert pids(suite) == before


def test_a_host_name_without_a_dot_is_refused(home: Path) -> None:
    done = Suite(home).keryx("up", "--domain", "example.org", "--hostname", "mail", check=False)
    refused(done, "hostname", '"mail"', "has no dot")
    assert not (home / "keryx.yaml").exists(), "nothing half-done"


def test_a_wish_against_the_settings_is_refused(suite: Suite) -> None:
    refused(suite.keryx("up", "--domain", "example.net", check=False), "--domain example.net", "example.org")


def test_what_a_daemon_refuses_leaves_the_old_in_force(suite: Suite) -> None:
    before = pids(suite)
    with edited(suite, "dovecot:\n  extra: |\n    no_such_setting = 1\n"):
        refused(suite.keryx("up", check=False), "dovecot", "no_such_setting")
        assert "no_such_setting" not in (suite.home / "etc/dovecot/dovecot.conf").read_text()
    assert pids(suite) == before


def test_a_port_in_use_is_named_with_its_process(home: Path) -> None:
    other = Suite.create(home)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", other.port("imap")))
        holder.listen()
        done = other.keryx("up", check=False)
    refused(done, f"Port {other.port('imap')} (ports.imap)", f"process {os.getpid()}")
    assert not (home / "run/supervisor/supervisord.pid").exists()


def test_a_component_that_cannot_start_is_named_with_its_log(home: Path) -> None:
    other = Suite.create(home)
    broken = home / "data/redis/appendonlydir"
    broken.mkdir(parents=True)
    (broken / "appendonly.aof.manifest").write_text("nonsense\n")
    done = other.keryx("up", check=False)
    assert done.returncode == 1, done
    assert "redis did not start" in done.stderr
    assert "manifest" in done.stderr, "the last lines of its log"
    assert "keryx logs redis" in done.stderr


def test_a_killed_supervisor_leaves_nothing_in_the_way(home: Path) -> None:
    other = Suite.create(home)
    other.up()
    os.kill(int((home / "run/supervisor/supervisord.pid").read_text()), 9)
    left = {process.name() for process in leftovers.find(home)}
    assert left >= {"slapd", "unbound", "redis-server", "rspamd", "dovecot", "master"}, left
    (rspamd,) = (p for p in leftovers.find(home) if "main process" in " ".join(p.cmdline()))
    other.up()
    assert not rspamd.is_running(), "one that hides its command line is found too"
    assert all(row["ready"] for row in other.json("status"))
    other.keryx("down")
    assert not leftovers.find(home)
    assert all(row["state"] == "stopped" for row in status_of_stopped(other))


def status_of_stopped(suite: Suite) -> list[dict[str, str]]:
    import json

    done = suite.keryx("status", "--json", check=False)
    assert done.returncode == 1
    rows: list[dict[str, str]] = json.loads(done.stdout)
    return rows


def test_a_renewed_certificate_is_shown_without_dropping_a_session(suite: Suite) -> None:
    before = pids(suite)
    address, password = suite.account("renewal")
    with clients.imap(suite, address, password) as session:
        old = served(suite)
        (suite.home / "tls/cert.pem").unlink()
        suite.up()
        wait_for(lambda: served(suite) != old, "the new certificate at every port")
        assert session.noop()[0] == "OK", "the session goes on"
    assert pids(suite) == before, "a reload suffices"


def served(suite: Suite) -> dict[str, int]:
    names = [name for name in STANDARD if name not in WITHOUT_TLS]
    return {name: served_certificate(suite.site, name).serial_number for name in names}


def test_a_component_switched_on_or_off_leaves_the_others_alone(suite: Suite) -> None:
    before = pids(suite)
    with edited(suite, "clamav:\n  enabled: true\n"):
        wanted = registry.enabled(homes.site(suite.home))
        file = configuration(suite.site, wanted, suite.home / "keryx.yaml")
        now = (suite.home / "etc/supervisor/supervisord.conf").read_text()
        programs = file.content.split("\n\n")
        missing = [part for part in now.split("\n\n") if part not in programs]
        assert missing == [], "the others' programs are the same to the letter"
        assert "[program:clamav]" in file.content
        assert "[program:clamav]" not in now
    assert pids(suite) == before
