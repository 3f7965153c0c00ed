"""What integration tests share: a directory server started once, and domains of one's own in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keryx.admin import domains
from keryx.settings.site import Site
from tests.integration.slapd import Slapd


@pytest.fixture(scope="session")
def make_slapd() -> Iterator[Callable[..., Slapd]]:
    """Start further directory servers, each in a home of its own; they end with the session."""
    made: list[Slapd] = []

    def make(settings: str = "") -> Slapd:
        home = Path(tempfile.mkdtemp(prefix="keryx-ldap-", dir="/tmp"))
        slapd = Slapd.create(home, settings)
        made.append(slapd)
        return slapd

    yield make
    for slapd in made:
        slapd.stop()
        shutil.rmtree(slapd.home)


@pytest.fixture(scope="session")
def slapd(make_slapd: Callable[..., Slapd]) -> Slapd:
    """The directory server of the session."""
    return make_slapd()


@pytest.fixture(scope="session")
def site(slapd: Slapd) -> Site:
    """The site of the session's directory server."""
    return slapd.site


@pytest.fixture
def domain(slapd: Slapd, site: Site) -> str:
    """A fresh domain in the session's directory."""
    name = f"{slapd.name('d')}.example"
    domains.add(site, name)
    return name
