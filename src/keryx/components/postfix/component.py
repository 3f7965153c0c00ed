"""The Postfix component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from keryx.components.component import AS_ROOT, Command, Component, Listener, Platform
from keryx.components.postfix import commands, drain, view
from keryx.components.postfix.parameters import unfit
from keryx.components.postfix.settings import PostfixSettings
from keryx.core import errors, files, network
from keryx.core.files import Directory, File
from keryx.core.network import Endpoint
from keryx.core.process import run
from keryx.core.wording import shown
from keryx.settings.site import KeyPair, Site

DOORS = ("smtp", "submission", "submissions")
MACHINE_FILES = ("hosts", "services", "localtime")
"""Files of /etc that the C library reads, copied to where the confined daemons see them."""


class Postfix(Component):
    """The mail transfer and submission agent."""

    name = "postfix"
    title = shown("SMTP and submission")
    section = PostfixSettings
    # The cluster's patience is 90 s (terminationGracePeriodSeconds).
    stop_seconds = 60
    capabilities: ClassVar[Mapping[str, str]] = {
        **AS_ROOT,
        "NET_BIND_SERVICE": "ports 25, 465 and 587",
        "SYS_CHROOT": "its network daemons are confined to the spool",
    }

    def packages(self, platform: Platform) -> Sequence[str]:
        # libsasl2-modules: the mechanisms with which Postfix logs in at a relayhost.
        return ("postfix", "postfix-ldap", "postfix-pcre", "libsasl2-modules", "ca-certificates")

    def listeners(self, site: Site) -> Sequence[Listener]:
        return [Listener(name, port) for name in DOORS if (port := site.port(name)) is not None]

    def inner(self, site: Site) -> Sequence[Endpoint]:
        return (site.internal_smtp, site.internal_submission, site.srs_reinjection)

    def directories(self, site: Site) -> Sequence[Directory]:
        """The folders, with the owners that Postfix's own post-install script would give them."""
        etc, spool = site.paths.etc(self.name), site.paths.spool
        private = "active bounce corrupt defer deferred flush hold incoming private saved trace"
        return (
            Directory(etc),
            Directory(etc / "ldap", 0o750, "root", "postfix"),
            Directory(etc / "maps"),
            Directory(site.paths.data(self.name)),
            Directory(site.paths.data(self.name) / "state", 0o700, "postfix", "root"),
            Directory(spool),
            Directory(spool / "etc"),
            Directory(spool / "pid"),
            Directory(site.paths.sockets),
            *(Directory(spool / name, 0o700, "postfix", "root") for name in private.split()),
            Directory(spool / "public", 0o2710, "postfix", "postdrop"),
            Directory(spool / "maildrop", 0o1730, "postfix", "postdrop"),
        )

    def render(self, site: Site) -> Sequence[File]:
        return view.files_of(site)

    def watched(self, site: Site) -> Sequence[Path]:
        inner = site.inner_tls.files if site.placement else ()
        return tuple(dict.fromkeys((site.certificate, site.certificate_key, *inner)))

    def prepare(self, site: Site) -> None:
        for name in MACHINE_FILES:
            try:
                content = (Path("/etc") / name).read_bytes()
            except OSError:
                continue  # a machine without it has its C library's defaults, confined or not
            files.write(site.paths.spool / "etc" / name, content)
        _copy_pair(site)

    def validate(self, site: Site) -> None:
        """Have Postfix check its files and its queue; a parameter that it does not know or use is refused."""
        folder = site.paths.etc(self.name)
        # As "postfix check" does. That itself would, on Debian 13, also copy the machine's resolv.conf
        # over the one of the confined daemons, who would then ask another resolver than ours.
        run(["/usr/sbin/postsuper", "-c", folder])
        said = run(["/usr/sbin/postconf", "-c", folder, "-n"]).stderr
        said += run(["/usr/sbin/postconf", "-c", folder, "-M"]).stderr
        complaints = [
            self._worded(line.split("warning: ", 1)[1]) for line in said.splitlines() if "warning: " in line
        ]
        complaints += self._unfit(site)
        if complaints:
            raise errors.BadSettings([f"postfix.parameters: {complaint}" for complaint in complaints])

    def command(self, site: Site) -> Command:
        # The master process itself: the script behind "postfix start-fg" would stay between it and
        # the supervisor and pass no signal on. -d: in the foreground, output to the supervisor.
        argv = ("/usr/lib/postfix/sbin/master", "-d", "-c", str(site.paths.etc(self.name)))
        return Command(argv, env={"MAIL_CONFIG": str(site.paths.etc(self.name))})

    def ready(self, site: Site) -> None:
        """Be greeted at every port; where a PROXY header is due, at the internal one beside it."""
        self._greeted(site.internal_smtp)
        for name in DOORS:
            port = site.port(name)
            if port is None:
                continue
            where = Endpoint(host=site.reach, port=port)
            if site.speaks_proxy(name):
                network.connect(where).close()
            else:
                self._greeted(where, tls=name == "submissions")

    def reload(self, site: Site, changed: Sequence[Path]) -> bool:
        """Reload, unless the addresses to listen at changed, which takes a restart."""
        if site.paths.etc(self.name) / view.INTERFACES in changed:
            return False
        run(["/usr/sbin/postfix", "-c", site.paths.etc(self.name), "reload"])
        return True

    def drain(self, site: Site, seconds: float) -> None:
        ports = [listener.port for listener in self.listeners(site)]
        ports += [endpoint.port for endpoint in self.inner(site)]
        door = site.door(self.name, "smtp")
        drain.drain(site, [*ports, *([door.port] if door else [])], seconds)

    def backup_paths(self, site: Site) -> Sequence[Path]:
        return (site.paths.spool,)

    @staticmethod
    def _unfit(site: Site) -> list[str]:
        """Return what is wrong with the values that an administrator gave."""
        names = sorted(site.section(PostfixSettings).parameters)
        if not names:
            return []
        given, own = (commands.parameters(site, names, default=default) for default in (False, True))
        found = (unfit(name, given[name], own[name]) for name in names if name in given and name in own)
        return [complaint for complaint in found if complaint]

    @staticmethod
    def _greeted(where: Endpoint, *, tls: bool = False) -> None:
        context = network.unverified_tls() if tls else None
        said = network.greeting(where, tls=context, timeout=10)
        if not said.startswith("220"):
            raise errors.NotReady(f"Postfix at {where} greets with {said[:80]!r}, not 220.")

    @staticmethod
    def _worded(complaint: str) -> str:
        _, marker, assignment = complaint.partition("unused parameter: ")
        if not marker:
            return f"Postfix warns: {complaint}."
        name, _, value = assignment.partition("=")
        return f'{name}: "{value}" has no effect, Postfix has no such parameter; correct or remove it.'


def _copy_pair(site: Site) -> None:
    """Keep the cluster's public certificate and its key together, for root alone, who reads them."""
    path, pair = view.copied_pair(site), site.given_pair
    if pair is None:
        path.unlink(missing_ok=True)
        return
    together = pair.key.read_bytes() + b"\n" + pair.certificate.read_bytes()
    fresh = path.with_name(f"{path.name}.new")
    files.write(fresh, together, mode=0o600)
    if not KeyPair(fresh, fresh).fits():
        # Both have been changed since they were looked at, which will be seen.
        raise errors.BadInput(f"{pair.key} is no private key of the certificate in {pair.certificate}.")
    fresh.rename(path)
