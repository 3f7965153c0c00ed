"""A home: the folder that holds one suite. Loading it gives the Site that everything works on."""

from __future__ import annotations

from pathlib import Path

from keryx.components import registry
from keryx.core import debian, errors, secret
from keryx.core.secret import SecretStore
from keryx.settings import load
from keryx.settings.model import SiteSettings
from keryx.settings.site import Paths, Site
from keryx.tls import authority

DEFAULT = Path("/var/lib/keryx")
LONGEST = 60
"""Unix socket paths end at 107 bytes (unix(7)); ours need up to 45 below the home."""


def site(home: Path, config: Path | None = None) -> Site:
    """Load the suite at ``home``; raises BadInput or BadSettings with sentences."""
    return of(home, load.read(config or home / "keryx.yaml", registry.settings_model()))


def of(home: Path, settings: SiteSettings) -> Site:
    """Return the site of already loaded settings."""
    if len(str(home)) > LONGEST:
        raise errors.BadInput(
            f"--home {home} is {len(str(home))} characters long; sockets below it would not work.",
            remedy=f"Choose a path of at most {LONGEST} characters.",
        )
    paths = Paths(home)
    return Site(settings, paths, SecretStore(paths.secrets), debian.installed())


def check_files(site: Site) -> None:
    """Raise BadInput when a file that the settings name is missing or wrong."""
    if site.settings.tls.certificate is not None:
        authority.check_pair(site.certificate, site.certificate_key)
    wanted = site.settings.directory
    for path in (wanted.bind_password_file, wanted.admin_password_file):
        if path is not None:
            secret.read(path)
    if wanted.ca is not None:
        authority.read(wanted.ca)
