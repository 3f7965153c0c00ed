"""What the gateway's templates print: computed once, named plainly."""

from __future__ import annotations

import ipaddress
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keryx.components.nginx.settings import NginxSettings
from keryx.core.network import Endpoint
from keryx.settings import doors
from keryx.settings.site import GATEWAY, Site

PARTS = ("webmail", "admin", "rspamd")
"""Groups of paths that may have a host name of their own."""
HTTP2_DIRECTIVE = (1, 25, 1)
"""The version from which HTTP/2 is a directive and no longer a word of ``listen``."""
LOG_LEVELS = {"warning": "error", "info": "warn", "debug": "info"}
"""Not nginx' own ``debug``, which writes headers, and passwords with them."""


@dataclass(frozen=True)
class Server:
    """One host name with what is found there."""

    name: str
    parts: tuple[str, ...]
    """Those of PARTS that stand here; the others are led to where they stand."""
    root: str
    """Where ``/`` leads."""


@dataclass(frozen=True)
class Opened:
    """A door into this pod."""

    name: str
    guest: str
    """The pod that may come in."""
    port: int
    address: str
    """Where the service is, as ``proxy_pass`` wants it."""

    @property
    def variable(self) -> str:
        """Its name in variables."""
        return f"door_{self.name.replace('-', '_')}"


@dataclass(frozen=True)
class Passed:
    """A door into another pod."""

    name: str
    socket: Path
    """This pod's end of the way."""
    host: str
    port: int

    @property
    def variable(self) -> str:
        """Its name in variables."""
        return f"pod_{self.name.replace('-', '_')}"


