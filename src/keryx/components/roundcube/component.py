"""The Roundcube component."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from keryx.components.component import Command, Component, Platform, SystemUser
from keryx.components.roundcube import commands, fastcgi, schema
from keryx.components.roundcube.settings import RoundcubeSettings
from keryx.components.roundcube.view import (
    DISABLED,
    EXTENSIONS,
    OWN_PLUGINS,
    PACKAGED,
    SYSTEM_AUTHORITIES,
    USER,
    View,
    php,
)
from keryx.core import errors, files
from keryx.core.files import Directory, File
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import GATEWAY, Site

PHP = {("debian", "13"): "8.4", ("ubuntu", "24.04"): "8.3"}
PING = {"SCRIPT_NAME": "/ping", "SCRIPT_FILENAME": "/ping", "REQUEST_METHOD": "GET"}


class Roundcube(Component):
    """The webmail beside SOGo, or instead of it."""

    name = "roundcube"
    title = shown("webmail Roundcube")
    section = RoundcubeSettings
    users = (SystemUser(USER), SystemUser(GATEWAY))
    databases = ("roundcube",)
    # The requests at work are answered first.
    stop_signal = "QUIT"

    def packages(self, platform: Platform) -> Sequence[str]:
        version = PHP.get((platform.id, platform.version), "8.2")
        return (
            # php-fpm tells which PHP is this system's; the other name brings its security updates.
            "php-fpm",
            f"php{version}-fpm",
            *(f"php{version}-{name}" for name in ("gd", "ldap", "zip")),
            "php-net-ldap3",
            "postgresql-client",
            "roundcube-core",
            "roundcube-pgsql",
            "roundcube-plugins",
        )

    def enabled(self, site: Site) -> bool:
        return site.roundcube_enabled

    def directories(self, site: Site) -> Sequence[Directory]:
        view = View(site)
        return (
            Directory(view.etc),
            Directory(view.config, 0o750, "root", USER),
            Directory(view.plugins),
            # Its group is handed on to the socket.
            Directory(view.run, 0o2750, USER, GATEWAY),
            Directory(view.temporary.parent, 0o700, USER, USER),
            Directory(view.temporary, 0o700, USER, USER),
        )

    def render(self, site: Site) -> Sequence[File]:
        view = View(site)
        names = {
            "site": site,
            "view": view,
            "php": php,
            "extensions": EXTENSIONS,
            "disabled": DISABLED,
            "key": site.secrets.get("roundcube-key").reveal(),
        }

        def text(template: str) -> str:
            return render(__package__ or "", template, **names)

        own = [File(view.plugins / name / f"{name}.php", text(f"{name}.php")) for name in OWN_PLUGINS]
        if "password" in view.active_plugins:
            own.append(File(view.plugins / "password" / "drivers" / "keryx.php", text("keryx.php")))
        return (
            File(view.etc / "php-fpm.conf", text("php-fpm.conf")),
            File(view.etc / "php.ini", text("php.ini")),
            File(view.etc / "prepend.php", text("prepend.php")),
            File(view.etc / "pgpass", text("pgpass"), 0o600, secret=True),
            File(view.config / "config.inc.php", text("config.inc.php"), 0o640, "root", USER, secret=True),
            File(view.config / "defaults.inc.php", text("defaults.inc.php")),
            File(view.config / "mimetypes.php", text("mimetypes.php")),
            *own,
        )

    def watched(self, site: Site) -> Sequence[Path]:
        view = View(site)
        return (site.certificate,) if view.pinned else view.authorities

    def prepare(self, site: Site) -> None:
        view = View(site)
        _link_plugins(view)
        if view.pinned:
            files.write(view.shown_certificate, site.certificate.read_bytes(), mode=0o644)
        else:
            view.shown_certificate.unlink(missing_ok=True)
        if view.authorities:
            known = [path.read_text().rstrip("\n") for path in view.authorities if path.exists()]
            files.write(view.authority, "\n".join(known) + "\n")
        access = site.database("roundcube")
        database = commands.Database(access, view.etc / "pgpass", SYSTEM_AUTHORITIES)
        schema.ensure(database, PACKAGED / "SQL")

    def validate(self, site: Site) -> None:
        view = View(site)
        interpreter = "php{}.{}".format(*view.php_version)
        for file in self.render(site):
            if file.path.suffix == ".php":
                commands.check_php(interpreter, file.path)
        commands.check_pool(view.program, view.etc / "php-fpm.conf", view.etc / "php.ini", USER)

    def command(self, site: Site) -> Command:
        view = View(site)
        options = ("-F", "-O", "-y", str(view.etc / "php-fpm.conf"), "-c", str(view.etc / "php.ini"))
        return Command((view.program, *options), user=USER, env={"PHP_INI_SCAN_DIR": ""})

    def ready(self, site: Site) -> None:
        answer = fastcgi.ask(site.roundcube, PING)
        if answer.body != b"pong":
            raise errors.NotReady(f"{site.roundcube} answers {answer.body[:60]!r}, not pong.")

    def reload(self, site: Site, changed: Sequence[Path]) -> bool:
        if site.paths.etc(self.name) / "command" in changed:
            return False
        return commands.reload_pool(View(site).pid_file)


def _link_plugins(view: View) -> None:
    """Make the folder of plugins: ours, and the package's by links, without their configuration in
    /etc; raises BadInput naming a plugin that is not there.

    All of them are there, since some need others; on are those that config.inc.php names.
    """
    packaged = {path.name: path for path in (PACKAGED / "plugins").iterdir() if path.is_dir()}
    for name in view.active_plugins:
        if name not in packaged and name not in OWN_PLUGINS:
            raise errors.BadInput(
                f'roundcube.plugins: there is no plugin "{name}" in {PACKAGED / "plugins"}.',
                remedy="Correct the name, or install the Debian package that brings it.",
            )
    for folder in view.plugins.iterdir():
        if folder.name not in packaged and folder.name not in OWN_PLUGINS:
            shutil.rmtree(folder)
    for name, source in packaged.items():
        _link(source, view.plugins / name)


def _link(packaged: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    wanted = {path.name: path for path in packaged.iterdir() if path.name != "config.inc.php"}
    for link in folder.iterdir():
        if link.is_symlink() and wanted.get(link.name) != link.readlink():
            link.unlink()
    for name, path in wanted.items():
        # What is no link is ours: the password plugin's drivers.
        if not (folder / name).exists():
            (folder / name).symlink_to(path)
