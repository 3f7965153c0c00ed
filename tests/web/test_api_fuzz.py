"""Whatever is sent, the API answers as its OpenAPI document says: schemathesis against the running process.

Bounded in time; a failure prints the request that it takes. What writes has a key for one domain made for
it, so nothing else in the suite is touched; the rest is read with a key for everything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Suite
from tests.web.calling import Api, Caller, calling

SECONDS = int(os.environ.get("KERYX_FUZZ_SECONDS", "25"))
"""Time of each of the two runs."""
DOMAIN = "fuzz.test"
# caldav brings a urllib3 of its own kind along, which cannot count its connections.
PROGRAM = """
import schemathesis.transport.requests as transport
transport._count_opened_connections = lambda session: 0
from schemathesis.cli import schemathesis
schemathesis()
"""
SETTINGS = f"""
[parameters]
"path.domain" = "{DOMAIN}"
"path.address" = "plain@{DOMAIN}"
"""
KEPT = ("--exclude-path", "/session", "--exclude-operation-id", "accounts-remove")
"""Without its account there would be little to write."""
LEFT_OUT = (
    # Rules of the suite refuse much of what a schema allows: an account needs a strong password.
    "positive_data_acceptance",
    # The gateway answers TRACE itself; test_api looks at 405.
    "unsupported_method",
    "allow_header_conformance",
    # Two kinds of proof are offered; sending neither is what test_api_roles does.
    "ignored_auth",
)


@pytest.fixture(scope="module")
def api(suite: Suite) -> Iterator[Api]:
    with calling(suite) as found:
        yield found


@pytest.fixture(scope="module")
def site(api: Api) -> Iterator[Caller]:
    found = api.administrator()
    found.put(f"/domains/{DOMAIN}", {})
    found.put(f"/accounts/plain@{DOMAIN}", {"password": "correct horse battery staple"})
    yield found
    found.call("DELETE", f"/domains/{DOMAIN}", params={"force": True, "purge_mail": True})


def fuzz(api: Api, caller: Caller, folder: Path, *options: str) -> None:
    document = folder / "openapi.json"
    document.write_text(json.dumps(api.anonymous().get("/openapi.json")))
    port = api.suite.port("https")
    argv = [
        *(sys.executable, "-c", PROGRAM),
        *("run", str(document), "--url", f"https://127.0.0.1:{port}/api/v1", "--tls-verify", "false"),
        *("-H", f"Host: mail.example.org:{port}", "-H", f"Authorization: Bearer {caller.key}"),
        *("--phases", "coverage,fuzzing", "--max-time", str(SECONDS), "--request-timeout", "30"),
        *("--exclude-checks", ",".join(LEFT_OUT), "--warnings", "off", "--no-color"),
        *("--generation-database", "none"),
        *options,
    ]
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, timeout=SECONDS * 4 + 60, check=False
    )
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2000:]


def test_reading_everything(api: Api, site: Caller, tmp_path: Path) -> None:
    fuzz(api, api.new_key(), tmp_path, "--include-method", "GET")


def outside(site: Caller) -> int:
    """Return how many accounts there are that the writer must not touch."""
    everywhere, inside = site.get("/accounts"), site.get("/accounts", domain=DOMAIN)
    return int(everywhere["total"]) - int(inside["total"])


def test_writing_in_a_domain(api: Api, site: Caller, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    before = outside(site)
    writer = api.new_key(DOMAIN, write=True)
    fuzz(api, writer, tmp_path, *("--exclude-method", "GET"), *KEPT)
    assert outside(site) == before, "nothing outside of the domain was touched"
    assert site.get("/status")["problems"] == []
