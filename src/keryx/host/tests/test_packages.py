import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keryx.core import debian, errors
from keryx.core.process import run
from keryx.host import apt
from tests.running import wait_for

NAME = "keryx-test-slow"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1:2.3.19.1+dfsg1-2.1+deb12u7", (2, 3, 19, 1)),
        ("3.7.11-0+deb12u1", (3, 7, 11)),
        ("3.4-1", (3, 4)),
        ("5:7.0.15-1~deb12u10", (7, 0, 15)),
        ("2.0.10-1", (2, 0, 10)),
    ],
)
def test_versions_are_compared_as_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert debian.version(text) == numbers


def test_without_a_network_the_missing_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real apt, with empty package lists and a proxy that nobody runs."""
    (tmp_path / "lists/partial").mkdir(parents=True)
    configuration = tmp_path / "apt.conf"
    configuration.write_text(
        f'Acquire::http::Proxy "http://127.0.0.1:9";\nDir::State::lists "{tmp_path}/lists";\n'
        'Acquire::Retries "0";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    monkeypatch.setattr(apt, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(apt, "NO_CLUSTER", tmp_path / "postgresql-common/createcluster.d/keryx.conf")
    with pytest.raises(errors.KeryxError) as caught:
        apt.install(["no-such-daemon", "hello"])
    assert "missing" in caught.value.sentence
    assert "no-such-daemon hello" in caught.value.sentence
    assert "Check the network" in caught.value.remedy
    assert caught.value.exit_code == 1
    assert not apt.POLICY.exists(), "the service policy is taken back"
    assert not (tmp_path / "postgresql-common").exists(), "so is what keeps PostgreSQL from making a cluster"


@contextmanager
def installing(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Install a package whose installation waits for ``go on``; what is said goes to ``said``."""
    program = f"from keryx.host import apt; apt.install(['{slow_package(folder)}'])"
    with (folder / "said").open("w") as stream:
        process = subprocess.Popen([sys.executable, "-c", program], stderr=stream, start_new_session=True)
    try:
        wait_for(lambda: (folder / "begun").exists(), "apt is at work", 120)
        yield process
        assert run(["dpkg-query", "-W", "-f", "${Status}", NAME]).stdout == "install ok installed"
        assert not apt.POLICY.exists() or apt.POLICY.read_text() != apt.DENIAL
    finally:
        (folder / "go on").touch()
        process.wait(120)
        run(["dpkg", "--purge", NAME], check=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_lets_apt_finish_first(tmp_path: Path, number: signal.Signals) -> None:
    """The real apt, with a package whose installation waits for us."""
    with installing(tmp_path) as process:
        os.killpg(process.pid, number)
        wait_for(lambda: "apt is at work" in (tmp_path / "said").read_text(), "the signal is heard")
        assert process.poll() is None
        (tmp_path / "go on").touch()
        assert process.wait(120) == -number


def test_who_ignores_a_signal_goes_on(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with installing(tmp_path) as process:
            os.killpg(process.pid, signal.SIGHUP)
            (tmp_path / "go on").touch()
            assert process.wait(120) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (tmp_path / "said").read_text() == ""


def slow_package(folder: Path) -> Path:
    """Make a package that says when its installation has begun and waits until it may go on."""
    control = folder / "slow/DEBIAN"
    control.mkdir(parents=True)
    (control / "control").write_text(
        f"Package: {NAME}\nVersion: 1\nArchitecture: all\nMaintainer: Keryx <keryx@example.org>\n"
        "Description: nothing, slowly\n"
    )
    script = f"#!/bin/sh\ntouch '{folder}/begun'\nuntil [ -e '{folder}/go on' ]; do sleep 0.1; done\n"
    (control / "postinst").write_text(script)
    (control / "postinst").chmod(0o755)
    run(["dpkg-deb", "--build", folder / "slow", folder / "slow.deb"])
    return folder / "slow.deb"


@pytest.mark.parametrize("before", [None, apt.DENIAL, "#!/bin/sh\nexit 101\n"])
def test_the_policy_of_somebody_else_comes_back_and_one_that_a_cut_off_installation_left_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.setattr(apt, "POLICY", tmp_path / "policy-rc.d")
    if before is not None:
        apt.POLICY.write_text(before)
    with apt._services_stay_down():
        assert run(["sh", apt.POLICY], check=False).returncode == 101
    assert (apt.POLICY.read_text() if apt.POLICY.exists() else None) == (
        None if before == apt.DENIAL else before
    )


def test_postgresql_is_told_to_make_no_cluster_and_its_folders_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "postgresql-common/createcluster.d"
    monkeypatch.setattr(apt, "NO_CLUSTER", folder / "keryx.conf")
    with apt._no_database_cluster():
        # Read by the packages' own reader of such files.
        config = tmp_path / "createcluster.conf"
        config.write_text(f"include_dir '{folder}'\n")
        told = run(["pg_conftool", config, "show", "-bs", "create_main_cluster"]).stdout
        (folder / "theirs.conf").write_text("")
    assert told == "off\n"
    assert [path.name for path in folder.iterdir()] == ["theirs.conf"]
