"""AppArmor: letting confined daemons work in a home.

Debian and Ubuntu confine some daemons to their packaged places. Each such profile includes
``/etc/apparmor.d/local/<profile>``, the place meant for a site's additions; one line there lets
the daemon into the suite's folders. Manual: apparmor.d(5).
"""

from __future__ import annotations

from pathlib import Path

from keryx.core import files
from keryx.core.process import run
from keryx.settings.site import Site

PROFILES = Path("/etc/apparmor.d")
ENABLED = Path("/sys/module/apparmor/parameters/enabled")
DAEMONS = (
    "usr.sbin.slapd",
    "usr.sbin.unbound",
    "usr.sbin.clamd",
    "usr.bin.freshclam",
    "usr.bin.redis-server",
)


def allow(site: Site) -> list[str]:
    """Let the confined daemons use the home; returns the profiles that had to be changed."""
    if not ENABLED.exists() or ENABLED.read_text().strip() != "Y":
        return []
    changed = []
    for name in DAEMONS:
        profile = PROFILES / name
        if profile.exists() and extend(PROFILES / "local" / name, site.paths.home):
            run(["apparmor_parser", "-r", profile])
            changed.append(name)
    return changed


def extend(local: Path, home: Path) -> bool:
    """Add the home's line to a profile's local additions; return whether it was missing."""
    line = f"{home}/** rwkl, # Keryx"
    before = local.read_text() if local.exists() else ""
    if line in before.splitlines():
        return False
    return files.write(local, f"{before.rstrip()}\n{line}\n".lstrip("\n"))
