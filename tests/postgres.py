"""A PostgreSQL of its own for tests: the component alone, in a home of its own."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from keryx.components.postgresql import cluster
from keryx.components.postgresql.component import Postgresql
from keryx.core import errors
from keryx.core.process import run
from keryx.host import foreground
from keryx.host import home as homes
from keryx.host.prepare import prepare
from keryx.records import engine, migrations, provision
from keryx.settings.site import Site
from tests.running import free_offset, wait_for


@dataclass
class Postgres:
    """A home whose only running component is the database."""

    home: Path
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, home: Path, settings: str = "") -> Postgres:
        """Write keryx.yaml and start; databases and tables are made by ``set_up``."""
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)
        (home / "keryx.yaml").write_text(f"domain: example.org\nport_offset: {free_offset()}\n{settings}")
        made = cls(home)
        made.start()
        return made

    @property
    def site(self) -> Site:
        """The site as its files say now."""
        return homes.site(self.home)

    @property
    def log(self) -> str:
        """What the server said."""
        return (self.home / "postgresql.log").read_text(errors="replace")

    def set_up(self) -> Site:
        """Make databases and tables; return the site."""
        site = self.site
        provision.ensure(site)
        migrations.upgrade(site)
        return site

    def start(self, *more: str) -> None:
        """Prepare and start; ``more`` are further options of the server."""
        site, component = self.site, Postgresql()
        prepare(component, site)
        command = component.command(site)
        argv = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command.argv, *more]
        with (self.home / "postgresql.log").open("ab") as log:
            self.process = subprocess.Popen(argv, env=foreground.environment(command), stderr=log, cwd="/")
        wait_for(lambda: self._ready(component, site), "PostgreSQL answers")

    def stop(self) -> None:
        """Stop in good order."""
        engine.close()
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            assert self.process.wait(timeout=30) == 0
            self.process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=30)
        self.process = None

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run statements as the superuser; return the rows, columns divided by ``|``."""
        psql = cluster.programs(self.site) / "psql"
        words = [str(psql), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", str(self.site.paths.run("postgresql"))]
        return run([*words, "-U", "postgres", "-d", database], input=text).stdout.strip()

    def _ready(self, component: Postgresql, site: Site) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            component.ready(site)
        except errors.NotReady:
            return False
        return True
