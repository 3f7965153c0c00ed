"""AppArmor: letting confined daemons work in a home.

Debian and Ubuntu confine some daemons to their packaged places. Most such profiles include
``/etc/apparmor.d/local/<profile>``, the place meant for a site's additions: there the daemon is
let into its own folders of the suite, and no others. A profile without that place is taken out of
force, as ``aa-disable`` does it. Manual: apparmor.d(5), apparmor_parser(8).
"""

from __future__ import annotations

from pathlib import Path

from keryx.core import files
from keryx.core.process import run
from keryx.settings.site import Site

PROFILES = Path("/etc/apparmor.d")
ENABLED = Path("/sys/module/apparmor/parameters/enabled")
DAEMONS = {
    "usr.sbin.slapd": ("openldap",),
    "usr.sbin.unbound": ("unbound",),
    "usr.bin.redis-server": ("redis",),
    "usr.sbin.clamd": ("clamav",),
    "usr.bin.freshclam": ("freshclam", "clamav"),
    "usr.sbin.postsrsd": ("postsrsd",),
}
"""Profiles, and the components whose folders each daemon works in."""


def allow(site: Site) -> list[str]:
    """Let the confined daemons use the home; returns the profiles that had to be changed."""
    if not ENABLED.exists() or ENABLED.read_text().strip() != "Y":
        return []
    return [
        name for name, folders in DAEMONS.items() if change(PROFILES, name, rules(site.paths.home, folders))
    ]


def rules(home: Path, folders: tuple[str, ...]) -> list[str]:
    """Return the lines that let a daemon into the folders of these components."""
    return [f"{home}/{{etc,run,data}}/{folder}/** rwkl, # Keryx" for folder in folders]


def change(profiles: Path, name: str, lines: list[str], *, load: bool = True) -> bool:
    """Add the lines to a profile, or take it out of force; return whether anything changed."""
    profile, disabled = profiles / name, profiles / "disable" / name
    if not profile.exists() or disabled.exists():
        return False
    if f"local/{name}" not in profile.read_text():
        disabled.parent.mkdir(exist_ok=True)
        disabled.symlink_to(profile)
        if load:
            # Status 1 where it was not loaded, which is what is wanted.
            run(["apparmor_parser", "-R", profile], check=False)
        return True
    if not extend(profiles / "local" / name, lines):
        return False
    if load:
        run(["apparmor_parser", "-r", profile])
    return True


def extend(local: Path, lines: list[str]) -> bool:
    """Add the missing lines to a profile's local additions; return whether any was missing."""
    before = local.read_text() if local.exists() else ""
    missing = [line for line in lines if line not in before.splitlines()]
    if not missing:
        return False
    return files.write(local, "\n".join([before.rstrip(), *missing]).lstrip("\n") + "\n")
