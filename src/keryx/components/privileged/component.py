"""The door to root as a component."""

from __future__ import annotations

import json
import pwd
from collections.abc import Sequence

from keryx.components import python
from keryx.components.component import Command, Component, Platform, SystemUser
from keryx.core import errors, network
from keryx.core.files import Directory, File
from keryx.core.wording import shown
from keryx.settings import applied
from keryx.settings.site import GATEWAY, Site

USER = "keryx"
"""Who may use the door, beside root: the web process's system account."""


class Privileged(Component):
    """Root's process behind the web."""

    name = "privileged"
    title = shown("what needs root, for the web")
    users = (SystemUser(USER), SystemUser(GATEWAY))
    commands_of = ("dovecot", "postfix")
    own_code = True

    def packages(self, platform: Platform) -> Sequence[str]:
        return ()

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name), 0o700),
            Directory(site.paths.run(self.name), 0o750, "root", GATEWAY if site.placement else USER),
        )

    def render(self, site: Site) -> Sequence[File]:
        return (File(applied.path(site, self.name), applied.text(site), 0o600),)

    def prepare(self, site: Site) -> None:
        """Let in the system account of that name only: a person who has it would have the door too."""
        shell = pwd.getpwnam(USER).pw_shell.rpartition("/")[2]
        if shell not in ("nologin", "false"):
            raise errors.BadInput(
                f"The account {USER} of this machine can log in (its shell is {shell}); the web process "
                "needs that name for itself.",
                remedy=f"Rename that account, or close it: usermod --shell /usr/sbin/nologin {USER}",
            )

    def command(self, site: Site) -> Command:
        return python.command(site, "keryx.host.privileged", str(applied.path(site, self.name)))

    def ready(self, site: Site) -> None:
        answer = network.exchange(site.privileged, b'{"call":"ping"}\n')
        if b"pong" not in answer:
            told = json.loads(answer) if answer.endswith(b"\n") else {}
            said = told.get("error", {}).get("sentence")
            raise errors.NotReady(said or f"{site.privileged} answers {answer[:60]!r}, not pong.")
