from pathlib import Path

from keryx.components.postsrsd.component import Postsrsd
from keryx.components.testing import check_golden, site

GOLDEN = Path(__file__).parent / "golden"


def test_version_1_takes_arguments_and_no_secret_among_them() -> None:
    where = site("domain: example.org\nport_offset: 20000\n")
    assert list(Postsrsd().render(where)) == []
    argv = Postsrsd().command(where).argv
    assert "-s/nonexistent/srs" in argv
    assert "-dexample.org" in argv
    assert "-l127.0.0.1" in argv
    assert not any("SECRET" in word for word in argv)


def test_version_2_reads_a_file() -> None:
    check_golden(Postsrsd(), site(versions={"postsrsd": (2, 0, 11)}), GOLDEN / "2")
