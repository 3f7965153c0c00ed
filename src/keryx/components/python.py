"""The suite's own Python processes: how they are started, and what tells that their code changed."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path

import keryx
from keryx.components.component import Command

SOURCES = Path(keryx.__file__).parent.parent
"""Where this package stands."""


def command(module: str, *arguments: str, user: str = "root") -> Command:
    """Return the command that runs a module of ours.

    -P: the work directory is no place for modules.
    """
    env = {"PYTHONPATH": str(SOURCES), "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return Command((sys.executable, "-P", "-m", module, *arguments), user, env)


@functools.lru_cache(maxsize=1)
def code_digest() -> str:
    """Return a digest over the package's files: another one means other code."""
    package = SOURCES / "keryx"
    total = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        parts = path.relative_to(package).parts
        if "tests" in parts or "__pycache__" in parts or not path.is_file():
            continue
        total.update("/".join(parts).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()
