"""The files of DAV's workers, whole, and whom they believe."""

from pathlib import Path

import pytest

from keryx.components.activesync.component import Activesync
from keryx.components.component import Component
from keryx.components.dav.component import Dav
from keryx.components.sogo.component import Sogo
from keryx.components.testing import check_golden, site

GOLDEN = Path(__file__).parent / "golden"
NEWER = {"sogo": (5, 12, 1)}


@pytest.mark.parametrize(("version", "versions"), [("5.8", {}), ("5.12", NEWER)])
def test_files(version: str, versions: dict[str, tuple[int, ...]]) -> None:
    check_golden(Dav(), site("domain: example.org\nsogo: {dav_workers: 9}\n", versions), GOLDEN / version)


@pytest.mark.parametrize(("component", "trusting"), [(Sogo(), "YES"), (Dav(), "NO"), (Activesync(), "NO")])
def test_only_the_workers_for_browsers_believe_a_name(component: Component, trusting: str) -> None:
    (text,) = (file.content for file in component.render(site()) if file.path.name == "sogod.plist")
    assert f"SOGoTrustProxyAuthentication = {trusting};" in text
