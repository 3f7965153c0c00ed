"""The OpenLDAP component."""

from __future__ import annotations

import importlib.resources
import shutil
from collections.abc import Sequence
from pathlib import Path

from keryx.components.component import Command, Component, Platform
from keryx.components.openldap import bind, commands, data, dumps
from keryx.components.openldap.settings import OpenldapSettings
from keryx.core import errors, files, network, password
from keryx.core.files import Directory, File
from keryx.core.network import Endpoint
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import Site

PACKAGED_SCHEMAS = ("core", "cosine", "inetorgperson", "misc", "nis")
"""Schemas of Debian's slapd that accounts build upon (misc has mailHost); nis for existing trees."""
OWN_SCHEMAS = ("tachydromos", "keryx")
ROOT = "gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth"
"""Root of this machine, as the Unix socket tells it (SASL EXTERNAL)."""
LOG_LEVELS = {"warning": "none", "info": "none", "debug": "stats"}
"""``stats`` logs every operation with what it asks for, and no value of a password."""


GIVE_MEMORY_BACK = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_ARENA_MAX": "4"}
"""For glibc (mallopt(3)): the 19 MiB that each check of an Argon2 hash needs go back to the system
afterwards, instead of staying with every thread that once checked one."""


class Openldap(Component):
    """The embedded directory."""

    name = "openldap"
    title = shown("directory")
    section = OpenldapSettings
    alone_as = "openldap"
    # Signal 2 and 15 alike: slapd answers what it has begun, closes the database and ends.
    stop_signal = "TERM"

    def packages(self, platform: Platform) -> Sequence[str]:
        # The last one verifies passwords' hashes that came from elsewhere (PBKDF2).
        return ("slapd", "ldap-utils", "slapd-contrib")

    def enabled(self, site: Site) -> bool:
        return site.settings.directory.embedded

    def inner(self, site: Site) -> Sequence[Endpoint]:
        return (Endpoint(host="127.0.0.1", port=site.ldap_port),)

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name)),
            Directory(site.paths.etc(self.name) / "schema"),
            Directory(site.paths.run(self.name), 0o755, "openldap", "openldap"),
            Directory(site.paths.data(self.name), 0o755),
            Directory(data.database(site), 0o700, "openldap", "openldap"),
        )

    def render(self, site: Site) -> Sequence[File]:
        folder = site.paths.etc(self.name)
        schemas = [File(folder / "schema" / f"{name}.ldif", _schema(name)) for name in OWN_SCHEMAS]
        packaged = [Path(f"/etc/ldap/schema/{name}.ldif") for name in PACKAGED_SCHEMAS]
        text = render(
            __package__ or "",
            "config.ldif",
            openldap=site.section(OpenldapSettings),
            directory=site.directory,
            password=password,
            schemas=[*packaged, *(file.path for file in schemas)],
            indexes=data.TEXT_INDEXES,
            plain_indexes=data.PLAIN_INDEXES,
            unique=_unique(site),
            run=site.paths.run(self.name),
            database=data.database(site),
            root=ROOT,
            tls=site.inner_tls if site.door(self.name) else None,
        )
        return (*schemas, File(folder / "config.ldif", text))

    def watched(self, site: Site) -> Sequence[Path]:
        return site.inner_tls.files if site.door(self.name) else ()

    def prepare(self, site: Site) -> None:
        self._make_config(site)
        running = _answers(site)
        if not running:
            dumps.restore(site, self._config(site), data.database(site))
        data.prepare(site, self._config(site), running=running)

    def _config(self, site: Site) -> Path:
        return site.paths.etc(self.name) / "slapd.d"

    def _make_config(self, site: Site) -> None:
        """Make slapd.d anew if the text it came from has changed, and put it in place."""
        folder = self._config(site)
        source = [file.path for file in self.render(site)]
        source += [Path(f"/etc/ldap/schema/{name}.ldif") for name in PACKAGED_SCHEMAS]
        digest = files.digest(b"\0".join(path.read_bytes() for path in source))
        mark = folder.with_name("slapd.d.digest")
        if folder.is_dir() and mark.exists() and mark.read_text() == digest:
            return
        fresh, old = folder.with_name("slapd.d.new"), folder.with_name("slapd.d.old")
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        files.make_directory(Directory(fresh, 0o700, "openldap", "openldap"))
        commands.make_config(source[len(OWN_SCHEMAS)], fresh)
        data.give_to_openldap(fresh)
        mark.unlink(missing_ok=True)
        if folder.is_dir():
            folder.rename(old)
        fresh.rename(folder)
        files.write(mark, digest)
        shutil.rmtree(old, ignore_errors=True)

    def validate(self, site: Site) -> None:
        commands.test_config(self._config(site))

    def command(self, site: Site) -> Command:
        listen = f"{site.ldapi} ldap://127.0.0.1:{site.ldap_port}/"
        if door := site.door(self.name):
            listen += f" ldaps://:{door.port}/"
        words = ["/usr/sbin/slapd", "-d", LOG_LEVELS[site.settings.log_level]]
        words += ["-u", "openldap", "-g", "openldap", "-F", str(self._config(site)), "-h", listen]
        return Command(tuple(words), env=GIVE_MEMORY_BACK)

    def ready(self, site: Site) -> None:
        # A bind as the reader is what every daemon begins with; it stands below the root.
        socket = Endpoint(site.paths.run(self.name) / "ldapi")
        code = bind.result(socket, site.directory.bind_dn, site.reader_password.reveal())
        if code:
            raise errors.NotReady(
                f"OpenLDAP refuses {site.directory.bind_dn} with result code {code}.",
                remedy="It is the account of the other daemons: look at its entry and its password.",
            )

    def dump(self, site: Site) -> Path:
        dump = dumps.of(site)
        dump.write(lambda place: dumps.write(self._config(site), place))
        return dump.path

    def backup_paths(self, site: Site) -> Sequence[Path]:
        return (site.paths.data(self.name),)


def _schema(name: str) -> str:
    from keryx.core.render import HEADER

    folder = importlib.resources.files("keryx.directory") / "schema"
    return f"# {HEADER}\n" + (folder / f"{name}.ldif").read_text()


def _unique(site: Site) -> str:
    wanted = site.settings.directory
    classes = f"(|(objectClass={wanted.account_object_class})(objectClass={wanted.alias_object_class}))"
    return f"ldap:///{site.directory.root_dn}?mail,mailAlias?sub?{classes}"


def _answers(site: Site) -> bool:
    """Whether a slapd of this home runs."""
    try:
        network.connect(network.Endpoint(site.paths.run("openldap") / "ldapi"), timeout=2).close()
    except errors.NotReady:
        return False
    return True