@dataclass(frozen=True)
class View:
    """The gateway's settings together with what follows from the site."""

    site: Site

    @property
    def settings(self) -> NginxSettings:
        """The section ``nginx``."""
        return self.site.section(NginxSettings)

    @property
    def log_level(self) -> str:
        """The level of ``error_log``."""
        return LOG_LEVELS[self.site.settings.log_level]

    @property
    def user(self) -> str:
        """Who the workers run as."""
        return GATEWAY

    @property
    def run(self) -> Path:
        """The process identifier, and bodies that are too big for memory."""
        return self.site.paths.run("nginx")

    @property
    def static(self) -> Path:
        """A copy of the pages' files that the workers may read wherever Keryx is installed."""
        return self.site.paths.data("nginx") / "static"

    @property
    def acme(self) -> Path:
        """Where an ACME client puts its answers: ``.well-known/acme-challenge/`` below it."""
        return self.site.paths.data("nginx") / "acme"

    @property
    def http2_directive(self) -> bool:
        """Whether HTTP/2 is switched on by ``http2 on`` (newer) or in ``listen`` (older)."""
        return self.site.version("nginx", (1, 22, 1)) >= HTTP2_DIRECTIVE

    @property
    def hsts_seconds(self) -> int:
        """The age that the HSTS header names."""
        return self.settings.hsts_days * 86400

    @property
    def body_mb(self) -> int:
        """Largest request in MiB where messages and attachments go: a message of the limit's size and
        what a form or a phone wraps around it. An attachment grows by a third in its message, so the
        message's own limit is met before this one."""
        return self.site.settings.message_size_limit_mb + 1

    @property
    def longest_wait(self) -> int:
        """Seconds for which a phone may hold a connection without a word, and a minute more."""
        return max(self.site.activesync_wait if self.site.activesync_enabled else 0, 90) + 60

    @property
    def logo(self) -> Path:
        """A copy of SOGo's logo that the workers may read."""
        return self.site.paths.data("nginx") / "logo"

    @property
    def logo_type(self) -> str:
        """The logo's media type."""
        kind, _ = mimetypes.guess_type(str(self.site.sogo_logo))
        return kind or "image/svg+xml"

    # --- between pods

    @property
    def is_gateway(self) -> bool:
        """Whether the web side's door is here; in other pods there are only ways between pods."""
        return self.site.works_here("nginx")

    @property
    def has_doors(self) -> bool:
        """Whether there is a way to or from another pod."""
        return bool(self.opened or self.passed)

    @property
    def opened(self) -> Sequence[Opened]:
        """The doors into this pod."""
        site = self.site
        inside = {
            "admin": site.admin_web,
            "sogo": site.sogo,
            "dav": site.dav,
            "activesync": site.activesync,
            "roundcube": site.roundcube,
            "rspamd-pages": site.rspamd_pages,
            "store": site.privileged,
            "queue": site.privileged,
        }
        return [
            Opened(door.name, door.guest, site.loopback_port(door.number), address(inside[door.name]))
            for door in doors.opened(site.placement)
        ]

    @property
    def passed(self) -> Sequence[Passed]:
        """The doors into other pods through which this one goes."""
        found = []
        for door in doors.passed(self.site.placement):
            host = self.site.placement.host(door.component) if self.site.placement else ""
            socket = self.site.paths.way(door.name)
            found.append(Passed(door.name, socket, host, self.site.loopback_port(door.number)))
        return found

    def url(self, endpoint: Endpoint, path: str = "") -> str:
        """What ``proxy_pass`` is told of an HTTP server, and of a path that replaces the location's."""
        if endpoint.path is None:
            return f"http://{endpoint}{path}"
        return f"http://unix:{endpoint.path}" + (f":{path}" if path else "")

    # --- listening

    @property
    def listens(self) -> Sequence[str]:
        """The arguments of ``listen``, without those of the IPv6 wildcard."""
        addresses = [_bracketed(address) for address in self.site.settings.bind] or [""]
        return [*self._listens(addresses), *self._inside()]

    @property
    def listens_ipv6(self) -> Sequence[str]:
        """Those of the IPv6 wildcard, where no addresses are named: for machines that have IPv6."""
        if self.site.settings.bind:
            return []
        pods = [f"[::]:{arguments}" for arguments in self._inside()] if self.site.placement else []
        return [*self._listens(["[::]:"]), *pods]

    def _listens(self, addresses: Sequence[str]) -> Sequence[str]:
        found = []
        for name in ("http", "https"):
            port = self.site.port(name)
            if port is None:
                continue
            words = self._words(name) + (" proxy_protocol" if self.site.speaks_proxy(name) else "")
            found += [f"{address}{port}{words}" for address in addresses]
        return found

    def _inside(self) -> Sequence[str]:
        """A door for this machine's own programs beside one for load balancers; in a cluster there always
        is one for the other pods."""
        if self.site.placement is not None:
            return [f"{self.site.inside('https').port}{self._words('https')}"]
        if self.site.port("https") is not None and not self.site.speaks_proxy("https"):
            return []
        return [f"{self.site.inside('https')}{self._words('https')}"]

    def _words(self, name: str) -> str:
        if name == "http":
            return ""
        return " ssl" if self.http2_directive else " ssl http2"

    # --- who is believed

    @property
    def trusted_proxies(self) -> Sequence[str]:
        """Networks that may say who the client is."""
        return [str(network) for network in self.site.settings.trusted_proxies]

    @property
    def proxied(self) -> bool:
        """Whether a port is for load balancers that speak the PROXY protocol."""
        return any(
            self.site.port(name) is not None and self.site.speaks_proxy(name) for name in ("http", "https")
        )

    @property
    def real_ip_header(self) -> str:
        """How trusted proxies name the client."""
        main = "http" if self.site.port("https") is None else "https"
        return "proxy_protocol" if self.site.speaks_proxy(main) else "X-Forwarded-For"

    # --- host names and where things stand

    @property
    def servers(self) -> Sequence[Server]:
        """The servers by host name. The main one comes first: nginx takes it for unknown names, so
        that the machine is reached by its address too before there is DNS."""
        hosts: dict[str, list[str]] = {self.site.settings.host: []}
        for part in PARTS:
            hosts.setdefault(self.site.web_host(part), []).append(part)
        return [Server(host, tuple(parts), self._root(parts)) for host, parts in hosts.items()]

    def _root(self, parts: Sequence[str]) -> str:
        if "webmail" in parts or not parts:
            return self.elsewhere("webmail", parts) + self.webmail
        return f"/{parts[0]}/"

    @property
    def webmail(self) -> str:
        """The path of the webmail that people find first; their own pages where there is none."""
        if self.site.sogo_enabled:
            return "/SOGo/"
        return "/roundcube/" if self.site.roundcube_enabled else "/account/"

    def elsewhere(self, part: str, parts: Sequence[str]) -> str:
        """What stands before a part's path: nothing where it stands here, else its host's URL."""
        return "" if part in parts else self.site.web_url(part)

    @property
    def port_suffix(self) -> str:
        """What follows a host name in a URL of ours."""
        return self.site.base_url.removeprefix(f"https://{self.site.settings.host}")

    @property
    def parts(self) -> Sequence[str]:
        """Groups of paths that may have a host name of their own."""
        return PARTS


def _bracketed(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return f"[{address}]:" if address.version == 6 else f"{address}:"


def address(endpoint: Endpoint) -> str:
    """Return a server's address as nginx writes it."""
    return f"unix:{endpoint.path}" if endpoint.path else str(endpoint)
