from pathlib import Path

from keryx.core.secret import PlaceholderSecrets
from keryx.host import boot
from keryx.host.supervisor import SOURCES
from keryx.settings.model import SiteSettings
from keryx.settings.site import Paths, Site


def test_the_unit_runs_the_supervisor_in_its_foreground() -> None:
    site = Site(SiteSettings(domain="example.org"), Paths(Path("/var/lib/keryx")), PlaceholderSecrets())
    lines = boot.unit(site).splitlines()
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    assert start.endswith(
        "-m supervisor.supervisord -c /var/lib/keryx/etc/supervisor/supervisord.conf --nodaemon"
    )
    assert f"Environment=PYTHONPATH={SOURCES} PYTHONNOUSERSITE=1" in lines
    assert (SOURCES / "keryx/cli/main.py").is_file()
    assert "KillMode=mixed" in lines


def test_units_of_several_homes_differ() -> None:
    assert boot.unit_name(Path("/var/lib/keryx")) == "keryx.service"
    assert boot.unit_name(Path("/srv/a")) != boot.unit_name(Path("/srv/b"))
