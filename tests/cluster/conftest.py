"""A release for the operator, made anew for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cluster.operating import Release, releases
from tests.kubernetes_api import Body


@pytest.fixture
def make_release() -> Iterator[Callable[[Body], Release]]:
    """Make a release of these values, whose API server runs; the operator is the test's to start."""
    with releases() as make:
        yield make
