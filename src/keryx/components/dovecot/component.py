"""The Dovecot component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from keryx.components.component import AS_ROOT, Command, Component, Listener, Platform, SystemUser
from keryx.components.dovecot import commands, drain
from keryx.components.dovecot.settings import DovecotSettings
from keryx.components.dovecot.view import LOGIN_PROCESSES, PROTOCOLS, USER, View, quoted
from keryx.core import errors, network, signing
from keryx.core.files import Directory, File
from keryx.core.network import Endpoint
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import AUDIENCE, Site

KINDS = ("ham", "spam")
"""What the filter can be taught that a message is."""
SCRIPTS = ("before/10-spam.sieve", "learn-ham.sieve", "learn-spam.sieve")


@dataclass(frozen=True)
class Lookup:
    """One way of asking the directory (Dovecot 2.3 keeps each in a file of its own)."""

    name: str
    purpose: str
    filter: str
    login: bool = False
    verified: bool = False
    """Of a login, whether somebody else has already verified who it is: then nobody binds."""
    base: str = ""
    """Where to look; empty for the accounts."""
    user: str = ""
    """What the user is called from here on; empty for the account's address."""


class Dovecot(Component):
    """The message store."""

    name = "dovecot"
    title = shown("mailboxes, IMAP, POP3, login")
    section = DovecotSettings
    capabilities: ClassVar[Mapping[str, str]] = {
        **AS_ROOT,
        "NET_BIND_SERVICE": "ports 110, 143, 993 and 995",
        "SYS_CHROOT": "its login processes are confined to an empty folder",
    }
    users = (SystemUser(USER),)
    # shutdown_clients = no keeps the sessions over a reload, but over the master's own end too.
    stop_group = True
    stop_seconds = 60

    def packages(self, platform: Platform) -> Sequence[str]:
        newer = platform.id == "debian" and platform.version.split(".")[0].isdigit()
        flatcurve = newer and int(platform.version.split(".")[0]) >= 13
        return (
            "dovecot-core",
            "dovecot-imapd",
            "dovecot-pop3d",
            "dovecot-lmtpd",
            "dovecot-managesieved",
            "dovecot-sieve",
            "dovecot-ldap",
            # These two verify the tokens of the web pages.
            "dovecot-auth-lua",
            "lua-luaossl",
            "dovecot-flatcurve" if flatcurve else "dovecot-fts-xapian",
            # Tells the filter what is moved into Junk and out of it.
            "curl",
        )

    def listeners(self, site: Site) -> Sequence[Listener]:
        names = [name for group in PROTOCOLS.values() for name in group]
        return [Listener(name, port) for name in names if (port := site.port(name)) is not None]

    def inner(self, site: Site) -> Sequence[Endpoint]:
        doors = [door for protocol in PROTOCOLS for door in View(site).doors(protocol)]
        return [Endpoint(host=door.address, port=door.port) for door in doors if door.address]

    def directories(self, site: Site) -> Sequence[Directory]:
        view = View(site)
        return (
            Directory(view.etc),
            Directory(view.sieve),
            Directory(view.sieve / "before"),
            Directory(view.sieve / "bin"),
            Directory(view.run),
            Directory(view.data),
            Directory(view.data / "state"),
            Directory(view.data / "shared", 0o700, USER, USER),
            Directory(view.mail, 0o700, USER, USER),
            Directory(site.paths.spool),
            Directory(site.paths.sockets),
        )

    def render(self, site: Site) -> Sequence[File]:
        view = View(site)
        package = __package__ or ""
        names = {
            "site": site,
            "view": view,
            "attributes": site.settings.directory.attributes,
            "quoted": quoted,
            "user": USER,
            "login_processes": LOGIN_PROCESSES,
        }
        files = [File(view.conf, render(package, f"dovecot-{view.dialect}.conf", **names))]
        files += _directory_files(site, view, names)
        if site.tokens:
            files.append(File(view.etc / "token.lua", render(package, "token.lua", **_token(site))))
        return [*files, *_store_files(site, view, names)] if view.store else files

    def watched(self, site: Site) -> Sequence[Path]:
        inner = site.inner_tls.files if site.placement else ()
        return tuple(dict.fromkeys((site.certificate, site.certificate_key, *inner)))

    def prepare(self, site: Site) -> None:
        """Compile the global Sieve scripts that changed: the mail processes may not write here."""
        view = View(site)
        commands.forget_dead_master(view.run / "master.pid")
        for script in SCRIPTS if view.store else ():
            commands.compile_sieve(view.conf, view.sieve / script)

    def validate(self, site: Site) -> None:
        commands.validate(View(site).conf)

    def command(self, site: Site) -> Command:
        return Command(("/usr/sbin/dovecot", "-F", "-c", str(View(site).conf)))

    def ready(self, site: Site) -> None:
        said = network.greeting(site.sasl)
        if not said.startswith("VERSION"):
            raise errors.NotReady(f"{site.sasl} greets with {said[:60]!r}, not with VERSION.")
        if not View(site).store:
            return
        for name in ("imap", "imaps", "pop3", "pop3s", "sieve"):
            self._greets(site, name)
        said = network.greeting(site.lmtp)
        if not said.startswith("220 "):
            raise errors.NotReady(f"{site.lmtp} greets with {said[:60]!r}, not with 220.")
        answer = network.exchange(site.quota_policy, b"request=smtpd_access_policy\n\n")
        if not answer.startswith(b"action="):
            raise errors.NotReady(f"{site.quota_policy} answers {answer[:60]!r}, not with an action.")

    def _greets(self, site: Site, name: str) -> None:
        if site.placement is None and site.port(name) is None and not name.startswith("imap"):
            return
        wanted = {"imap": "* OK", "pop3": "+OK", "sieve": '"IMPLEMENTATION"'}[name.removesuffix("s")]
        endpoint: Endpoint = site.inside(name)
        tls = network.unverified_tls() if name.endswith("s") else None
        said = network.greeting(endpoint, tls=tls)
        if not said.startswith(wanted):
            raise errors.NotReady(f"{endpoint} ({name}) greets with {said[:60]!r}, not with {wanted}.")

    def reload(self, site: Site, changed: Sequence[Path]) -> bool:
        """Sessions go on under the old settings; new ones get the new, on the new ports."""
        commands.reload(site)
        return True

    def drain(self, site: Site, seconds: float) -> None:
        drain.drain(site, seconds)

    def backup_paths(self, site: Site) -> Sequence[Path]:
        view = View(site)
        return (view.mail, view.data / "shared")


