"""A site: the settings together with what their text cannot know.

Everything a component's ``render`` may look at is here, so that rendering is the same on a
machine, in a container and in a test.
"""

from __future__ import annotations

import functools
import ssl
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from keryx.core import signing
from keryx.core.network import Credentials, Endpoint
from keryx.core.secret import Secret, SecretStore
from keryx.settings.model import SiteSettings
from keryx.settings.placement import Placement
from keryx.settings.ports import INNER, OF_MAILBOXES, STANDARD, inner
from keryx.settings.section import Section

SectionT = TypeVar("SectionT", bound=Section)

GATEWAY = "keryx-web"
"""The gateway's user and group. Sockets that the gateway must reach belong to this group; a
component that makes one declares ``SystemUser(GATEWAY)``."""

PODS_DOOR = "PODS"
"""What Postfix tells the filter of mail that another pod handed in (the milter macro daemon_name)."""

SOGO_RESOURCES = Path("/usr/share/GNUstep/SOGo/WebServerResources")
"""SOGo's style sheets, scripts and pictures, served by the gateway below
``/SOGo.woa/WebServerResources/`` and ``/SOGo/WebServerResources/``; nothing of them is copied."""

SIGNING_KEY = "webmail-token.key"
"""The secret that signs tokens, by name."""
VERIFYING_CERTIFICATE = "webmail-token.crt"
"""In a cluster, the certificate of that key, by name."""
AUDIENCE = "keryx-webmail"
"""For whom these tokens are (``aud``, RFC 7519, section 4.1.3)."""

WORKS_AT = {
    "smtp": "postfix",
    "submission": "postfix",
    "submissions": "postfix",
    "http": "nginx",
    "https": "nginx",
}
"""Which component opens a public port; all others are Dovecot's."""

Version = tuple[int, ...]


@dataclass(frozen=True)
class Paths:
    """Where a home keeps what. Socket paths must stay under 108 bytes (unix(7))."""

    home: Path

    def etc(self, component: str) -> Path:
        """The component's rendered configuration."""
        return self.home / "etc" / component

    def run(self, component: str) -> Path:
        """The component's sockets and process identifiers."""
        return self.home / "run" / component

    def data(self, component: str) -> Path:
        """What the component must keep."""
        return self.home / "data" / component

    @property
    def dumps(self) -> Path:
        """What ``keryx dump`` writes, and a start without data reads."""
        return self.home / "dump"

    def log(self, component: str) -> Path:
        """What the component said, written and rotated by the supervisor."""
        return self.home / "log" / f"{component}.log"

    @property
    def state(self) -> Path:
        """What Keryx remembers of the machine: digests of what a daemon last started with."""
        return self.home / "state"

    @property
    def directory_lock(self) -> Path:
        """Held while the directory is changed. Root's, and readable by the web process: to hold a
        lock on a file (flock(2)) it need not be writable."""
        return self.home / "run" / "directory.lock"

    @property
    def secrets(self) -> Path:
        """Passwords, mode 0600."""
        return self.home / "secrets"

    @property
    def tls(self) -> Path:
        """The private certificate authority and the certificate it signed."""
        return self.home / "tls"

    @property
    def authority(self) -> Path:
        """Who vouches for our own certificates (PEM)."""
        return self.tls / "ca.pem"

    @property
    def spool(self) -> Path:
        """Postfix's queue directory; its network daemons are confined to it (chroot)."""
        return self.data("postfix") / "spool"

    @property
    def sockets(self) -> Path:
        """Sockets that Postfix's confined daemons must reach, so they stand inside the spool."""
        return self.spool / "sockets"

    def way(self, door: str) -> Path:
        """The socket at this pod's end of the way through a door of another pod; nginx makes it."""
        return self.run("nginx") / "doors" / f"{door}.sock"

    @property
    def dkim(self) -> Path:
        """DKIM private keys."""
        return self.home / "data" / "dkim"


