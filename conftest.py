"""What every test stands on: the daemons, installed the way ``keryx up`` installs them."""

from __future__ import annotations

import pytest

from keryx.components import registry
from keryx.host import apt, packages
from tests.running import one_at_a_time

OPTIONAL = ("clamav", "freshclam")


@pytest.fixture(scope="session", autouse=True)
def daemons() -> None:
    """Every daemon's package is there."""
    packages.check_platform()
    with one_at_a_time("packages"):
        missing = packages.missing(part for part in registry.COMPONENTS if part.name not in OPTIONAL)
        if missing:
            apt.install(missing)
