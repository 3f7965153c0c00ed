"""A home: the folder that holds one suite. Loading it gives the Site that everything works on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from keryx.components import registry
from keryx.core import debian, errors, secret
from keryx.core.secret import GivenSecrets, SecretStore
from keryx.settings import load, placement
from keryx.settings.model import SiteSettings
from keryx.settings.site import Paths, Site
from keryx.tls import authority

DEFAULT = Path("/var/lib/keryx")
LONGEST = 60
"""Unix socket paths end at 107 bytes (unix(7)); ours need up to 45 below the home."""


def site(home: Path, config: Path | None = None) -> Site:
    """Load the suite at ``home``; raises BadInput or BadSettings with sentences."""
    config = config or placement.settings_file(home)
    return of(home, load.read(config, registry.settings_model()), config)


def of(home: Path, settings: SiteSettings, config: Path | None = None) -> Site:
    """Return the site of already loaded settings; ``config`` is the file that they came from."""
    if len(str(home)) > LONGEST:
        raise errors.BadInput(
            f"--home {home} is {len(str(home))} characters long; sockets below it would not work.",
            remedy=f"Choose a path of at most {LONGEST} characters.",
        )
    paths, where = Paths(home), placement.read(home, config)
    if where is None:
        _check_policy(settings)
        return Site(settings, paths, SecretStore(paths.secrets), debian.installed())
    settings = placement.placed(settings, where, home)
    return Site(settings, paths, GivenSecrets(paths.secrets), debian.installed(), where)


def _check_policy(settings: SiteSettings) -> None:
    """Raise BadSettings when a policy is promised that only a public certificate keeps. In a cluster that
    one comes by itself, and the chart sees to it."""
    if settings.web.mta_sts.mode == "enforce" and settings.tls.certificate is None:
        raise errors.BadSettings(
            [
                "web.mta_sts.mode: enforce needs tls.certificate, one that the world trusts; "
                "with Keryx's own certificate other servers would no longer deliver."
            ]
        )


def check_files(site: Site) -> None:
    """Raise BadInput when a file that the settings name is missing or wrong."""
    if site.settings.tls.certificate is not None:
        authority.check_pair(site.certificate, site.certificate_key)
    for section, path in _password_files(site.settings):
        # A pod has the files of its own component, and those of the directory and the database.
        of_component = any(component.name == section for component in registry.COMPONENTS)
        if site.placement is None or not of_component or site.placement.beside(section):
            secret.read(path)
    directory, database = site.settings.directory, site.settings.database
    for key, ca in (("directory.ca", directory.ca), ("database.ca", database.ca)):
        if ca is not None:
            authority.read(ca, key)


def _password_files(settings: SiteSettings) -> Iterator[tuple[str, Path]]:
    """Give each file with a password that the settings name, and the section that names it."""
    for section, value in settings:
        for path in _paths(value):
            yield section, path


def _paths(value: object, name: str = "") -> Iterator[Path]:
    if isinstance(value, BaseModel):
        for key, inner in value:
            yield from _paths(inner, key)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, Path) and name.endswith("password_file"):
        yield value
