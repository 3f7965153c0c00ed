"""What all tests share: installed daemons, and one whole suite per session."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keryx.components import registry
from keryx.host import packages
from tests.running import Suite


@pytest.fixture(scope="session")
def daemons() -> None:
    """Every daemon's package is installed, the way ``keryx up`` installs them."""
    packages.check_platform()
    optional = ("clamav", "freshclam")
    missing = packages.missing(part for part in registry.COMPONENTS if part.name not in optional)
    if missing:
        packages.install(missing)


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite]:
    """A whole suite, started by ``keryx up`` in a home and at ports of its own."""
    home = Path(tempfile.mkdtemp(prefix="keryx-", dir="/tmp"))
    home.chmod(0o755)
    running = Suite.create(home)
    try:
        running.up()
        yield running
    finally:
        running.keryx("down", check=False)
        shutil.rmtree(home, ignore_errors=True)
