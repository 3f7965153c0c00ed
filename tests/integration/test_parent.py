"""``keryx run`` as a daemon's parent, as in a container: changes are taken up, signals passed on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from keryx.admin.doctor import served_certificate
from keryx.core import network
from keryx.core.network import Endpoint
from keryx.tls import authority
from tests.clients import imap
from tests.parts import Parts, running
from tests.running import Suite, wait_for

SETTINGS = "domain: example.org\nhostname: mail.example.org\nbind: [127.0.0.1]\nwebmail: none\n"


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with running(SETTINGS, ["openldap"]) as running_parts:
        running_parts.keryx("domain", "add", "example.org")
        running_parts.account("alice@example.org")
        running_parts.start("dovecot", parent=True)
        yield running_parts


def greeting(parts: Parts) -> str:
    return network.greeting(
        Endpoint(host="127.0.0.1", port=parts.site.port("imap") or 0), tls=None, timeout=10
    )


def change(parts: Parts, before: str, after: str) -> None:
    file = parts.home / "keryx.yaml"
    file.write_text(file.read_text().replace(before, after))


def daemons_of(parts: Parts, name: str) -> list[psutil.Process]:
    return psutil.Process(parts.pid(name)).children()


def test_a_new_certificate_is_shown_and_sessions_go_on(parts: Parts) -> None:
    def shown() -> int:
        return served_certificate(parts.site, "imaps").serial_number

    before, tls = shown(), parts.site.paths.tls
    with imap(Suite(parts.home), "alice@example.org", "correct horse alice@example.org") as client:
        (tls / "cert.pem").unlink()
        authority.ensure(tls, [parts.site.settings.host])
        wait_for(lambda: shown() != before, "the new certificate", 30)
        assert client.noop()[0] == "OK"


def test_changed_settings_are_taken_up(parts: Parts) -> None:
    assert "mail.example.org" in greeting(parts)
    change(parts, "hostname: mail.example.org", "hostname: post.example.org")
    wait_for(lambda: "post.example.org" in greeting(parts), "the new name", 30)


def test_refused_settings_leave_the_daemon_alone(parts: Parts) -> None:
    (daemon,) = daemons_of(parts, "dovecot")
    change(parts, "webmail: none", "webmail: none\nquota_warning: 80")
    wait_for(lambda: "quota_warning" in parts.log("dovecot").read_text(), "a line that names the key", 30)
    assert "OK" in greeting(parts)
    change(parts, "\nquota_warning: 80", "")
    change(parts, "hostname: post.example.org", "hostname: mail.example.org")
    wait_for(lambda: "mail.example.org" in greeting(parts), "good settings are taken up again", 30)
    assert daemons_of(parts, "dovecot") == [daemon]


def test_what_no_reload_takes_up_is_restarted() -> None:
    with running("domain: example.org\nmemcached: {max_memory_mb: 64}\n", []) as parts:
        parts.start("memcached", parent=True)
        (before,) = daemons_of(parts, "memcached")
        change(parts, "max_memory_mb: 64", "max_memory_mb: 128")
        os.kill(parts.pid("memcached"), signal.SIGHUP)
        wait_for(
            lambda: [p.pid for p in daemons_of(parts, "memcached")] not in ([], [before.pid]), "a new one"
        )
        parts.wait_ready("memcached")
        (after,) = daemons_of(parts, "memcached")
        assert "--memory-limit=128" in after.cmdline()


def test_the_end_is_passed_on(parts: Parts) -> None:
    children = psutil.Process(parts.pid("dovecot")).children(recursive=True)
    assert len(children) > 1
    assert parts.stop("dovecot") == 0
    assert [child for child in children if child.is_running()] == []


def test_a_daemon_that_dies_ends_its_parent(parts: Parts) -> None:
    parts.start("dovecot", parent=True)
    (daemon,) = daemons_of(parts, "dovecot")
    daemon.kill()
    assert parts.ended("dovecot") == 1
