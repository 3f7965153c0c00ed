"""The database of a whole suite: seen by status and doctor, away without holding up mail, killed and back."""

from __future__ import annotations

import functools
import json
import os
from typing import Any

from keryx.components.postgresql import cluster
from keryx.core import errors
from keryx.records import preferences
from tests import sogo
from tests.clients import arrives, letter
from tests.running import Suite, wait_for
from tests.wire import send
from tests.world import token


def rows(suite: Suite, command: str, key: str) -> dict[str, dict[str, Any]]:
    """Return what a command says, whatever its exit status."""
    return {row[key]: row for row in json.loads(suite.keryx(command, "--json", check=False).stdout)}


def test_doctor_logs_in_to_every_database(suite: Suite) -> None:
    found = {id: row for id, row in rows(suite, "doctor", "id").items() if id.startswith("database.")}
    assert list(found) == [
        f"database.{name}" for name in ("keryx", "sogo", "roundcube", "records", "server", "version")
    ]
    assert {row["status"] for row in found.values()} == {"ok"}


def test_without_the_database_mail_flows(suite: Suite) -> None:
    login, subject = suite.account("alice"), token()
    with suite.without("postgresql"):
        assert send(suite, letter(subject), login[0]).startswith("250")
        arrives(suite, login, subject)
        assert rows(suite, "status", "name")["postgresql"]["state"] == "stopped"
        found = rows(suite, "doctor", "id")
        assert found["database.keryx"]["status"] == "failed"
        assert found["database.keryx"]["sentence"].startswith("The database keryx does not answer: ")
        assert "keryx up" in found["database.keryx"]["remedy"]
        assert found["mail.loop"]["status"] == "ok"


def test_a_killed_server_comes_back_with_everything(suite: Suite) -> None:
    site, address = suite.site, f"{token()}@example.org"
    preferences.put(site, address, "kept", 1)
    mark = cluster.folder(site) / "postmaster.pid"

    def server() -> int | None:
        try:
            return int(mark.read_text().splitlines()[0])
        except (FileNotFoundError, IndexError):
            return None  # It is being written.

    killed = server()
    assert killed
    os.kill(killed, 9)

    def back() -> bool:
        try:
            return bool(preferences.get(site, address, "kept") == 1)
        except errors.Unreachable:
            return False

    wait_for(lambda: server() not in (None, killed), "a new server", 60)
    wait_for(back, "what was written", 60)
    wait_for(functools.partial(_well, suite), "all ready", 60)


def test_sogo_keeps_no_connection_to_a_server_that_is_gone(suite: Suite) -> None:
    login = suite.account("alice")
    with sogo.program(suite) as http:

        def answers() -> set[int]:
            path = f"/SOGo/dav/{login[0]}/Calendar/"
            return {http.request("PROPFIND", path, auth=login).status_code for _ in range(20)}

        assert answers() == {207}
        suite.keryx("restart", "postgresql")
        suite.wait_for_followers("postgresql")
        assert answers() == {207}


def _well(suite: Suite) -> bool:
    return suite.keryx("status", check=False).returncode == 0
