"""Probes: what is answered over HTTP, and how seldom the daemon is asked."""

from __future__ import annotations

import concurrent.futures
import http.client
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from keryx.components.component import Command, Component, Platform
from keryx.core import errors
from keryx.core.files import Directory, File
from keryx.core.process import run
from keryx.core.secret import PlaceholderSecrets
from keryx.host import parent, probe
from keryx.host.probe import Answer, Probe
from keryx.settings import placement
from keryx.settings.model import SiteSettings
from keryx.settings.site import Paths, Site

SITE = Site(SiteSettings(domain="example.org"), Paths(Path("/nonexistent")), PlaceholderSecrets())


class Speaker(Component):
    """A component whose readiness is what a test says."""

    name = "speaker"
    title = "says something"

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def packages(self, platform: Platform) -> Sequence[str]:
        return ()

    def directories(self, site: Site) -> Sequence[Directory]:
        return ()

    def render(self, site: Site) -> Sequence[File]:
        return ()

    def command(self, site: Site) -> Command:
        return Command(("sleep", "60"))

    def ready(self, site: Site) -> None:
        self.asked += 1
        self.may_answer.wait(60)
        if self.error:
            raise self.error


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    made = Speaker()
    yield made
    made.may_answer.set()


@pytest.fixture
def asked(speaker: Speaker) -> Probe:
    """A probe whose daemon runs."""
    made = Probe(speaker)
    made.ask(SITE)
    return made


@pytest.fixture
def port(asked: Probe, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with socket.socket() as stream:
        stream.bind(("127.0.0.1", 0))
        number = stream.getsockname()[1]
    monkeypatch.setenv(placement.PROBE, str(number))
    with probe.listening(asked):
        yield number


def request(port: int, method: str, path: str, host: str = "127.0.0.1") -> http.client.HTTPResponse:
    client = http.client.HTTPConnection(host, port, timeout=10)
    client.request(method, path)
    answer = client.getresponse()
    answer.msg["Body"] = answer.read().decode().strip()
    client.close()
    return answer


def test_the_daemons_own_answer_is_told(speaker: Speaker, asked: Probe) -> None:
    speaker.error = errors.NotReady("The socket does not answer.", remedy="Wait.")
    assert asked.answer() == Answer(False, "The socket does not answer. Wait.")


def test_before_its_start_and_after_its_end_the_daemon_is_not_asked(speaker: Speaker) -> None:
    made = Probe(speaker)
    assert not made.answer().ready
    made.say("waiting for the databases.")
    assert made.answer() == Answer(False, "waiting for the databases.")
    made.ask(SITE)
    assert made.answer().ready
    made.say("speaker is ending.", ending=True)
    assert made.answer() == Answer(False, "speaker is ending.", ending=True)
    assert speaker.asked == 1


def test_many_who_ask_are_one_question(speaker: Speaker, asked: Probe) -> None:
    speaker.may_answer.clear()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(asked.answer) for _ in range(8)]
        speaker.may_answer.set()
        assert all(answer.result(10).ready for answer in answers)
    assert asked.answer().ready
    assert speaker.asked == 1


def test_a_daemon_that_hangs_is_asked_once_and_told_not_ready_in_time(
    speaker: Speaker, asked: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert probe.PATIENCE < 5
    monkeypatch.setattr(probe, "PATIENCE", 0.2)
    speaker.may_answer.clear()
    for _ in range(3):
        assert asked.answer() == Answer(False, "speaker has not answered for 0.2 s.")
    assert speaker.asked == 1
    # What it says at last is about the daemon of before.
    asked.say("speaker is ending.")
    speaker.may_answer.set()
    asked.ask(SITE)
    monkeypatch.setattr(probe, "PATIENCE", 5)
    assert asked.answer().ready


def test_a_mistake_of_ours_is_no_secret_and_no_end(speaker: Speaker, asked: Probe) -> None:
    speaker.error = ValueError("the password is hunter2")
    assert asked.answer() == Answer(False, "speaker cannot be asked (ValueError).")


def test_http(speaker: Speaker, port: int) -> None:
    answer = request(port, "GET", "/")
    assert (answer.status, answer.msg["Body"]) == (200, "speaker is ready.")
    answer = request(port, "HEAD", "/")
    assert (answer.status, answer.msg["Body"]) == (200, "")
    assert request(port, "GET", "/metrics").status == 404
    for method in ("POST", "DELETE", "BREW"):
        answer = request(port, method, "/")
        assert (answer.status, answer.msg["Allow"]) == (405, "GET, HEAD")


def test_a_refusal_is_503(speaker: Speaker, port: int) -> None:
    speaker.error = errors.NotReady("Not yet.")
    answer = request(port, "GET", "/")
    assert (answer.status, answer.msg["Body"]) == (503, "Not yet.")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_ipv6(port: int) -> None:
    assert request(port, "GET", "/", host="::1").status == 200


def test_who_says_nothing_keeps_nobody_waiting(port: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
    assert request(port, "GET", "/").status == 200
    for stream in silent:
        stream.close()


@pytest.mark.parametrize("named", ["eighty", "70000", "-1"])
def test_what_is_no_port_is_refused(speaker: Speaker, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(placement.PROBE, named)
    refusal = pytest.raises(errors.BadInput, match=f'KERYX_PROBE_PORT is "{named}"')
    with refusal, probe.listening(Probe(speaker)):
        pass


def test_the_parent_leaves_the_probe_its_processes_and_reaps_all_others(speaker: Speaker) -> None:
    """Where the parent reaped it first, a command that fails would look like one that succeeds."""
    statuses: list[int] = []

    def ask(site: Site) -> None:
        statuses.extend(run(["sh", "-c", "exit 3"], check=False).returncode for _ in range(100))

    speaker.ready = ask  # type: ignore[method-assign]
    asked = Probe(speaker)
    asked.ask(SITE)
    daemon = subprocess.Popen(["sleep", "60"], start_new_session=True)
    # As process 1 has them: others' children that are gone.
    orphans = [subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) for _ in range(3)]
    here, there = socket.socketpair()
    watch = parent._Watch(speaker, lambda: SITE, (), asked, here, SITE, daemon)
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(asked.answer)
            for _ in itertools.takewhile(lambda _: not answer.done(), itertools.count()):
                assert watch._reap() is None
            assert answer.result().ready
        assert statuses == [3] * 100
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{orphan.pid}").exists() for orphan in orphans):
            assert time.monotonic() < deadline
            watch._reap()
    finally:
        daemon.kill()
        daemon.wait()
        here.close()
        there.close()
        for orphan in orphans:
            orphan.returncode = 0
