"""A slapd of its own for tests: the openldap component alone, in a home of its own."""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from keryx.components.openldap.component import Openldap
from keryx.core import errors
from keryx.core.process import Completed, run
from keryx.host import foreground
from keryx.host import home as homes
from keryx.host.prepare import prepare
from keryx.settings.site import Site
from tests.running import free_offset, wait_for

ROOT = "dc=example,dc=org"


@dataclass
class Slapd:
    """A home whose only running component is the directory."""

    home: Path
    process: subprocess.Popen[bytes] | None = None
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    @classmethod
    def create(cls, home: Path, settings: str = "") -> Slapd:
        """Write keryx.yaml and start."""
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)
        text = f"domain: example.org\nport_offset: {free_offset()}\n{settings}"
        (home / "keryx.yaml").write_text(text)
        made = cls(home)
        made.start()
        return made

    @property
    def site(self) -> Site:
        """The site as its files say now."""
        return homes.site(self.home)

    def start(self, *more: str) -> None:
        """Prepare and start; ``more`` are further URIs to listen at."""
        site, component = self.site, Openldap()
        prepare(component, site)
        command = component.command(site)
        argv = [*command.argv[:-1], " ".join([command.argv[-1], *more])]
        with (self.home / "slapd.log").open("ab") as log:
            self.process = subprocess.Popen(argv, env=foreground.environment(command), stderr=log)
        wait_for(lambda: self._ready(component, site), "slapd answers")

    def stop(self) -> None:
        """Stop in good order."""
        if self.process is not None:
            self.process.terminate()
            assert self.process.wait(timeout=30) == 0
            self.process = None

    def tool(
        self, name: str, *arguments: str, dn: str = "", password: str = "", input: str = ""
    ) -> Completed:
        """Run one of ldap-utils, bound as ``dn`` or as nobody."""
        who = ["-D", dn, "-w", password] if dn else []
        return run([name, "-x", "-H", self.site.ldapi, *who, *arguments], input=input, check=False)

    def as_root(self, name: str, *arguments: str, input: str = "") -> Completed:
        """Run one of ldap-utils as root of the machine (SASL EXTERNAL)."""
        return run([name, "-Q", "-Y", "EXTERNAL", "-H", self.site.ldapi, *arguments], input=input)

    def as_reader(self, name: str, *arguments: str, input: str = "") -> Completed:
        """Run one of ldap-utils as the daemons bind."""
        password = self.site.reader_password.reveal()
        return self.tool(name, *arguments, dn=f"cn=reader,{ROOT}", password=password, input=input)

    def name(self, beginning: str) -> str:
        """Return a word that no other test uses."""
        return f"{beginning}{next(self.numbers)}"

    def _ready(self, component: Openldap, site: Site) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "slapd.log").read_text()
        try:
            component.ready(site)
        except errors.NotReady:
            return False
        return True
