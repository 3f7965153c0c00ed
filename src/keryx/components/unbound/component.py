"""The Unbound component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import dns.exception
import dns.message
import dns.query
import dns.rcode

from keryx.components.component import AS_ROOT, Command, Component, Platform
from keryx.components.unbound.settings import UnboundSettings
from keryx.core import errors, files, network
from keryx.core.files import Directory, File
from keryx.core.network import Endpoint
from keryx.core.process import run
from keryx.core.render import HEADER, render
from keryx.core.wording import shown
from keryx.settings.site import Site

ROOT_KEY = Path("/usr/share/dns/root.key")
"""Where Debian's dns-root-data keeps the root's trust anchor."""
VERBOSITY = {"warning": 0, "info": 1, "debug": 2}


class Unbound(Component):
    """The validating resolver of the suite."""

    name = "unbound"
    title = shown("DNS resolver (DNSSEC)")
    section = UnboundSettings
    alone_as = "unbound"
    capabilities: ClassVar[Mapping[str, str]] = {
        **AS_ROOT,
        "NET_BIND_SERVICE": "port 53: the C library knows no other",
    }

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("unbound", "dns-root-data")

    def inner(self, site: Site) -> Sequence[Endpoint]:
        return (site.resolver,)

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name)),
            Directory(site.paths.run(self.name), 0o750, "unbound", "unbound"),
            Directory(site.paths.data(self.name), 0o750, "unbound", "unbound"),
        )

    def render(self, site: Site) -> Sequence[File]:
        settings = site.section(UnboundSettings)
        text = render(
            __package__ or "",
            "unbound.conf",
            unbound=settings,
            verbosity=VERBOSITY[site.settings.log_level],
            listen=site.resolver,
            data=site.paths.data(self.name),
            control=self._control(site),
            open_zones=[
                *(zone for zone in settings.stub_zones if zone != "." or settings.offline),
                *_cluster_domains(site),
            ],
            insecure_domains=[*settings.insecure_domains, *_cluster_domains(site)],
            cluster_file=self._cluster_file(site) if _cluster_domains(site) else None,
            # Unbound's manual advises twice as much for records as for messages.
            message_cache_mb=max(1, settings.cache_mb // 3),
            record_cache_mb=max(2, settings.cache_mb * 2 // 3),
        )
        return (File(self._config(site), text),)

    def prepare(self, site: Site) -> None:
        for domain in _cluster_domains(site):
            # Who knows its names, the machine tells, not the settings.
            files.write(self._cluster_file(site), forward_zone(domain, Path("/etc/resolv.conf")))
        anchor = site.paths.data(self.name) / "root.key"
        if anchor.exists() and anchor.stat().st_size > 0:
            return
        try:
            key = ROOT_KEY.read_bytes()
        except OSError as error:
            raise errors.KeryxError(
                f"The root's trust anchor {ROOT_KEY} cannot be read: {error.strerror}.",
                remedy="Install the package dns-root-data: keryx up does it.",
            ) from error
        files.write(anchor, key, mode=0o640, owner="unbound", group="unbound")

    def validate(self, site: Site) -> None:
        run(["/usr/sbin/unbound-checkconf", self._config(site)])

    def command(self, site: Site) -> Command:
        # -d: stay in the foreground; -p: no process identifier file.
        return Command(("/usr/sbin/unbound", "-d", "-p", "-c", str(self._config(site))))

    def ready(self, site: Site) -> None:
        """Ask for ``localhost.``, which Unbound answers by itself (RFC 6761, section 6.3)."""
        query = dns.message.make_query("localhost.", "A")
        try:
            answer = dns.query.udp(query, site.resolver.host, timeout=3, port=site.resolver.port)
        except (OSError, dns.exception.DNSException) as error:
            said = f"{type(error).__name__} {error}".strip()
            raise errors.NotReady(f"The resolver at {site.resolver} does not answer: {said}.") from error
        if answer.rcode() != dns.rcode.NOERROR or not answer.answer:
            code = dns.rcode.to_text(answer.rcode())
            raise errors.NotReady(f"The resolver at {site.resolver} does not know localhost: {code}.")

    def reload(self, site: Site, changed: Sequence[Path]) -> bool:
        """Reload; the cache is lost with it. Listening sockets are kept, so another address takes
        a restart."""
        try:
            self.ready(site)
        except errors.NotReady:
            return False
        run(["/usr/sbin/unbound-control", "-c", self._config(site), "reload"])
        return True

    def backup_paths(self, site: Site) -> Sequence[Path]:
        return ()

    def _config(self, site: Site) -> Path:
        return site.paths.etc(self.name) / "unbound.conf"

    def _cluster_file(self, site: Site) -> Path:
        return site.paths.etc(self.name) / "cluster.conf"

    def _control(self, site: Site) -> Path:
        return site.paths.run(self.name) / "control.sock"


def _cluster_domains(site: Site) -> Sequence[str]:
    """Return the domain of the cluster's own names; none on a machine."""
    domain = site.placement.cluster_domain if site.placement else ""
    return [domain] if domain else []


def forward_zone(domain: str, resolver: Path) -> str:
    """Return what has a domain's names asked of the name server in a resolv.conf(5).

    Raises KeryxError when it names none. Nothing is kept: pods move, and the cluster's server is near.
    """
    address = network.name_server(resolver)
    return (
        f'# {HEADER}\nforward-zone:\n    name: "{domain}"\n    forward-no-cache: yes\n'
        f"    forward-addr: {address}\n"
    )
