"""The code where the web process can read it, wherever the checkout stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that everybody may enter, unlike pytest's own folders."""
    made = Path(tempfile.mkdtemp(prefix="keryx-lib-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def run_from(place: Path, code: str) -> str:
    """Run code as a stranger, with the distribution's Python and the copied code."""
    other = ("setpriv", "--reuid", "www-data", "--regid", "www-data", "--clear-groups")
    done = subprocess.run(
        [*other, "/usr/bin/python3", "-P", "-c", code],
        cwd="/",
        env={"PYTHONPATH": f"{place}:{place / 'libraries'}", "PYTHONNOUSERSITE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_closed_is_put_where_others_can_run_it(home: Path, closed: Path) -> None:
    place = home / "lib" / "keryx-1"
    python.put_in_place(closed / "keryx", closed / "libraries", place)
    assert run_from(place, "import helper; print(helper.WORD)") == "found\n"
    assert not (place / "keryx" / "tests").exists()


def test_the_last_copy_stays_for_who_still_runs_from_it(home: Path, closed: Path) -> None:
    for number in (1, 2, 3, 4):
        place = home / "lib" / f"keryx-{number}"
        python.put_in_place(closed / "keryx", closed / "libraries", place)
    assert sorted(path.name for path in (home / "lib").iterdir()) == ["keryx-3", "keryx-4"]


def test_the_web_process_finds_all_it_needs_in_the_copy(home: Path) -> None:
    place = home / "lib" / "keryx-1"
    python.put_in_place(python.PACKAGE, python.LIBRARIES, place)
    found = run_from(place, "import keryx, keryx.web.__main__, zxcvbn, bonsai; print(keryx.__file__)")
    assert found == f"{place}/keryx/__init__.py\n"


def test_the_command_says_from_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    here = python.command(site(), "keryx.web", "x", user="keryx")
    assert here.argv[1:] == ("-P", "-m", "keryx.web", "x")
    monkeypatch.setattr(python, "reachable", lambda: False)
    there = python.command(site(), "keryx.web", user="keryx")
    assert there.argv[0] == os.path.realpath("/usr/bin/python3")
    assert there.env["PYTHONPATH"].startswith("/srv/keryx/lib/keryx-")
    assert python.command(site(), "keryx.web").argv[0] == sys.executable
