"""The nginx component."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import psutil

import keryx
from keryx.components.component import AS_ROOT, Command, Component, Listener, Platform, SystemUser
from keryx.components.nginx.settings import NginxSettings
from keryx.components.nginx.view import View
from keryx.core import errors, files, network
from keryx.core.files import Directory, File
from keryx.core.process import run, until
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import GATEWAY, SOGO_RESOURCES, Site

SHARED = ("nginx.conf", "listen.conf", "headers.conf", "proxy.conf", "pages.conf", "clients.conf")
"""Files of the gateway that are made whatever is switched on."""
ROUNDCUBE = "/var/lib/roundcube/public_html"
"""Where the package keeps what browsers may see of Roundcube."""
PAGES = Path(keryx.__file__).parent / "web" / "ui" / "static"
"""Files of Keryx's own pages."""
IPV6 = Path("/proc/net/if_inet6")
"""It exists where the kernel has IPv6."""


class Nginx(Component):
    """The gateway of the web side."""

    name = "nginx"
    title = shown("web gateway")
    section = NginxSettings
    alone_as = GATEWAY
    capabilities: ClassVar[Mapping[str, str]] = {
        **AS_ROOT,
        "NET_BIND_SERVICE": "ports 80 and 443",
    }
    users = (SystemUser(GATEWAY),)

    def packages(self, platform: Platform) -> Sequence[str]:
        # In pods it also is the way from one to the other, of whatever protocol.
        return ("nginx", "libnginx-mod-stream")

    def enabled(self, site: Site) -> bool:
        return site.port("https") is not None or site.port("http") is not None or View(site).has_doors

    def listeners(self, site: Site) -> Sequence[Listener]:
        if not View(site).is_gateway:
            return []
        ports = ((name, site.port(name)) for name in ("http", "https"))
        return [Listener(name, port) for name, port in ports if port is not None]

    def directories(self, site: Site) -> Sequence[Directory]:
        view = View(site)
        return (
            Directory(site.paths.etc(self.name)),
            Directory(view.run, 0o755),
            *(Directory(way.socket.parent, 0o750, "root", GATEWAY) for way in view.passed[:1]),
            Directory(site.paths.data(self.name)),
            Directory(view.static),
            Directory(view.acme),
        )

    def render(self, site: Site) -> Sequence[File]:
        view, etc = View(site), site.paths.etc(self.name)
        if not view.is_gateway:
            return [
                File(etc / name, render(__package__ or "", name, view=view, site=site))
                for name in ("nginx.conf", "doors.conf")
            ]
        names = {
            "view": view,
            "site": site,
            "roundcube": ROUNDCUBE,
            "resources": SOGO_RESOURCES,
            "dav": f"{site.web_url('webmail')}/SOGo/dav/",
        }
        made = [File(etc / name, render(__package__ or "", name, **names)) for name in _wanted(view)]
        password = site.secrets.get("rspamd-controller").reveal()
        text = render(__package__ or "", "rspamd-password.conf", password=password)
        return [*made, File(etc / "rspamd-password.conf", text, 0o600, secret=True)]

    def watched(self, site: Site) -> Sequence[Path]:
        view = View(site)
        inner = [*site.inner_tls.files, site.paths.authority] if view.has_doors else []
        if not view.is_gateway:
            return inner
        logo = [site.sogo_logo] if site.sogo_logo else []
        return list(dict.fromkeys([site.certificate, site.certificate_key, *inner, *logo, *_page_files()]))

    def prepare(self, site: Site) -> None:
        """Copy the pages' files to where the workers may read them; see whether there is IPv6."""
        _prepare_doors(site)
        if not View(site).is_gateway:
            return
        _copy_pages(View(site).static)
        if site.sogo_logo:
            files.write(View(site).logo, site.sogo_logo.read_bytes())
        listens = View(site).listens_ipv6 if IPV6.exists() else []
        text = "".join(f"listen {arguments};\n" for arguments in listens)
        files.write(site.paths.etc(self.name) / "listen-ipv6.conf", text)

    def validate(self, site: Site) -> None:
        for name in ("listen-ipv6.conf", "resolver.conf"):
            made_at_start = site.paths.etc(self.name) / name
            if not made_at_start.exists():
                files.write(made_at_start, "")
        argv = ["nginx", "-t", "-c", str(site.paths.etc(self.name) / "nginx.conf")]
        done = run(argv, check=False)
        if done.returncode != 0:
            # The last line only says that the test failed; the one before says why.
            why = [line for line in done.stderr.splitlines() if "test failed" not in line]
            raise errors.CommandFailed(argv, done.returncode, "", "\n".join(why))

    def command(self, site: Site) -> Command:
        return Command(("/usr/sbin/nginx", "-c", str(site.paths.etc(self.name) / "nginx.conf")))

    def ready(self, site: Site) -> None:
        view = View(site)
        for door in view.opened:
            network.connect(network.Endpoint(host="127.0.0.1", port=door.port)).close()
        for way in view.passed:
            network.connect(network.Endpoint(way.socket)).close()
        if not view.is_gateway:
            return
        _ask(site)
        port = site.port("http")
        if port is not None and not site.speaks_proxy("http"):
            network.connect(network.Endpoint(host=site.reach, port=port)).close()

    def reload(self, site: Site, changed: Sequence[Path]) -> bool:
        """Let nginx start fresh workers; the old ones finish the requests and waits that they have."""
        try:
            master = psutil.Process(int((View(site).run / "nginx.pid").read_text()))
            before = {child.pid for child in master.children()}
            os.kill(master.pid, signal.SIGHUP)
            return until(lambda: _has_taken_up(master, before), 10)
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return False

    def backup_paths(self, site: Site) -> Sequence[Path]:
        return ()


