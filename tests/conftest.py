"""What all tests share: one whole suite per session."""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keryx.settings.site import Site
from tests.postgres import Postgres
from tests.running import Suite
from tests.sink import Sink, serving
from tests.world import RECORDS, World


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite]:
    """A whole suite, started by ``keryx up`` in a home and at ports of its own.

    A developer may keep one between runs: with KERYX_TEST_HOME=/some/folder it is made there at
    the first run and left running.
    """
    kept = os.environ.get("KERYX_TEST_HOME")
    home = Path(kept or tempfile.mkdtemp(prefix="keryx-", dir="/tmp"))
    if kept and (home / "keryx.yaml").exists():
        started = Suite(home, _names=itertools.count(int(time.time())))
    else:
        address = f"127.54.{random.randint(0, 255)}.{random.randint(1, 254)}"
        started = Suite.create(home, RECORDS.format(address=address))
    home.chmod(0o755)
    try:
        started.up()
        yield started
    finally:
        if not kept:
            started.keryx("down", check=False)
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def make_postgres() -> Iterator[Callable[..., Postgres]]:
    """Start database servers, each in a home of its own; they end with the session."""
    made: list[Postgres] = []

    def make(settings: str = "") -> Postgres:
        home = Path(tempfile.mkdtemp(prefix="keryx-pg-", dir="/tmp"))
        postgres = Postgres.create(home, settings)
        made.append(postgres)
        return postgres

    yield make
    for postgres in made:
        postgres.stop()
        shutil.rmtree(postgres.home)


@pytest.fixture(scope="session")
def records(make_postgres: Callable[..., Postgres]) -> Site:
    """A site with a database server only, and Keryx's records in it, shared by the session."""
    return make_postgres().set_up()


@pytest.fixture(scope="session")
def world(suite: Suite) -> World:
    """The session's suite with the world outside of it."""
    yaml = (suite.home / "keryx.yaml").read_text()
    found = re.search(r"mx\.ext\.test\. 300 IN A (127\.54\.[0-9.]+)", yaml)
    assert found
    return World(suite, found[1], yaml)


@pytest.fixture
def sink(world: World) -> Iterator[Sink]:
    """The outside's server for ext.test."""
    with serving(Sink(world.address)) as server:
        yield server
