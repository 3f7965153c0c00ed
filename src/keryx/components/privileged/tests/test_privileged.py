from pathlib import Path

from keryx.components.privileged.component import Privileged
from keryx.components.testing import check_golden, site

GOLDEN = Path(__file__).parent / "golden"


def test_it_gets_the_settings_as_applied() -> None:
    check_golden(Privileged(), site("domain: example.org\nports: {pop3: false, imap: 1143}\n"), GOLDEN)
