"""ClamAV's files, whole; off unless asked for."""

from pathlib import Path

from keryx.components import testing
from keryx.components.clamav.component import Clamav

GOLDEN = Path(__file__).parent / "golden"
ON = "domain: example.org\nmessage_size_limit_mb: 25\nclamav: {enabled: true}\n"


def test_files() -> None:
    testing.check_golden(Clamav(), testing.site(ON), GOLDEN / "machine")


def test_files_for_other_pods() -> None:
    testing.check_golden(Clamav(), testing.site(ON, pod="clamav"), GOLDEN / "pod")


def test_it_says_more_when_asked_to() -> None:
    (file,) = Clamav().render(testing.site(f"{ON}log_level: debug\n"))
    assert "\nLogVerbose yes\n" in file.content


def test_it_is_off_unless_asked_for() -> None:
    assert not Clamav().enabled(testing.site())
    assert Clamav().enabled(testing.site(ON))
