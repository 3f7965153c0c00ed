"""The PostgreSQL component."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keryx.components.component import Command, Component, Platform
from keryx.components.postgresql import cluster, commands, dumps
from keryx.components.postgresql.settings import PostgresqlSettings
from keryx.core import errors, network
from keryx.core.files import Directory, File
from keryx.core.network import Endpoint
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import Site

MAJOR = {("debian", "13"): 17, ("ubuntu", "24.04"): 16}
LOG_LEVELS = {"warning": "error", "info": "", "debug": "debug1"}
"""Of log_min_messages; empty for PostgreSQL's own, warning."""
FILES = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")


class Postgresql(Component):
    """The embedded database server."""

    name = "postgresql"
    title = shown("database")
    section = PostgresqlSettings
    alone_as = cluster.OWNER
    # A fast shutdown: sessions are ended, what was committed is kept. TERM would wait for them all.
    stop_signal = "INT"
    # After a power cut it first repeats what its log has and the tables have not yet.
    start_timeout = 300

    def packages(self, platform: Platform) -> Sequence[str]:
        # The server itself and not the package that follows the newest one: its security updates
        # show here, and a new major version never comes by accident.
        return (f"postgresql-{MAJOR.get((platform.id, platform.version), cluster.DEFAULT)}",)

    def enabled(self, site: Site) -> bool:
        return site.settings.database.embedded

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name)),
            Directory(site.paths.run(self.name), 0o755, cluster.OWNER, cluster.OWNER),
            Directory(site.paths.data(self.name), 0o700, cluster.OWNER, cluster.OWNER),
        )

    def render(self, site: Site) -> Sequence[File]:
        folder = site.paths.etc(self.name)
        names = {
            "postgresql": site.section(PostgresqlSettings),
            "log_level": LOG_LEVELS[site.settings.log_level],
            "etc": folder,
            "run": site.paths.run(self.name),
            "port": site.database_port,
            "tls": site.inner_tls if site.door(self.name) else None,
        }
        return tuple(File(folder / name, render(__package__ or "", name, **names)) for name in FILES)

    def watched(self, site: Site) -> Sequence[Path]:
        return site.inner_tls.files if site.door(self.name) else ()

    def prepare(self, site: Site) -> None:
        cluster.prepare(site)

    def validate(self, site: Site) -> None:
        if cluster.present(site) is not None:
            commands.test_config(self._server(site))

    def command(self, site: Site) -> Command:
        return Command(self._server(site), user=cluster.OWNER, env={"LC_ALL": "C.UTF-8"})

    def ready(self, site: Site) -> None:
        try:
            cluster.check(site)
        except errors.Refused as error:
            raise errors.NotReady(error.sentence, remedy=error.remedy) from error
        answer = network.exchange(_socket(site), _hello("keryx"))
        # "R" asks for a password: it takes logins. "E" is an error with its sentence.
        if not answer.startswith(b"R"):
            raise errors.NotReady(f"PostgreSQL does not take logins yet: {_complaint(answer)}.")

    def reload(self, site: Site, changed: Sequence[Path]) -> bool:
        ours = {site.paths.etc(self.name) / name for name in FILES} | set(self.watched(site))
        if not set(changed) <= ours:
            return False
        programs, socket = cluster.programs(site), site.paths.run(self.name)
        if commands.unapplied(programs, socket):
            return False
        commands.reload(programs, socket)
        return True

    def dump(self, site: Site) -> Path:
        dump = dumps.of(site)
        socket, port = site.paths.run(self.name), site.database_port
        dump.write(lambda place: commands.write_dump(cluster.programs(site), socket, port, place))
        return dump.path

    def backup_paths(self, site: Site) -> Sequence[Path]:
        return (site.paths.data(self.name),)

    def _server(self, site: Site) -> tuple[str, ...]:
        config = site.paths.etc(self.name) / "postgresql.conf"
        return (
            str(cluster.programs(site) / "postgres"),
            "-D",
            str(cluster.folder(site)),
            f"--config_file={config}",
        )


def _socket(site: Site) -> Endpoint:
    return Endpoint(site.paths.run("postgresql") / f".s.PGSQL.{site.database_port}")


def _hello(role: str) -> bytes:
    """Return the protocol's StartupMessage, version 3.0: asking to log in.

    https://www.postgresql.org/docs/current/protocol-message-formats.html
    """
    body = (3 << 16).to_bytes(4, "big") + f"user\0{role}\0database\0{role}\0\0".encode()
    return (len(body) + 4).to_bytes(4, "big") + body


def _complaint(answer: bytes) -> str:
    """Return the sentence of an ErrorResponse: its field M."""
    for part in answer[5:].split(b"\0"):
        if part.startswith(b"M"):
            return part[1:].decode(errors="replace")
    return "it closes the connection"
