"""freshclam's files, whole; it runs where the scanner does."""

from pathlib import Path

import pytest

from keryx.components import testing
from keryx.components.freshclam.component import Freshclam
from keryx.core import errors

ON = "domain: example.org\nclamav: {enabled: true}\nfreshclam: {mirror: clam.example.org}\n"


def test_files() -> None:
    testing.check_golden(Freshclam(), testing.site(ON), Path(__file__).parent / "golden")


def test_it_runs_where_the_scanner_does() -> None:
    assert not Freshclam().enabled(testing.site())
    assert Freshclam().enabled(testing.site(ON))


def test_a_mirror_cannot_bring_lines_of_its_own() -> None:
    with pytest.raises(errors.BadSettings, match=r"freshclam\.mirror"):
        testing.site('domain: example.org\nfreshclam: {mirror: "a\\nOnUpdateExecute x"}\n')
