"""The PostSRSd component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from keryx.components.component import AS_ROOT, Command, Component, Platform
from keryx.core import errors, network
from keryx.core.files import Directory, File
from keryx.core.network import Endpoint
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import Site

SECRET = "srs"  # noqa: S105 - its name, not its value


class Postsrsd(Component):
    """The Sender Rewriting Scheme for forwarded mail."""

    name = "postsrsd"
    title = shown("senders of forwarded mail")
    capabilities: ClassVar[Mapping[str, str]] = {
        **AS_ROOT,
        "SYS_CHROOT": "it confines itself to an empty folder",
    }

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("postsrsd",)

    def inner(self, site: Site) -> Sequence[Endpoint]:
        return () if site.srs_is_socketmap else (site.srs_forward, site.srs_reverse)

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name)),
            Directory(site.paths.data(self.name), 0o755),
            # Version 2 makes its socket there while it still is root.
            Directory(site.paths.data("postfix")),
            Directory(site.paths.spool),
            Directory(site.paths.sockets),
        )

    def render(self, site: Site) -> Sequence[File]:
        if not site.srs_is_socketmap:
            return ()
        text = render(
            __package__ or "",
            "postsrsd.conf",
            domain=site.settings.domain,
            socket=site.srs_socketmap.path,
            secret=site.secrets.path(SECRET),
            data=site.paths.data(self.name),
        )
        return (File(self._config(site), text),)

    def prepare(self, site: Site) -> None:
        site.secrets.get(SECRET)  # made at first use; the daemon reads the file
        if site.srs_is_socketmap and site.srs_socketmap.path is not None:
            # A socket that a killed daemon left behind.
            site.srs_socketmap.path.unlink(missing_ok=True)

    def command(self, site: Site) -> Command:
        if site.srs_is_socketmap:
            return Command(("/usr/sbin/postsrsd", "-C", str(self._config(site))))
        return Command(
            (
                "/usr/sbin/postsrsd",
                "-4",
                f"-l{site.srs_forward.host}",
                f"-f{site.srs_forward.port}",
                f"-r{site.srs_reverse.port}",
                f"-d{site.settings.domain}",
                f"-s{site.secrets.path(SECRET)}",
                "-upostsrsd",
                f"-c{site.paths.data(self.name)}",
            )
        )

    def ready(self, site: Site) -> None:
        """Have a sender rewritten and compare the domain of the answer."""
        probe = "ready@keryx.invalid"
        if site.srs_is_socketmap:
            answer = network.exchange(site.srs_socketmap, _netstring(f"forward {probe}"))
        else:
            answer = network.exchange(site.srs_forward, f"get {probe}\n".encode())
        if f"@{site.settings.domain}".encode() not in answer:
            raise errors.NotReady(f"PostSRSd answers {answer[:80]!r}, no address in {site.settings.domain}.")

    def _config(self, site: Site) -> Path:
        return site.paths.etc(self.name) / "postsrsd.conf"


def _netstring(text: str) -> bytes:
    """Frame a socketmap request (socketmap_table(5))."""
    return f"{len(text)}:{text},".encode()
