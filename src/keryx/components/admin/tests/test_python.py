"""The code where the web process can read it, wherever the checkout stands."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from keryx.components import python
from keryx.components.testing import site


def folder(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(parents=True)
    path.chmod(mode)
    return path


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A package and a library below a folder that is closed to others, as /root is."""
    package = folder(tmp_path / "root" / "keryx")
    (package / "__init__.py").write_text("WORD = 'found'\n")
    folder(package / "tests")
    (package / "tests" / "test_it.py").write_text("")
    libraries = folder(tmp_path / "root" / "libraries")
    (libraries / "helper.py").write_text("import keryx\nWORD = keryx.WORD\n")
    (libraries / "helper.py").chmod(0o600)
    (tmp_path / "root").chmod(0o700)
    return tmp_path / "root"


def test_a_file_is_open_to_all_when_all_its_folders_are(tmp_path: Path, closed: Path) -> None:
    assert python.open_to_all(Path("/usr/bin/python3"))
    assert python.open_to_all(Path("/etc/passwd"))
    assert not python.open_to_all(Path("/etc/shadow"))
    assert not python.open_to_all(closed / "keryx" / "__init__.py")


def test_what_is_closed_is_put_where_others_can_run_it(tmp_path: Path, closed: Path) -> None:
    home = Path("/tmp") / f"keryx-lib-{os.getpid()}"
    try:
        place = home / "lib" / "keryx-1"
        python.put_in_place(closed / "keryx", closed / "libraries", place)
        other = ("setpriv", "--reuid", "www-data", "--regid", "www-data", "--clear-groups")
        done = subprocess.run(
            [*other, "/usr/bin/python3", "-P", "-c", "import helper; print(helper.WORD)"],
            env={"PYTHONPATH": f"{place}:{place / 'libraries'}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "found\n"
        assert not (place / "keryx" / "tests").exists()
        for number in (2, 3, 4):
            last = home / "lib" / f"keryx-{number}"
            python.put_in_place(closed / "keryx", closed / "libraries", last)
        assert sorted(path.name for path in (home / "lib").iterdir()) == ["keryx-3", "keryx-4"]
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)


def test_the_command_says_from_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    here = python.command(site(), "keryx.web", "x", user="keryx")
    assert here.argv[1:] == ("-P", "-m", "keryx.web", "x")
    monkeypatch.setattr(python, "reachable", lambda: False)
    there = python.command(site(), "keryx.web", user="keryx")
    assert there.argv[0] == os.path.realpath("/usr/bin/python3")
    assert there.env["PYTHONPATH"].startswith("/srv/keryx/lib/keryx-")
    assert python.command(site(), "keryx.web").argv[0] == here.argv[0]
