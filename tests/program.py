"""The ``keryx`` program as a user starts it: the launcher."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keryx.core.process import Completed, run

LAUNCHER = Path(__file__).parent.parent / "keryx"


def keryx(
    *arguments: str | Path,
    input: str | None = None,
    check: bool = True,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command to its end."""
    return run([LAUNCHER, *arguments], input=input, check=check, timeout=timeout, env=env)