def _store_files(site: Site, view: View, names: dict[str, object]) -> Sequence[File]:
    """What runs beside deliveries and sessions: Sieve scripts, and the programs that they start."""

    def made(path: Path, template: str, mode: int = 0o644, **more: object) -> File:
        return File(path, render(__package__ or "", template, **names, **more), mode)

    files = [made(view.sieve / script, Path(script).name) for script in SCRIPTS]
    files += [made(view.sieve / "bin" / f"learn-{kind}.sh", "learn.sh", 0o755, kind=kind) for kind in KINDS]
    files.append(made(view.etc / "quota-warning.sh", "quota-warning.sh", 0o755))
    if site.activesync_enabled:
        files.append(made(view.etc / "welcome.sh", "welcome.sh", 0o755))
    if view.controller_header:
        text = f"Password: {site.secrets.get('rspamd-controller').reveal()}\n"
        files.append(File(view.controller_header, text, 0o640, "root", USER, secret=True))
    return files


def _token(site: Site) -> dict[str, object]:
    """What decides which tokens are taken in place of passwords."""
    return {
        "public_key": site.token_public,
        "token_header": signing.HEADER,
        "audience": AUDIENCE.replace("-", "%-"),
    }


def _directory_files(site: Site, view: View, names: dict[str, object]) -> Sequence[File]:
    """How to ask the directory: a file for each lookup with 2.3, only the password with 2.4."""
    if view.dialect == "2.4":
        # Dovecot takes the file as it is, so it ends without a newline.
        return [File(view.password, site.reader_password.reveal(), 0o600, secret=True)]
    package = __package__ or ""
    return [
        File(view.etc / "ldaprc", render(package, "ldaprc", **names)),
        *(
            File(
                view.etc / f"ldap-{lookup.name}.conf",
                render(package, "ldap-2.3.conf", lookup=lookup, **names),
                0o640,
                "root",
                "dovecot",
                secret=True,
            )
            for lookup in _lookups(view)
        ),
    ]


def _lookups(view: View) -> Sequence[Lookup]:
    return (
        Lookup("login", "Logins: one search by the account's address, one bind.", view.login_filter, True),
        *(
            [Lookup("token", "Logins whose token is verified.", view.login_filter, True, verified=True)]
            if view.site.tokens
            else []
        ),
        Lookup("user", "Delivery, quota, the filter: an account by its address or alias.", view.user_filter),
        Lookup(
            "alias-domain",
            "An address of an alias domain is the same address of its target, which is looked up next.",
            view.alias_domain_filter,
            base=view.site.directory.domain_base,
            user=f"%Ln@%L{{ldap:{view.site.settings.directory.domain_attribute}}}",
        ),
        # In a file of its own: what is remembered of one lookup is told by its file.
        Lookup("alias-domain-user", "The account of an address of an alias domain.", view.user_filter),
        Lookup(
            "administration",
            "doveadm: inactive accounts too, their mailboxes need care as well.",
            view.administration_filter,
        ),
    )
