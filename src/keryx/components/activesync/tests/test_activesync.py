"""ActiveSync's files, whole, for both versions of SOGo."""

from pathlib import Path

import pytest

from keryx.components.activesync.component import Activesync
from keryx.components.testing import check_golden, site

GOLDEN = Path(__file__).parent / "golden"
NEWER = {"sogo": (5, 12, 1)}
EVERYTHING = """\
domain: example.org
activesync: {workers: 40, memory_limit_mb: 768, ping_seconds: 900, sync_seconds: 60, check_seconds: 15}
"""


@pytest.mark.parametrize(("version", "versions"), [("5.8", {}), ("5.12", NEWER)])
def test_by_default(version: str, versions: dict[str, tuple[int, ...]]) -> None:
    check_golden(Activesync(), site(versions=versions), GOLDEN / f"{version}-default")


@pytest.mark.parametrize(("version", "versions"), [("5.8", {}), ("5.12", NEWER)])
def test_every_setting_shows(version: str, versions: dict[str, tuple[int, ...]]) -> None:
    check_golden(Activesync(), site(EVERYTHING, versions), GOLDEN / f"{version}-everything")


@pytest.mark.parametrize("text", ["webmail: none", "webmail: roundcube", "activesync: {enabled: false}"])
def test_it_runs_only_where_it_is_asked_for(text: str) -> None:
    assert not Activesync().enabled(site(f"domain: example.org\n{text}\n"))


def test_a_stuck_worker_is_told_from_a_waiting_phone() -> None:
    text = next(
        file.content for file in Activesync().render(site(EVERYTHING)) if file.path.name == "sogod.plist"
    )
    assert "WOWatchDogRequestTimeout = 20;" in text
    assert "SOGoMaximumPingInterval = 900;" in text
