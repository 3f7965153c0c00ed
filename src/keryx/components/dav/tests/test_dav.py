"""The files of DAV's workers, whole."""

from pathlib import Path

import pytest

from keryx.components.dav.component import Dav
from keryx.components.testing import check_golden, site

GOLDEN = Path(__file__).parent / "golden"
NEWER = {"sogo": (5, 12, 1)}


@pytest.mark.parametrize(("version", "versions"), [("5.8", {}), ("5.12", NEWER)])
def test_files(version: str, versions: dict[str, tuple[int, ...]]) -> None:
    check_golden(Dav(), site("domain: example.org\nsogo: {dav_workers: 9}\n", versions), GOLDEN / version)
