"""What Roundcube's templates print, computed from the site."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from keryx.components.roundcube.settings import RoundcubeSettings
from keryx.core.network import Endpoint
from keryx.settings.directory import Attributes
from keryx.settings.site import Site, Version

USER = "keryx-webmail"
"""Who runs PHP: nobody else's files are readable for it, and nothing of the suite writable."""
PACKAGED = Path("/usr/share/roundcube")
INSTALLED = Path("/var/lib/roundcube")
"""The package's tree of links: INSTALL_PATH; its ``public_html`` is what the gateway shows."""
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
IMAP_NAME = "mailbox"
"""What Roundcube calls our IMAP server, in its database too."""
OWN_PLUGINS = ("keryx_signin", "keryx_directory")
EXTENSIONS = (
    *("ctype", "fileinfo", "iconv", "pdo", "pdo_pgsql", "posix", "tokenizer"),
    *("xml", "dom", "simplexml", "xmlreader", "xmlwriter"),
    *("exif", "gd", "intl", "ldap", "mbstring", "zip"),
)
"""Loaded by name and not by what lies in /etc/php, which belongs to whatever else runs PHP here.
Those that others build on come first."""
DISABLED = (
    *("exec", "passthru", "shell_exec", "system", "proc_open", "proc_close", "proc_nice", "proc_terminate"),
    *("popen", "pclose", "pcntl_exec", "pcntl_fork", "dl", "link", "symlink", "mail", "show_source"),
    *("highlight_file", "phpinfo", "posix_kill", "posix_setuid", "posix_setgid", "apache_setenv"),
)
"""Functions that Roundcube does without and an intruder would not."""


