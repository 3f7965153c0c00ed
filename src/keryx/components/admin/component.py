"""The web process as a component."""

from __future__ import annotations

import os
from collections.abc import Sequence

from keryx.components import python
from keryx.components.admin import secrets
from keryx.components.component import Command, Component, Platform, SystemUser
from keryx.core import errors, files, network
from keryx.core.files import Directory, File
from keryx.core.wording import shown
from keryx.settings import applied
from keryx.settings.site import GATEWAY, Site

USER = "keryx"


class Admin(Component):
    """Keryx's own pages and API."""

    name = "admin"
    title = shown("administration, API, set-up pages")
    users = (SystemUser(USER), SystemUser(GATEWAY))
    own_code = True
    databases = ("keryx",)

    def packages(self, platform: Platform) -> Sequence[str]:
        return ()

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name), 0o750, "root", USER),
            Directory(secrets.folder(site), 0o750, "root", USER),
            # Its group is handed on to the socket.
            Directory(site.paths.run(self.name), 0o2750, USER, GATEWAY),
        )

    def render(self, site: Site) -> Sequence[File]:
        copies = secrets.folder(site)
        return (
            File(applied.path(site, self.name), applied.text(site), 0o640, "root", USER),
            *(
                File(copies / name, secret.reveal(), 0o640, "root", USER, secret=True)
                for name, secret in secrets.copies(site).items()
            ),
        )

    def prepare(self, site: Site) -> None:
        """Let the web process read its code, and take part in the lock on the directory."""
        python.provide(site)
        _check_authorities(site)
        uid, gid = files.identifiers("root", USER)
        flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(site.paths.directory_lock, flags, 0o600)
        try:
            os.fchown(handle, uid, gid)
            os.fchmod(handle, 0o640)
        finally:
            os.close(handle)

    def command(self, site: Site) -> Command:
        return python.command(site, "keryx.web", str(applied.path(site, self.name)), user=USER)

    def ready(self, site: Site) -> None:
        answer = network.exchange(site.admin_web, b"GET /internal/health HTTP/1.0\r\nHost: localhost\r\n\r\n")
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise errors.NotReady(f"{site.admin_web} answers {answer[:60]!r}, not 200.")


def _check_authorities(site: Site) -> None:
    """Raise BadInput where the web process could not verify a server: it must read the authority."""
    for key, path in (("directory.ca", site.directory.ca), ("database.ca", site.settings.database.ca)):
        if path is not None and path.exists() and not python.open_to_all(path):
            raise errors.BadInput(
                f"{key} {path} cannot be read by the web process (user {USER}).",
                remedy="A certificate is no secret: put it where all may read it, such as /etc/ssl/certs.",
            )
