"""Configurations that are not the suite's: the floor F and the peers, on the same daemons.

What differs between them is data (``Shape``); the files are in ``templates/``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jinja2

from bench import directory
from bench.daemons import Daemon, accepts, listens, wait_until
from bench.load import DOMAIN
from bench.services import CHECKOUT, Services
from bench.variant import Place, Variant
from keryx.components.component import SystemUser
from keryx.host import prepare

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,
)


@dataclass(frozen=True)
class Shape:
    """What a stock configuration is made of."""

    maps: Literal["static", "ldap", "proxy:ldap", "socketmap"] = "static"
    """Where Postfix looks recipients up."""
    milter: Literal["", "inet", "unix"] = ""
    """How it reaches the filter; empty for none."""
    lmtp: Literal["inet", "unix"] = "inet"
    """How it reaches the message store."""
    userdb: Literal["passwd-file", "ldap"] = "passwd-file"
    """Where the message store looks recipients up."""
    scanners: int = 1
    """Processes of the filter's milter worker (Rspamd's default is one)."""
    tachydromos: bool = False
    """Restrictions, plugins and filter settings of the Tachydromos chart 1.1.0."""
    hyperscan: bool = True
    """Whether the filter's expressions are compiled; a fresh Rspamd works without for its first minute."""
    counted: bool = True
    """Whether quotas are counted in the list index (exact), or kept in Maildir++'s file."""


