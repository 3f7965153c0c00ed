"""Which secrets the web process may know, and how it finds its copies.

The originals are root's. What is not named here the web process never sees; a copy that is missing
is never made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from keryx.core import errors
from keryx.core.secret import Secret, SecretStore
from keryx.settings.site import SIGNING_KEY, Site


def folder(site: Site) -> Path:
    """Return where the copies stand."""
    return site.paths.etc("admin") / "secrets"


def copies(site: Site) -> Mapping[str, Secret]:
    """Return the secrets that the web process needs, by name."""
    needed = {
        "ldap-reader": site.reader_password,
        "postgresql-keryx": site.database("keryx").password,
    }
    if site.tokens:
        needed[SIGNING_KEY] = site.token_key
    if site.placement is not None:
        # Nobody of root's is beside it who would do these things for it.
        needed["rspamd-controller"] = site.secrets.get("rspamd-controller")
        if site.roundcube_enabled:
            needed["postgresql-roundcube"] = site.database("roundcube").password
    if site.directory_writable:
        needed["ldap-admin"] = site.admin_password
    return needed


class Copies(SecretStore):
    """The secrets as the web process sees them: those that were given to it, no others.

    Where keryx.yaml names a file of the administrator's, such as ``directory.bind_password_file``,
    the copy stands for that too: the file itself is root's.
    """

    all_copied = True

    def get(self, name: str, make: Callable[[], Secret] | None = None) -> Secret:
        if name not in self._cache and not self.path(name).is_file():
            raise errors.KeryxError(
                f"The web process was not given the secret {name}.", remedy="Run keryx up again."
            )
        return super().get(name)

    def put(self, name: str, value: str) -> None:
        raise errors.KeryxError(f"The web process makes no secrets; {name} is one.")