def php(value: object) -> str:
    """Return a value as a PHP literal: strings, numbers, booleans, None, sequences, mappings."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return "[" + ", ".join(f"{php(key)} => {php(item)}" for key, item in value.items()) + "]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(php(item) for item in value) + "]"
    text = str.__str__(value) if isinstance(value, str) else str(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True)
class View:
    """The site as Roundcube needs it."""

    site: Site

    @property
    def settings(self) -> RoundcubeSettings:
        """Its own section."""
        return self.site.section(RoundcubeSettings)

    # --- places ---

    @property
    def etc(self) -> Path:
        """Its configuration."""
        return self.site.paths.etc("roundcube")

    @property
    def config(self) -> Path:
        """What Roundcube itself reads instead of /etc/roundcube."""
        return self.etc / "config"

    @property
    def plugins(self) -> Path:
        """The plugins that are on."""
        return self.etc / "plugins"

    @property
    def run(self) -> Path:
        """Its socket."""
        return self.site.paths.run("roundcube")

    @property
    def temporary(self) -> Path:
        """Uploads, messages being written."""
        return self.site.paths.data("roundcube") / "temp"

    @property
    def pid_file(self) -> Path:
        """The number of the pool's master process."""
        return self.run / "fpm.pid"

    @property
    def shown_certificate(self) -> Path:
        """A copy of the administrator's certificate, whose own place PHP may not read."""
        return self.etc / "certificate.pem"

    @property
    def open_folders(self) -> Sequence[Path]:
        """All that PHP may open, what is opened most often first: every file is looked for in one
        after the other, at some cost. /usr/share holds packages' files and no secrets."""
        return (
            *(Path("/usr/share"), INSTALLED, self.etc, self.temporary),
            *(() if self.pinned else (self.authority,)),
            Path("/etc/mime.types"),
            *(Path("/etc/roundcube/defaults.inc.php"), Path("/etc/roundcube/mimetypes.php")),
        )

    # --- PHP ---

    @property
    def php_version(self) -> Version:
        """The installed PHP."""
        return self.site.version("php-fpm", (8, 2))[:2]

    @property
    def program(self) -> str:
        """The pool's program."""
        major, minor = self.php_version
        return f"/usr/sbin/php-fpm{major}.{minor}"

    @property
    def upload_mb(self) -> int:
        """Largest file in MiB; what fits into no message need not be taken."""
        return self.site.settings.message_size_limit_mb

    # --- database ---

    @property
    def database_address(self) -> str:
        """The database as Roundcube names it: ``pgsql://user:password@where/name``."""
        access = self.site.database("roundcube")
        quote = urllib.parse.quote
        login = f"{quote(access.user, safe='')}:{quote(access.password.reveal(), safe='')}"
        if access.embedded:
            return f"pgsql://{login}@unix({quote(access.host, safe='/')}:{access.port})/{access.name}"
        options = f"?sslmode={access.sslmode}"
        if access.sslmode.startswith("verify"):
            options += f"&sslrootcert={quote(str(access.ca or SYSTEM_AUTHORITIES), safe='')}"
        return f"pgsql://{login}@tcp({access.host}:{access.port})/{access.name}{options}"

    @property
    def pgpass(self) -> str:
        """The database's password as libpq's password file wants it."""
        password = self.site.database("roundcube").password.reveal()
        return password.replace("\\", "\\\\").replace(":", "\\:")

    # --- mail ---

    @property
    def imap(self) -> str:
        """IMAP, under a name that never changes: Roundcube knows people by user and server name, so
        that another address of the server would take their contacts and preferences from them."""
        return f"tls://{IMAP_NAME}:{self.site.inside('imap').port}"

    @property
    def imap_address(self) -> str:
        """Where IMAP really is: the plugin ``keryx_signin`` puts it in the name's place."""
        return _host(self.site.inside("imap"))

    @property
    def submission(self) -> str:
        """Submission: the port that is open."""
        if self.site.port("submission") is None and self.site.port("submissions") is not None:
            return f"ssl://{_bracketed(self.site.inside('submissions'))}"
        return _with_starttls(self.site.inside("submission"))

    @property
    def sieve(self) -> str | None:
        """ManageSieve; None where it is switched off."""
        return _with_starttls(self.site.inside("sieve")) if self.site.port("sieve") is not None else None

    @property
    def pinned(self) -> bool:
        """Whether the servers must show exactly the administrator's certificate.

        It may come from an authority that this machine does not know, and nobody but this very
        suite is talked to: its certificate itself is the strictest test. Keryx's own authority is
        known, so that a certificate it signs anew is trusted at once.
        """
        return self.site.settings.tls.certificate is not None

    @property
    def authority(self) -> Path:
        """Keryx's own certificate authority; in a cluster several, see ``authorities``."""
        return self.site.paths.authority if self.site.placement is None else self.etc / "authorities.pem"

    @property
    def authorities(self) -> Sequence[Path]:
        """In a cluster, who may vouch for the other pods: the release's own authority, the system's, and
        that of a public certificate which comes with one. They may show either certificate."""
        if self.site.placement is None:
            return ()
        return (
            self.site.paths.authority,
            SYSTEM_AUTHORITIES,
            self.site.public_tls.certificate.with_name("ca.crt"),
        )

    # --- sign-in, password ---

    @property
    def session_minutes(self) -> int:
        """How long a session lives: as long as Keryx's own."""
        return 60 * self.site.settings.web.session_hours

    @property
    def service(self) -> str:
        """The gateway from inside, for Keryx's API."""
        return f"ssl://{_bracketed(self.site.inside('https'))}"

    @property
    def active_plugins(self) -> Sequence[str]:
        """Plugins in the order of loading; those whose service is off are left out."""
        missing = set()
        if self.sieve is None:
            missing.add("managesieve")
        if not self.site.directory_writable:
            missing.add("password")
        wanted = [name for name in self.settings.plugins if name not in missing]
        return [*OWN_PLUGINS, *dict.fromkeys(name for name in wanted if name not in OWN_PLUGINS)]

    # --- directory ---

    @property
    def directory_hosts(self) -> Sequence[str]:
        """The directory's servers as Roundcube names them. Its LDAP library knows no Unix socket."""
        wanted = self.site.settings.directory
        if wanted.embedded:
            return (f"ldap://127.0.0.1:{self.site.ldap_port}",)
        uris = wanted.uri.split()
        return tuple(uri.replace("ldap://", "tls://", 1) if wanted.starttls else uri for uri in uris)

    @property
    def directory_authority(self) -> Path:
        """Who vouches for the directory's certificate."""
        return self.site.directory.ca or SYSTEM_AUTHORITIES

    @property
    def account_filter(self) -> str:
        """Accounts that there are."""
        wanted = self.site.settings.directory
        conditions = f"(objectClass={wanted.account_object_class})({self.names.active}=TRUE)"
        return f"(&{conditions}{wanted.filters.account})"

    @property
    def people_filter(self) -> str:
        """Accounts of the address book: those that may be written to."""
        return f"(&{self.account_filter}(!({self.names.send_only}=TRUE)))"

    @property
    def names(self) -> Attributes:
        """What the directory calls things."""
        return self.site.settings.directory.attributes


def _with_starttls(endpoint: Endpoint) -> str:
    return f"tls://{_bracketed(endpoint)}"


def _bracketed(endpoint: Endpoint) -> str:
    return f"{_host(endpoint)}:{endpoint.port}"


def _host(endpoint: Endpoint) -> str:
    return f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