class Stock(Variant):
    """A configuration made from the templates here."""

    def __init__(self, key: str, title: str, shape: Shape, services: Services) -> None:
        self.key, self.title, self.shape = key, title, shape
        self._services = services
        self._daemons: dict[str, Daemon] = {}
        self._place: Place

    # --- what the harness asks ---

    @property
    def smtp(self) -> tuple[str, int]:
        return self._place.sender, self._place.port + 25

    @property
    def mail(self) -> Path:
        return self._place.folder / "mail"

    @property
    def roots(self) -> Mapping[str, int]:
        roots = {name: daemon.pid for name, daemon in self._daemons.items()}
        if self._uses_directory:
            roots["openldap"] = self._services.pid("openldap")
        roots["unbound"] = self._services.pid("unbound")
        return roots

    @property
    def _uses_directory(self) -> bool:
        return "ldap" in self.shape.maps or self.shape.userdb == "ldap"

    def start(self, place: Place) -> None:
        self._place = place
        if place.folder.exists():
            shutil.rmtree(place.folder)
        for part in ("etc/sieve", "run", "data/postfix", "data/dovecot", "log"):
            (place.folder / part).mkdir(parents=True)
        self._make_spool()
        prepare.make_user(SystemUser("vmail"))
        owner = pwd.getpwnam("vmail")
        self.mail.mkdir()
        os.chown(self.mail, owner.pw_uid, owner.pw_gid)
        if self.shape.milter:
            self._start_filter()
        if self.shape.maps == "socketmap":
            self._start_map_daemon()
        self._start_dovecot()
        self._start_postfix()

    def stop(self) -> None:
        for name in reversed(self._daemons):
            self._daemons[name].stop()
        self._daemons.clear()

    # --- its parts ---

    def _render(self, template: str, target: str, **more: Any) -> Path:
        path = self._place.folder / "etc" / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEMPLATES.get_template(f"{template}.j2").render(**self._values(), **more))
        return path

    def _values(self) -> dict[str, Any]:
        place, shape = self._place, self.shape
        folder = place.folder
        return {
            "name": self.key,
            **{key: getattr(shape, key) for key in shape.__dataclass_fields__},
            "address": place.sender,
            "etc": folder / "etc",
            "run": folder / "run",
            "data": folder / "data",
            "mail": self.mail,
            "spool": self._spool,
            "ports": {
                "smtp": place.port + 25,
                "lmtp": place.port + 24,
                "milter": place.port + 32,
                "normal": place.port + 33,
                "controller": place.port + 34,
                "redis": place.port + 79,
            },
            "directory": directory.of(self._services.site),
            "nameserver": self._services.site.resolver,
        }

    @property
    def _spool(self) -> Path:
        return self._place.folder / "spool"

    def _make_spool(self) -> None:
        """The queue folder with what the confined daemons read there (chroot)."""
        (self._spool / "etc").mkdir(parents=True)
        resolver = self._services.site.resolver
        (self._spool / "etc/resolv.conf").write_text(f"nameserver {resolver.host}\n")
        (self._spool / "etc/nsswitch.conf").write_text("hosts: files dns\nservices: files\n")
        for name in ("hosts", "services"):
            shutil.copy(f"/etc/{name}", self._spool / "etc" / name)
        sockets = self._spool / "sockets"
        sockets.mkdir()
        # World-writable, for this throw-away folder only: daemons of several users meet here.
        sockets.chmod(0o777)

    def _daemon(self, name: str, argv: list[str], **env: str) -> Daemon:
        daemon = Daemon(name, argv, self._place.folder / "log" / f"{name}.log", env)
        self._daemons[name] = daemon
        daemon.start()
        return daemon

    def _wait_for_port(self, daemon: Daemon, host: str, port: int) -> None:
        def open_() -> bool:
            daemon.check()
            return listens(host, port)

        wait_until(open_, f"{self.key}: {daemon.name} listens at {host}:{port}", 120)

    def _wait_for_socket(self, daemon: Daemon, path: Path) -> None:
        def open_() -> bool:
            daemon.check()
            return accepts(path)

        wait_until(open_, f"{self.key}: {daemon.name} listens at {path}", 120)

    def _start_postfix(self) -> None:
        etc = self._place.folder / "etc"
        postfix = etc / "postfix"
        self._render("main.cf", "postfix/main.cf", etc_postfix=postfix)
        self._render("master.cf", "postfix/master.cf")
        if self.shape.maps == "static":
            names = [f"{number}u@{DOMAIN}" for number in range(1, self._place.accounts + 1)]
            (etc / "mailboxes").write_text("".join(f"{name} {name}\n" for name in names))
            (etc / "aliases").write_text("".join(f"alias.{name} {name}\n" for name in names))
            for table in ("mailboxes", "aliases"):
                self._command("postmap", "-c", str(postfix), f"hash:{etc / table}")
        if "ldap" in self.shape.maps:
            self._render_lookups()
        data = self._place.folder / "data/postfix"
        owner = pwd.getpwnam("postfix")
        os.chown(data, owner.pw_uid, owner.pw_gid)
        daemon = self._daemon("postfix", ["postfix", "-c", str(postfix), "start-fg"])
        self._wait_for_port(daemon, self._place.sender, self._place.port + 25)

    def _render_lookups(self) -> None:
        wanted = directory.of(self._services.site)
        account = "(&(objectClass=mailAccount)(mailActive=TRUE)"
        lookups = {
            "accounts": (wanted.user_base, f"{account}(mail=%s))", "mail", ""),
            "aliases": (wanted.user_base, f"{account}(mailAlias=%s))", "mail", ""),
            "domains": (wanted.domain_base, "(&(objectClass=organizationalUnit)(ou=%s))", "ou", ""),
            "recipient-access": (
                wanted.user_base,
                "(&(objectClass=mailAccount)(mail=%s)(|(mailSendOnly=TRUE)(mailActive=FALSE)))",
                "mail",
                "REJECT",
            ),
        }
        for name, (base, query, attribute, result_format) in lookups.items():
            self._render(
                "ldap.cf",
                f"ldap-{name}.cf",
                base=base,
                filter=query,
                attribute=attribute,
                result_format=result_format,
            )

    def _start_dovecot(self) -> None:
        etc = self._place.folder / "etc"
        config = self._render("dovecot.conf", "dovecot.conf")
        script = self._render("spam.sieve", "sieve/spam.sieve")
        if self.shape.userdb == "ldap":
            self._render("dovecot-ldap.conf", "dovecot-ldap.conf")
        else:
            names = [f"{number}u@{DOMAIN}" for number in range(1, self._place.accounts + 1)]
            text = "".join(f"{name}:{{PLAIN}}x::::::userdb_quota_rule=*:storage=1024M\n" for name in names)
            (etc / "users").write_text(text)
        self._command("sievec", "-c", str(config), str(script))
        daemon = self._daemon("dovecot", ["dovecot", "-F", "-c", str(config)])
        if self.shape.lmtp == "inet":
            self._wait_for_port(daemon, "127.0.0.1", self._place.port + 24)
        else:
            self._wait_for_socket(daemon, self._spool / "sockets/lmtp")

    def _start_filter(self) -> None:
        folder = self._place.folder
        data = folder / "data/redis"
        data.mkdir()
        port = str(self._place.port + 79)
        # Redis as Debian and the peers run it: over TCP, snapshots after changes.
        redis = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", str(data)]
        self._daemon("redis", [*redis, "--save", "900 1 300 10 60 10000"])
        for part in ("data/rspamd", "run/rspamd"):
            (folder / part).mkdir()
            shutil.chown(folder / part, "_rspamd", "_rspamd")
        for source in sorted((Path(__file__).parent / "templates/rspamd").iterdir()):
            name = source.name.removesuffix(".j2")
            kind = "override.d" if name == "options.inc" else "local.d"
            self._render(f"rspamd/{name}", f"rspamd/{kind}/{name}")
        variables = {
            "LOCAL_CONFDIR": folder / "etc/rspamd",
            "DBDIR": folder / "data/rspamd",
            "RUNDIR": folder / "run/rspamd",
            "LOGDIR": folder / "log",
        }
        words = [f"--var={name}={value}" for name, value in variables.items()]
        argv = ["rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", "/etc/rspamd/rspamd.conf", *words]
        daemon = self._daemon("rspamd", argv)
        if self.shape.milter == "inet":
            self._wait_for_port(daemon, "127.0.0.1", self._place.port + 32)
        else:
            self._wait_for_socket(daemon, self._spool / "sockets/milter")

    def _start_map_daemon(self) -> None:
        path = self._spool / "sockets/maps"
        words = ["--accounts", str(self._place.accounts), "--folder", str(self._place.folder / "data")]
        argv = [sys.executable, "-m", "bench.map_daemon", *words]
        web = str(self._place.port + 80)
        where = {"PYTHONPATH": str(CHECKOUT)}
        daemon = self._daemon("map daemon (HTTP)", [*argv, "http", web], **where)
        self._wait_for_port(daemon, "127.0.0.1", int(web))
        daemon = self._daemon("map daemon (socketmap)", [*argv, "socketmap", str(path), web], **where)
        self._wait_for_socket(daemon, path)

    def _command(self, *argv: str) -> None:
        from keryx.core import process

        process.run(argv)
