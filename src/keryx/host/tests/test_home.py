"""What is asked of settings beyond their own text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keryx.core import errors
from keryx.host import home as homes

ENFORCED = "domain: example.org\nweb: {mta_sts: {mode: enforce}}\n"
PLACEMENT = "pods: {nginx: {host: mail-nginx, components: [nginx]}}\n"


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of a short path, as homes must be."""
    with tempfile.TemporaryDirectory(prefix="keryx-", dir="/tmp") as folder:
        yield Path(folder)


def test_a_policy_that_only_a_public_certificate_keeps_is_refused_without_one(home: Path) -> None:
    (home / "keryx.yaml").write_text(ENFORCED)
    with pytest.raises(errors.BadSettings, match=r"^web\.mta_sts\.mode: enforce needs tls\.certificate"):
        homes.site(home)


def test_in_a_cluster_the_certificate_comes_by_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "keryx.yaml").write_text(ENFORCED)
    (home / "placement.yaml").write_text(PLACEMENT)
    monkeypatch.setenv("KERYX_POD", "nginx")
    assert homes.site(home).settings.web.mta_sts.mode == "enforce"
