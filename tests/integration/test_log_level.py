"""``log_level`` on real daemons: more is said, or less, and a password never."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import cast

import pytest

from keryx.settings.model import LogLevel
from tests.clients import login_everywhere
from tests.parts import running
from tests.running import Suite

NAMES = ("openldap", "unbound", "redis", "postgresql", "rspamd", "dovecot", "postsrsd", "postfix", "nginx")
SETTINGS = """\
domain: example.org
log_level: {level}
bind: [127.0.0.1]
webmail: none
unbound: {{offline: true}}
dovecot: {{auth_cache_seconds: 0}}
"""
ALICE = "alice@example.org"
RIGHT = f"correct horse {ALICE}"
WRONG = "battery-staple-4711"


def said(level: LogLevel) -> Mapping[str, str]:
    """Start with that level, log in rightly and wrongly everywhere; return the logs."""
    with running(SETTINGS.format(level=level), NAMES) as parts:
        parts.keryx("domain", "add", "example.org")
        parts.account(ALICE)
        # The clients ask a suite for its ports only.
        suite = cast(Suite, parts)
        assert set(login_everywhere(suite, ALICE, RIGHT).values()) == {True}
        assert set(login_everywhere(suite, ALICE, WRONG).values()) == {False}
        parts.stop_all()
        return {name: parts.log(name).read_text(errors="replace") for name in NAMES}


@pytest.fixture(scope="module")
def debug() -> Mapping[str, str]:
    return said("debug")


def test_no_level_tells_a_password(debug: Mapping[str, str]) -> None:
    secrets = [RIGHT, WRONG, "$argon2", "{ARGON2"]
    for password in (RIGHT, WRONG):
        # PLAIN (RFC 4616) and LOGIN, as they come over the wire; base64 begins anew every three bytes.
        for text in (f"\0{ALICE}\0{password}", f"{ALICE}\0{ALICE}\0{password}", password):
            secrets.append(base64.b64encode(text.encode()).decode().rstrip("=")[:-1])
    assert {
        name for name, text in debug.items() for secret in secrets if secret.lower() in text.lower()
    } == set()


def test_debug_tells_what_a_daemon_asks_and_decides(debug: Mapping[str, str]) -> None:
    assert "auth: Debug: " in debug["dovecot"]
    assert ALICE in debug["dovecot"]
    assert "SRCH base=" in debug["openldap"]
    assert "DEBUG: " in debug["postgresql"]


def test_warning_leaves_out_what_is_no_fault() -> None:
    quiet = said("warning")
    assert "Login: " not in quiet["dovecot"]
    assert "Ready to accept connections" not in quiet["redis"]
    assert "Debug: " not in quiet["dovecot"]
