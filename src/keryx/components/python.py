"""The suite's own Python processes: how they are started, and what tells that their code changed.

A process that does not run as root must be able to read the code. A checkout below /root, or in
somebody's closed home, it cannot: then the package and the libraries of its environment are put
below ``lib`` in the home (hard links where the file system allows), and it runs from there.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import stat
import sys
import sysconfig
from pathlib import Path

import keryx
from keryx.components.component import Command
from keryx.settings.site import Site

PACKAGE = Path(keryx.__file__).parent
LIBRARIES = Path(sysconfig.get_path("purelib"))
"""Where the libraries of this Python's environment stand."""
LEFT_OUT = shutil.ignore_patterns("tests", "pip", "setuptools", "playwright", "mypy*")


def command(site: Site, module: str, *arguments: str, user: str = "root") -> Command:
    """Return the command that runs a module of ours.

    -P: the work directory is no place for modules.
    """
    python, places = sys.executable, str(PACKAGE.parent)
    if user != "root" and not reachable():
        # The environment's own python is out of reach too; without it its libraries are named here.
        python = os.path.realpath(sys.executable)
        places = f"{library(site)}:{library(site) / 'libraries'}"
    env = {"PYTHONPATH": places, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return Command((python, "-P", "-m", module, *arguments), user, env)


def provide(site: Site) -> None:
    """Make the code readable for system users where it is not."""
    if not reachable():
        put_in_place(PACKAGE, LIBRARIES, library(site))


@functools.lru_cache(maxsize=1)
def reachable() -> bool:
    """Whether system users can read the package, and the environment with its libraries."""
    return all(map(open_to_all, (PACKAGE / "__init__.py", LIBRARIES, Path(sys.executable))))


def open_to_all(path: Path) -> bool:
    """Whether everybody may read the file or folder, and enter all the folders above it."""
    wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    above = path.absolute().parents
    return path.stat().st_mode & wanted == wanted and all(up.stat().st_mode & stat.S_IXOTH for up in above)


def library(site: Site) -> Path:
    """Return the folder below the home from which system users run this very code."""
    return site.paths.home / "lib" / f"keryx-{_environment_digest()[:16]}"


def put_in_place(package: Path, libraries: Path, folder: Path) -> None:
    """Put the package and its libraries into ``folder``, whole or not at all; older ones but the
    last go: a process may still run from that.
    """
    if folder.is_dir():
        return
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for path, name in ((package, "keryx"), (libraries, "libraries")):
        shutil.copytree(path, fresh / name, ignore=LEFT_OUT, copy_function=_link, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if path.is_dir() else 0o644 | mode & 0o111)
    fresh.rename(folder)
    others = [path for path in folder.parent.glob("keryx-*") if path != folder]
    for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-1]:
        shutil.rmtree(path, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system. The times stay: compiled code is good for a source of that time.
        shutil.copy2(source, target)


@functools.lru_cache(maxsize=1)
def code_digest() -> str:
    """Return a digest over the package's files: another one means other code."""
    total = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        parts = path.relative_to(PACKAGE).parts
        if "tests" in parts or "__pycache__" in parts or not path.is_file():
            continue
        total.update("/".join(parts).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


@functools.lru_cache(maxsize=1)
def _environment_digest() -> str:
    """Return a digest of the code and of which libraries there are, with their versions."""
    names = "\n".join(sorted(path.name for path in LIBRARIES.glob("*.dist-info")))
    return hashlib.sha256(f"{code_digest()}\n{names}".encode()).hexdigest()
