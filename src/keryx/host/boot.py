"""Coming back at boot: one systemd unit per home, where systemd runs.

Manual: systemd.service(5). The unit runs supervisord in its own foreground, so that systemd knows
the suite by its main process; ``keryx up`` and ``keryx down`` go through systemctl then.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from keryx.core import files
from keryx.core.process import run
from keryx.core.render import render
from keryx.host.supervisor import SOURCES, Supervisor
from keryx.settings.site import Site

UNITS = Path("/etc/systemd/system")


def has_systemd() -> bool:
    """Return whether systemd is the init system and is running (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def unit_name(home: Path) -> str:
    """Return the unit's name: ``keryx.service``, with a mark for homes other than the usual."""
    if home == Path("/var/lib/keryx"):
        return "keryx.service"
    return f"keryx-{hashlib.sha256(str(home).encode()).hexdigest()[:8]}.service"


def unit(site: Site) -> str:
    """Return the unit's text."""
    return render(
        __package__ or "",
        "keryx.service",
        home=site.paths.home,
        argv=" ".join([*Supervisor(site).argv(), "--nodaemon"]),
        python_path=SOURCES,
    )


def install(site: Site) -> bool:
    """Install and enable the unit; return whether it changed."""
    name = unit_name(site.paths.home)
    changed = files.write(UNITS / name, unit(site))
    if changed:
        run(["systemctl", "daemon-reload"])
        run(["systemctl", "enable", name])
    return changed


def start(site: Site) -> None:
    """Start the suite through systemd."""
    run(["systemctl", "start", unit_name(site.paths.home)])


def stop(site: Site) -> None:
    """Stop the suite through systemd; at the next boot it comes back."""
    run(["systemctl", "stop", unit_name(site.paths.home)], timeout=180)


def is_active(site: Site) -> bool:
    """Return whether systemd runs the suite."""
    if not has_systemd():
        return False
    return run(["systemctl", "is-active", "--quiet", unit_name(site.paths.home)], check=False).returncode == 0
