"""What SOGo's templates print: computed once, named plainly."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from keryx.components.sogod.qualifier import qualifier
from keryx.components.sogod.settings import SogoSettings
from keryx.core.network import Endpoint
from keryx.core.secret import Secret
from keryx.settings.model import SiteSettings
from keryx.settings.site import DatabaseAccess, Site

TABLES = {
    "SOGoProfileURL": "sogo_user_profile",
    "OCSFolderInfoURL": "sogo_folder_info",
    "OCSSessionsFolderURL": "sogo_sessions_folder",
    "OCSEMailAlarmsFolderURL": "sogo_alarms_folder",
    "OCSStoreURL": "sogo_store",
    "OCSAclURL": "sogo_acl",
    "OCSCacheFolderURL": "sogo_cache_folder",
    "OCSAdminURL": "sogo_admin",
    "OCSOpenIdURL": "sogo_openid",
}
"""Every table that SOGo may keep. The URLs of the store, the rights and the cache put all people in
one table each, in place of three tables for every calendar and address book."""

DAYS = {"Sunday": 0, "Monday": 1, "Saturday": 6}
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Pool:
    """A sogod: who it is for, and how many of its workers there are."""

    name: str
    """The component."""
    endpoint: Endpoint
    workers: int
    memory_limit_mb: int
    trusting: bool = False
    """Whether it believes the gateway who somebody is. SOGo then takes the name of any Authorization
    header for granted, whatever the password: only for requests whose header the gateway has set."""
    pages: bool = False
    """Whether it serves pages to browsers."""
    ping_seconds: int = 10
    sync_seconds: int = 30
    """Longest waits of ActiveSync. These two are SOGo's own."""
    check_seconds: int = 10
    """How often ActiveSync looks for news while a phone waits."""


@dataclass(frozen=True)
class View:
    """SOGo's settings together with what follows from the site."""

    site: Site
    pool: Pool

    @property
    def settings(self) -> SogoSettings:
        """The section ``sogo``."""
        return self.site.section(SogoSettings)

    @property
    def shared(self) -> SiteSettings:
        """The top level of keryx.yaml."""
        return self.site.settings

    @property
    def request_minutes(self) -> int:
        """Minutes after which a request counts as stuck."""
        return max(10, max(self.pool.ping_seconds, self.pool.sync_seconds) // 60 + 5)

    # --- places ---

    @property
    def etc(self) -> Path:
        """The folder of made files; GNUstep's defaults folder."""
        return self.site.paths.etc(self.pool.name)

    @property
    def run(self) -> Path:
        """The process identifier."""
        return self.site.paths.run(self.pool.name)

    @property
    def spool(self) -> Path:
        """Attachments of messages that are being written."""
        return self.site.paths.data(self.pool.name) / "spool"

    # --- database ---

    @property
    def database(self) -> DatabaseAccess:
        """SOGo's database."""
        return self.site.database("sogo")

    @property
    def tables(self) -> dict[str, str]:
        """URLs of the tables. They name user, database and table; the rest, the password above all, is
        libpq's matter (pg_service.conf)."""
        access = self.database
        user, name = (urllib.parse.quote(text, safe="") for text in (access.user, access.name))
        return {key: f"postgresql://{user}@/{name}/{table}" for key, table in TABLES.items()}

    @property
    def database_authority(self) -> Path | None:
        """Who vouches for the database's certificate; None where there is none to verify."""
        if not self.database.sslmode.startswith("verify-"):
            return None
        return self.database.ca or SYSTEM_AUTHORITIES

    # --- mail ---

    @property
    def imap(self) -> str:
        """Dovecot's IMAP as a URL."""
        return _url("imap", self.site.inside("imap"))

    @property
    def sieve(self) -> str | None:
        """Dovecot's ManageSieve as a URL; None where it is switched off."""
        return _url("sieve", self.site.inside("sieve")) if self.site.port("sieve") is not None else None

    @property
    def smtp(self) -> str:
        """Postfix's submission as a URL."""
        return _url("smtp", self.site.inside("submission"))

    @property
    def upload_kb(self) -> int:
        """Largest upload in KiB: the largest message."""
        return self.shared.message_size_limit_mb * 1024

    # --- directory ---

    @property
    def filter(self) -> str:
        """Accounts that may log in and be found: active ones that meet the administrator's filter."""
        wanted = self.shared.directory
        text = f"(objectClass={wanted.account_object_class})({wanted.attributes.active}=TRUE)"
        return qualifier(f"(&{text}{wanted.filters.account})")

    @property
    def directory_authority(self) -> Path | None:
        """Who vouches for the directory's certificate; None where it speaks without TLS."""
        directory = self.site.directory
        encrypted = directory.starttls or directory.uri.startswith("ldaps://")
        return (directory.ca or SYSTEM_AUTHORITIES) if encrypted else None

    @property
    def password_change(self) -> bool:
        """Whether people may change their password: where Keryx may write the directory. SOGo shows
        the form; the gateway sends it to Keryx, whose rules about passwords hold."""
        return self.site.directory_writable

    # --- secrets ---

    @property
    def encryption_key(self) -> Secret:
        """With what SOGo encrypts passwords of outside accounts that people entrust to it."""
        return self.site.secrets.get("sogo-encryption")

    # --- small things ---

    @property
    def listen(self) -> str:
        """Address and port of the HTTP server."""
        return str(self.pool.endpoint)

    @property
    def first_day(self) -> int:
        """First day of the week as SOGo counts: Sunday is 0."""
        return DAYS[self.settings.first_day_of_week]


def _url(scheme: str, endpoint: Endpoint) -> str:
    """Return an endpoint of this machine as SOGo wants it: with STARTTLS, always.

    SOGo would compare the certificate's name with an address of this machine, which it is not for.
    Nothing can stand between the two, so encryption is asked for and names are not compared.
    """
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{scheme}://{host}:{endpoint.port}/?tls=YES&tlsVerifyMode=none"


def text(value: object) -> str:
    """Return a value as a quoted string of a property list."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    # Characters beyond ASCII by their UTF-16 units: what GNUstep takes whatever the locale is.
    units = escaped.encode("utf-16-be")
    pairs = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return '"' + "".join(chr(unit) if unit < 128 else f"\\U{unit:04x}" for unit in pairs) + '"'


def yes(value: bool) -> str:
    """Return a truth value as GNUstep writes it."""
    return "YES" if value else "NO"