def _wanted(view: View) -> Sequence[str]:
    """Return the names of the files that the main file includes under these settings."""
    wanted = [*SHARED, "doors.conf"] if view.has_doors else list(SHARED)
    for part in ("webmail", "admin", "rspamd"):
        wanted.append(f"{part}.conf")
        if len(view.servers) > 1:
            wanted.append(f"{part}-elsewhere.conf")
    if view.site.sogo_enabled:
        wanted.append("sogo.conf")
    if view.site.roundcube_enabled:
        wanted.append("fastcgi.conf")
    return wanted


def _prepare_doors(site: Site) -> None:
    """Write what the pod tells and the settings do not: its name servers, whether there is IPv6."""
    view, etc = View(site), site.paths.etc(Nginx.name)
    if not view.has_doors:
        return
    server = network.name_server()
    address = f"[{server}]" if ":" in server else server
    files.write(etc / "resolver.conf", f"resolver {address} valid=10s;\n")
    for door in view.opened if IPV6.exists() else ():
        files.write(etc / f"ipv6-{door.name}.conf", f"listen [::]:{door.port} ssl;\n")
    for way in view.passed:
        # One that nobody listens at any more is in the way of the next who would.
        if way.socket.exists() and not _answers(way.socket):
            way.socket.unlink()


def _answers(path: Path) -> bool:
    try:
        network.connect(network.Endpoint(path)).close()
    except errors.NotReady:
        return False
    return True


def _page_files() -> Sequence[Path]:
    return sorted(path for path in PAGES.rglob("*") if path.is_file())


def _copy_pages(folder: Path) -> None:
    wanted = {path.relative_to(PAGES): path for path in _page_files()}
    for name, path in wanted.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        files.write(target, path.read_bytes())
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder) not in wanted:
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            shutil.rmtree(path)


def _ask(site: Site) -> None:
    """Raise NotReady unless the gateway speaks HTTP over TLS."""
    endpoint = site.inside("https")
    stream = network.connect(endpoint)
    try:
        with network.unverified_tls().wrap_socket(stream, server_hostname=site.settings.host) as secure:
            host = site.settings.host.encode()
            secure.sendall(b"HEAD /internal/gateway HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host)
            answer = http.client.HTTPResponse(secure, method="HEAD")
            answer.begin()
            answer.close()
    except (OSError, http.client.HTTPException) as error:
        raise errors.NotReady(f"{endpoint} does not speak HTTPS: {error}.") from error
    finally:
        stream.close()


def _has_taken_up(master: psutil.Process, before: set[int]) -> bool:
    """Whether fresh workers serve and the old ones no longer accept; never when nginx refused."""
    workers = {child.pid: _title(child) for child in master.children()}
    fresh = [pid for pid in workers if pid not in before]
    old = [pid for pid in before & set(workers) if "shutting down" not in workers[pid]]
    return bool(fresh) and not old


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "shutting down"