@dataclass(frozen=True)
class DirectoryAccess:
    """How to reach the directory, resolved: full names, full URIs."""

    uri: str
    starttls: bool
    ca: Path | None
    root_dn: str
    domain_base: str
    user_base: str
    alias_base: str
    bind_dn: str
    admin_dn: str


@dataclass(frozen=True)
class DatabaseAccess:
    """How to reach one PostgreSQL database, resolved."""

    host: str
    """Host name, or the folder of the Unix socket."""
    port: int
    name: str
    user: str
    password: Secret
    sslmode: str
    ca: Path | None

    @property
    def embedded(self) -> bool:
        """Whether it is reached over the Unix socket of our own server."""
        return self.host.startswith("/")


@dataclass(frozen=True)
class KeyPair:
    """A certificate with its chain, and its private key (PEM)."""

    certificate: Path
    key: Path

    @property
    def files(self) -> tuple[Path, Path]:
        """Both, to be watched."""
        return self.certificate, self.key

    def fits(self) -> bool:
        """Whether both are there and the key belongs to the certificate."""
        try:
            # The password keeps OpenSSL from asking a terminal for one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self.files, password="")
        except (OSError, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Site:
    """The settings, the home, the secrets and the versions of the installed daemons."""

    settings: SiteSettings
    paths: Paths
    secrets: SecretStore
    versions: Mapping[str, Version] = field(default_factory=dict)
    """Installed version by Debian package name, such as {"postfix": (3, 7, 11)}. Components
    choose their dialect by it and assume Debian 12's when a package is missing."""
    placement: Placement | None = None
    """Which pods there are in a cluster, and which one this is; None on a machine."""

    def section(self, kind: type[SectionT]) -> SectionT:
        """Return a component's own section of the settings."""
        return cast(SectionT, getattr(self.settings, kind.section_name))

    def version(self, package: str, default: Version) -> Version:
        """Return the installed version of a Debian package."""
        return self.versions.get(package, default)

    # --- ports ---

    def port(self, name: str) -> int | None:
        """Return the public port of a protocol with the offset, or None when it is off."""
        port = getattr(self.settings.ports, name)
        if not port.enabled or (name in OF_MAILBOXES and not self.settings.mailboxes):
            return None
        return cast(int, (port.number or STANDARD[name]) + self.settings.port_offset)

    def speaks_proxy(self, name: str) -> bool:
        """Whether clients of this port must send a PROXY protocol header."""
        return cast(bool, getattr(self.settings.ports, name).proxy_protocol)

    def loopback_port(self, number: int) -> int:
        """Return an internal TCP port, reachable from this machine only, with the offset."""
        return inner(number, self.settings.port_offset)

    # --- pods ---

    def works_here(self, component: str) -> bool:
        """Whether the component does its work here: on a machine all do, in a pod its own ones;
        others may be beside them as helpers."""
        return self.placement is None or self.placement.works_here(component)

    def door(self, component: str, service: str = "") -> Endpoint | None:
        """Return the TCP port that a component has to open for other pods, at every address; None
        on a machine, and in a pod where it only helps its neighbours."""
        if self.placement is None or not self.works_here(component):
            return None
        return Endpoint(host="", port=self.loopback_port(INNER[service or component]))

    def _at(self, component: str, socket: Path, service: str = "") -> Endpoint:
        """Return where a component is reached: at its socket where it works, else at its pod's port."""
        if self.placement is None or self.works_here(component):
            return Endpoint(socket)
        port = self.loopback_port(INNER[service or component])
        return Endpoint(host=self.placement.host(component), port=port)

    def _behind_door(self, name: str, component: str, inside: Endpoint) -> Endpoint:
        """Return where a service is reached that has a door (``settings.doors``): itself where it
        works, else this pod's end of the way there."""
        if self.placement is None or self.placement.works_here(component):
            return inside
        return Endpoint(self.paths.way(name))

    def door_to_root(self, place: str, *, root: bool) -> Endpoint | None:
        """Return through which door a function with that place (``core.privileged``) is called.

        Places are ``store``, with the mail, and ``queue``, with Postfix; on a machine all is one. None
        where the caller can run it himself: root at the place, and anybody in a cluster when it has none.
        """
        if self.placement is None:
            return None if root else self.privileged
        # Without mailboxes the only Dovecot that remembers a login is the one beside Postfix.
        store = "dovecot" if self.settings.mailboxes else "postfix"
        component = {"store": store, "queue": "postfix"}.get(place)
        if component is None or (root and self.works_here(component)):
            return None
        if self.works_here(component):
            return self.privileged
        own = Credentials(self.inner_tls.certificate, self.inner_tls.key, self.paths.authority)
        return Endpoint(
            host=self.placement.host(component), port=self.loopback_port(INNER[place]), credentials=own
        )

    @property
    def reach(self) -> str:
        """An address at which this machine reaches its own public ports."""
        for address in self.settings.bind:
            if not address.is_unspecified:
                return str(address)
        return "127.0.0.1"

    # --- endpoints between components; Unix sockets on a machine ---

    @property
    def lmtp(self) -> Endpoint:
        """Dovecot's LMTP, where Postfix delivers."""
        return self._at("dovecot", self.paths.sockets / "lmtp", "lmtp")

    @property
    def sasl(self) -> Endpoint:
        """Dovecot's authentication for Postfix (SASL)."""
        return Endpoint(self.paths.sockets / "auth")

    @property
    def quota_policy(self) -> Endpoint:
        """Dovecot's quota-status policy service, asked at RCPT."""
        return self._at("dovecot", self.paths.sockets / "quota-status", "quota-status")

    @property
    def userdb(self) -> Endpoint:
        """Dovecot's user lookups (auth-userdb), asked by the filter whose address a From is."""
        return Endpoint(self.paths.run("dovecot") / "keryx-userdb")

    def inside(self, name: str) -> Endpoint:
        """Where this machine's own programs reach a protocol without a PROXY header: the public
        port, or a loopback port beside it when the public one is for load balancers or off. Pods
        have a port of their own for each other."""
        if self.placement is not None:
            component = WORKS_AT.get(name, "dovecot")
            if name == "smtp" and self.works_here(component):
                # The port for other pods wants a certificate.
                return self.internal_smtp
            host = "127.0.0.1" if self.works_here(component) else self.placement.host(component)
            return Endpoint(host=host, port=self.loopback_port(INNER.get(name, STANDARD[name] + 11000)))
        port = self.port(name)
        if port is not None and not self.speaks_proxy(name):
            return Endpoint(host=self.reach, port=port)
        postfix = {"smtp": self.internal_smtp, "submission": self.internal_submission}
        other = Endpoint(host="127.0.0.1", port=self.loopback_port(STANDARD[name] + 11000))
        return postfix.get(name, other)

    @property
    def milter(self) -> Endpoint:
        """Rspamd's milter. A Unix socket: over TCP every message stalls for 40 ms."""
        return Endpoint(self.paths.sockets / "milter")

    @property
    def scan(self) -> Endpoint | None:
        """Where the milter beside Postfix has messages scanned, in another pod; None when it scans
        itself."""
        if self.placement is None or self.works_here("rspamd"):
            return None
        return Endpoint(host=self.placement.host("rspamd"), port=self.loopback_port(INNER["scan"]))

    @property
    def spam_settings(self) -> Path:
        """What users have set for themselves about spam, for the filter: a map that it watches."""
        return self.paths.data("rspamd-users") / "settings"

    @property
    def rspamd_controller(self) -> Endpoint:
        """Rspamd's controller: learning, statistics."""
        return self._at("rspamd", self.paths.run("rspamd") / "controller.sock", "controller")

    @property
    def redis_password(self) -> Secret | None:
        """What Redis asks for where other pods reach it; nothing on a machine."""
        return self.secrets.get("redis") if self.placement else None

    @property
    def redis(self) -> Endpoint:
        """The Redis protocol server of the filter."""
        return self._at("redis", self.paths.run("redis") / "redis.sock")

    # --- the web side ---

    @property
    def sogo_enabled(self) -> bool:
        """Whether people find SOGo."""
        return self.settings.webmail in ("sogo", "both")

    @property
    def roundcube_enabled(self) -> bool:
        """Whether people find Roundcube."""
        return self.settings.webmail in ("roundcube", "both")

    @property
    def memcached(self) -> Endpoint:
        """SOGo's cache and sessions."""
        if door := self.door("memcached"):
            # It has either a port or a socket.
            return Endpoint(host="127.0.0.1", port=door.port)
        return self._at("memcached", self.paths.run("memcached") / "memcached.sock")

    @property
    def sogo(self) -> Endpoint:
        """SOGo's workers for browsers (HTTP). They believe the gateway who is signed in, and whoever
        else reaches them: no request may get there that has an Authorization header of a client's."""
        return self._behind_door("sogo", "sogo", Endpoint(host="127.0.0.1", port=self.loopback_port(20000)))

    @property
    def dav(self) -> Endpoint:
        """SOGo's workers for calendar and contact programs, which ask for the password (HTTP)."""
        return self._behind_door("dav", "dav", Endpoint(host="127.0.0.1", port=self.loopback_port(20002)))

    @property
    def activesync(self) -> Endpoint:
        """SOGo's workers for ActiveSync, apart: each waiting phone holds one (HTTP)."""
        return self._behind_door(
            "activesync", "activesync", Endpoint(host="127.0.0.1", port=self.loopback_port(20001))
        )

    @property
    def activesync_enabled(self) -> bool:
        """Whether phones find ActiveSync: it comes with SOGo unless ``activesync.enabled`` is false."""
        wanted = getattr(getattr(self.settings, "activesync", None), "enabled", True)
        return self.sogo_enabled and bool(wanted)

    @property
    def activesync_wait(self) -> int:
        """Longest time, in seconds, that ActiveSync lets a phone wait for news before it answers: a
        proxy in front must wait longer."""
        section = getattr(self.settings, "activesync", None)
        return max(getattr(section, "ping_seconds", 354), getattr(section, "sync_seconds", 354))

    @property
    def sogo_logo(self) -> Path | None:
        """The picture shown in place of ``img/sogo-full.svg`` of SOGo's resources; None for SOGo's."""
        return cast("Path | None", getattr(getattr(self.settings, "sogo", None), "logo", None))

    @property
    def tokens(self) -> bool:
        """Whether tokens of the web process are taken in place of passwords: for a webmail only."""
        return self.sogo_enabled or self.roundcube_enabled

    @property
    def token_key(self) -> Secret:
        """The private key (PEM) that signs the tokens with which who is signed in also gets into mail.

        For the web process alone; who removes its file ends all tokens at the next ``keryx up``.
        """
        return self.secrets.get(SIGNING_KEY, signing.make_key)

    @property
    def token_public(self) -> str:
        """The public key (PEM) that verifies these tokens. In a cluster it comes in a certificate of its
        own, so that who verifies need not have what signs."""
        if self.placement is None:
            return signing.public_half(self.token_key.reveal())
        return signing.of_certificate(self.secrets.get(VERIFYING_CERTIFICATE).reveal())

    @property
    def roundcube(self) -> Endpoint:
        """Roundcube's PHP workers (FastCGI)."""
        return self._behind_door("roundcube", "roundcube", Endpoint(self.paths.run("roundcube") / "fpm.sock"))

    @property
    def admin_web(self) -> Endpoint:
        """Keryx's own web process: sign-in, administration, API, client set-up (HTTP)."""
        return self._behind_door("admin", "admin", Endpoint(self.paths.run("admin") / "http.sock"))

    @property
    def privileged(self) -> Endpoint:
        """The door through which the web process has the few things done that need root."""
        return Endpoint(self.paths.run("privileged") / "door.sock")

    @property
    def rspamd_pages(self) -> Endpoint:
        """The filter's own pages, for the gateway: no password is asked here, so nobody but the
        gateway may open it, and the gateway asks who it is (HTTP)."""
        return self._behind_door("rspamd-pages", "rspamd", Endpoint(self.paths.run("rspamd") / "pages.sock"))

    def web_host(self, name: str) -> str:
        """Return the host name of ``webmail``, ``admin``, ``rspamd``, ``smtp`` or ``imap``."""
        return cast(str, getattr(self.settings.web, f"{name}_host") or self.settings.host)

    def web_url(self, name: str) -> str:
        """Return the root of ``webmail``, ``admin`` or ``rspamd`` as people reach it: a URL without a
        final slash, with the port where it is not the standard one."""
        return self._url(self.web_host(name))

    @property
    def base_url(self) -> str:
        """The root of the host name itself, where every page but the parts with own names is."""
        return self._url(self.settings.host)

    @property
    def https_port(self) -> int | None:
        """The port at which people reach HTTPS, which a proxy in front may have moved; None when off."""
        return self.settings.web.port or self.port("https")

    def _url(self, host: str) -> str:
        return f"https://{host}" + (f":{self.https_port}" if self.https_port not in (None, 443) else "")

    @property
    def host_names(self) -> tuple[str, ...]:
        """Every name under which clients of the first domain reach this machine, the host name first:
        what a certificate should be for."""
        names = [self.settings.host]
        if self.https_port is not None:
            names += [self.web_host(name) for name in ("webmail", "admin", "rspamd")]
            names += [f"{name}.{self.settings.domain}" for name in ("autoconfig", "autodiscover", "mta-sts")]
        names += [self.web_host(name) for name in ("smtp", "imap")]
        return tuple(dict.fromkeys(names))

    @property
    def database_port(self) -> int:
        """The embedded server's port, which names its Unix socket too."""
        door = self.door("postgresql")
        return door.port if door else INNER["postgresql"]

    def database(self, name: str) -> DatabaseAccess:
        """Return how to reach the database of ``keryx``, ``sogo`` or ``roundcube``."""
        wanted = self.settings.database
        called, role = wanted.name_of(name), wanted.role_of(name)
        password = self._password(getattr(wanted, f"{name}_password_file"), f"postgresql-{name}")
        if wanted.embedded:
            folder = str(self.paths.run("postgresql"))
            return DatabaseAccess(folder, self.database_port, called, role, password, "disable", None)
        return DatabaseAccess(wanted.host, wanted.port, called, role, password, wanted.sslmode, wanted.ca)

    @property
    def clamav(self) -> Endpoint:
        """ClamAV's scanning socket."""
        return self._at("clamav", self.paths.run("clamav") / "clamd.sock")

    @property
    def antivirus(self) -> bool:
        """Whether mail is also scanned for viruses (``clamav.enabled``)."""
        return bool(getattr(getattr(self.settings, "clamav", None), "enabled", False))

    @property
    def internal_smtp(self) -> Endpoint:
        """Postfix's door for this machine's own programs (Sieve's redirects, webmail's server,
        scripts): no PROXY header, no postscreen, no login; it relays, and filters what it relays.
        Other pods show it a certificate of the release's authority."""
        if self.placement is not None and not self.works_here("postfix"):
            return self.inside("smtp")
        return Endpoint(host="127.0.0.1", port=self.loopback_port(10025))

    @property
    def internal_submission(self) -> Endpoint:
        """Submission with login for this machine's own programs, always without a PROXY header:
        STARTTLS is required here as on the public port."""
        return Endpoint(host="127.0.0.1", port=self.loopback_port(10587))

    @property
    def srs_reinjection(self) -> Endpoint:
        """Where Postfix hands itself forwarded mail, to rewrite the envelope sender (SRS)."""
        return Endpoint(host="127.0.0.1", port=self.loopback_port(10026))

    @property
    def srs_forward(self) -> Endpoint:
        """postsrsd 1: the TCP table from senders to SRS addresses."""
        return Endpoint(host="127.0.0.1", port=self.loopback_port(10027))

    @property
    def srs_reverse(self) -> Endpoint:
        """postsrsd 1: the TCP table from SRS addresses back to senders."""
        return Endpoint(host="127.0.0.1", port=self.loopback_port(10028))

    @property
    def srs_socketmap(self) -> Endpoint:
        """postsrsd 2: both tables, as ``forward`` and ``reverse`` of one socketmap."""
        return Endpoint(self.paths.sockets / "srs")

    @property
    def srs_is_socketmap(self) -> bool:
        """Whether postsrsd speaks socketmap (version 2) rather than TCP tables (version 1)."""
        # Postfix's image does not have it installed: there the distribution's release tells.
        usual = (2,) if self.version("base-files", (12,)) >= (13,) else (1, 10)
        return self.version("postsrsd", usual) >= (2,)

    @property
    def resolver(self) -> Endpoint:
        """The validating resolver. The C library knows no other port than 53, so every suite on
        a machine has a loopback address of its own, counted from its port offset."""
        offset = self.settings.port_offset
        return Endpoint(host=f"127.53.{offset // 250}.{offset % 250 + 1}", port=53)

    # --- certificate ---

    @property
    def certificate(self) -> Path:
        """The certificate with its chain, as clients are shown it."""
        return self.settings.tls.certificate or (self.given_pair or self.inner_tls).certificate

    @property
    def certificate_key(self) -> Path:
        """The certificate's private key."""
        return self.settings.tls.key or (self.given_pair or self.inner_tls).key

    @property
    def public_tls(self) -> KeyPair:
        """Where a cluster puts the public certificate: a Secret of type kubernetes.io/tls, which may
        come later than everything else."""
        folder = self.paths.home / "certificate"
        return KeyPair(folder / "tls.crt", folder / "tls.key")

    @functools.cached_property
    def given_pair(self) -> KeyPair | None:
        """The cluster's public certificate, None until its files are there and fit each other.

        Decided once for each site, so that all files made from it name the same pair.
        """
        return self.public_tls if self.placement and self.public_tls.fits() else None

    @property
    def inner_tls(self) -> KeyPair:
        """With what daemons show each other who they are, signed by ``tls/ca.pem``."""
        return KeyPair(self.paths.tls / "cert.pem", self.paths.tls / "key.pem")

    # --- directory ---

    @property
    def ldap_port(self) -> int:
        """The embedded directory's port on the loopback address, for ldapadd and the like."""
        return self.loopback_port(10389)

    @property
    def ldapi(self) -> str:
        """The embedded directory's Unix socket as an LDAP URI."""
        return "ldapi://" + urllib.parse.quote(str(self.paths.run("openldap") / "ldapi"), safe="")

    @property
    def directory(self) -> DirectoryAccess:
        """How to reach the directory, with every name written out."""
        wanted = self.settings.directory
        root = self.settings.root_dn

        def below(name: str) -> str:
            if not name:
                return root
            return name if name.lower().endswith(root.lower()) else f"{name},{root}"

        return DirectoryAccess(
            uri=self.ldapi if wanted.embedded else wanted.uri,
            starttls=wanted.starttls,
            ca=wanted.ca,
            root_dn=root,
            domain_base=below(wanted.domain_base),
            user_base=below(wanted.user_base),
            alias_base=below(wanted.alias_base),
            bind_dn=below(wanted.bind_dn),
            admin_dn=below(wanted.admin_dn),
        )

    @property
    def directory_writable(self) -> bool:
        """Whether Keryx may write the directory."""
        wanted = self.settings.directory
        return wanted.embedded or wanted.admin_password_file is not None

    @property
    def reader_password(self) -> Secret:
        """The password of the daemons' bind account."""
        return self._password(self.settings.directory.bind_password_file, "ldap-reader")

    @property
    def admin_password(self) -> Secret:
        """The password of the directory's administrator."""
        return self._password(self.settings.directory.admin_password_file, "ldap-admin")

    def _password(self, path: Path | None, name: str) -> Secret:
        from keryx.core import secret

        return secret.read(path) if path and not self.secrets.all_copied else self.secrets.get(name)
