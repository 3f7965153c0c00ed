"""What Dovecot's templates print: computed once, named plainly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keryx.components.dovecot.settings import DovecotSettings
from keryx.core.network import Endpoint
from keryx.settings import names
from keryx.settings.directory import ALIAS_DOMAIN, Attributes
from keryx.settings.site import Site

USER = "vmail"
"""Who owns every mailbox; no account of the directory has a system user of its own."""

LOGIN_PROCESSES = 2
"""Most login processes per protocol: each one serves many clients, TLS included."""

PROTOCOLS = {"imap": ("imap", "imaps"), "pop3": ("pop3", "pop3s"), "sieve": ("sieve",)}
"""Which public ports belong to which of Dovecot's protocols."""


@dataclass(frozen=True)
class Door:
    """An inet_listener of a login service."""

    name: str
    port: int
    tls: bool = False
    """TLS from the first byte."""
    proxy: bool = False
    """Clients send a PROXY protocol header first."""
    address: str = ""
    """Empty for every address of ``listen``."""


FOLDERS = ("Drafts", "Sent", "Junk", "Trash", "Archive")


@dataclass(frozen=True)
class View:
    """Dovecot's settings together with what follows from the site."""

    site: Site

    @property
    def settings(self) -> DovecotSettings:
        """The section ``dovecot``."""
        return self.site.section(DovecotSettings)

    @property
    def version(self) -> tuple[int, ...]:
        """The installed Dovecot; Debian 12's when none is."""
        return self.site.version("dovecot-core", (2, 3, 19))

    @property
    def dialect(self) -> str:
        """Which of the two configuration languages it reads."""
        return "2.4" if self.version >= (2, 4) else "2.3"

    @property
    def log_lines(self) -> Sequence[str]:
        """What makes the log shorter or longer. Passwords stay hidden: auth_debug_passwords is off."""
        return {
            "warning": ["info_log_path = /dev/null"],
            "info": [],
            "debug": ["log_debug = category=auth OR category=mail"],
        }[self.site.settings.log_level]

    # --- places ---

    @property
    def etc(self) -> Path:
        """The folder of made files."""
        return self.site.paths.etc("dovecot")

    @property
    def run(self) -> Path:
        """``base_dir``: sockets and process identifier."""
        return self.site.paths.run("dovecot")

    @property
    def data(self) -> Path:
        """What must be kept."""
        return self.site.paths.data("dovecot")

    @property
    def mail(self) -> Path:
        """The homes of all accounts, by domain and local-part."""
        return self.data / "mail"

    @property
    def sieve(self) -> Path:
        """The global Sieve scripts."""
        return self.etc / "sieve"

    @property
    def conf(self) -> Path:
        """The configuration file."""
        return self.etc / "dovecot.conf"

    @property
    def password(self) -> Path:
        """The file that holds the password of the directory's reader, for Dovecot 2.4."""
        return self.etc / "ldap-password"

    @property
    def folders(self) -> Sequence[str]:
        """Folders that every account has, each of the special use of the same name (RFC 6154)."""
        return FOLDERS

    # --- doors ---

    @property
    def store(self) -> bool:
        """Whether the mailboxes are here; else it only answers who somebody is."""
        return self.site.settings.mailboxes and self.site.works_here("dovecot")

    @property
    def lmtp_door(self) -> Endpoint | None:
        """Where other pods deliver."""
        return self.site.door("dovecot", "lmtp")

    @property
    def quota_door(self) -> Endpoint | None:
        """Where other pods ask for quotas."""
        return self.site.door("dovecot", "quota-status")

    @property
    def protocols(self) -> Sequence[str]:
        """Protocols with an open port, and the internal ones. IMAP is always there: Keryx itself
        reads mail over it, on loopback when no public port is open."""
        if not self.store:
            return []
        public = [name for name in PROTOCOLS if name == "imap" or self._open(name)]
        return [*public, "lmtp"]

    def _open(self, protocol: str) -> bool:
        return any(self.site.port(name) is not None for name in PROTOCOLS[protocol])

    def doors(self, protocol: str) -> Sequence[Door]:
        """The listeners of a protocol: the public ones that are on, and on loopback those that the
        suite itself needs where the public one is off or wants a PROXY header."""
        doors = []
        for name in PROTOCOLS[protocol]:
            number = self.site.port(name)
            tls = name.endswith("s")
            if number is None:
                # Port 0 switches a listener off that Dovecot would open by itself.
                doors.append(Door(name, 0, tls))
            else:
                doors.append(Door(name, number, tls, self.site.speaks_proxy(name)))
        return [*doors, *self._inside(protocol)]

    def _inside(self, protocol: str) -> Sequence[Door]:
        doors = []
        for name in PROTOCOLS[protocol]:
            proxied = self.site.port(name) is not None and self.site.speaks_proxy(name)
            inside = self.site.inside(name)
            if self.site.placement is not None:
                doors.append(Door(f"{name}-inside", inside.port, name.endswith("s")))
            elif proxied or (protocol == "imap" and self.site.port(name) is None):
                doors.append(Door(f"{name}-inside", inside.port, name.endswith("s"), address=inside.host))
        return doors

    @property
    def listen(self) -> str:
        """Addresses of the public listeners."""
        return ", ".join(str(address) for address in self.site.settings.bind) or "*, ::"

    @property
    def trusted_proxies(self) -> str:
        """Networks of the load balancers."""
        return " ".join(str(network) for network in self.site.settings.trusted_proxies)

    @property
    def trusted_networks(self) -> str:
        """Who may say that somebody else is the client: web mail servers, our own among them. Without
        it, one guess at a password in the webmail would slow all others' logins there down."""
        networks = [str(network) for network in self.settings.login_trusted_networks]
        if self.site.placement is None and (self.site.sogo_enabled or self.site.roundcube_enabled):
            # What connects to an address of this machine comes from that same address.
            networks.append(self.site.inside("imap").host)
        return " ".join(dict.fromkeys(networks))

    @property
    def submission(self) -> Endpoint:
        """Where vacation answers and redirected mail are handed in."""
        return self.site.internal_smtp

    @property
    def submits_with_certificate(self) -> bool:
        """Whether Postfix is in another pod, which wants to see who hands in."""
        return not self.site.works_here("postfix")

    @property
    def controller_header(self) -> Path | None:
        """The file with the header that holds the password of the filter's controller; None where
        its socket is beside, which asks for none."""
        return None if self.site.works_here("rspamd") else self.etc / "controller-password"

    # --- limits ---

    @property
    def login_clients(self) -> int:
        """Clients of one login process; sessions under TLS stay with theirs to the end."""
        return max(100, self.settings.max_sessions)

    @property
    def auth_clients(self) -> int:
        """Connections to the auth service: one for each process that stays for several sessions."""
        return 2 * self.settings.max_sessions + 500

    @property
    def stats_clients(self) -> int:
        """Connections to the statistics: one for each process."""
        return 3 * self.settings.max_sessions + 500

    @property
    def lmtp_processes(self) -> int:
        """Simultaneous deliveries: Postfix's own limit for one destination."""
        return 20

    @property
    def grace_mb(self) -> int:
        """How far, in MiB, delivery may exceed a quota that RCPT found not yet reached."""
        return self.site.settings.message_size_limit_mb

    @property
    def mail_plugins(self) -> Sequence[str]:
        """Plugins of every mail process. ``acl`` is among them in delivery too: without it a Sieve
        script could file into the folders of any other account."""
        names = ["acl", "quota"]
        if self.site.activesync_enabled:
            names.append("welcome")
        if self.settings.full_text_search:
            names += ["fts", "fts_flatcurve" if self.dialect == "2.4" else "fts_xapian"]
        return names

    @property
    def uncounted_plugins(self) -> Sequence[str]:
        """Those of them that the answer about a quota at RCPT does without. ``welcome`` stays: who asks
        first may be who makes the INBOX."""
        return [name for name in self.mail_plugins if name not in ("quota", "welcome")]

    # --- directory ---

    @property
    def directory_authority(self) -> Path | None:
        """Who vouches for the directory's certificate; None where it speaks without TLS."""
        directory = self.site.directory
        encrypted = directory.starttls or directory.uri.startswith("ldaps://")
        return directory.ca or (Path("/etc/ssl/certs/ca-certificates.crt") if encrypted else None)

    @property
    def login_filter(self) -> str:
        """Accounts that may log in; the login name is ``mail``, never an alias.

        Dovecot lets a client of the same address (loopback) log in without TLS, whatever ``ssl``
        and ``disable_plaintext_auth`` say; so a login in clear finds no account here. Postfix
        sees to its own connections. The plain condition comes first: what is remembered of a
        login is found by it again (``doveadm auth cache flush``).
        """
        if self.dialect == "2.4":
            secured = "%{protocol | concat('/', secured) | if('~', '^smtp/|/TLS$', user, 'login-in-clear')}"
        else:
            secured = "%{if;%s/%c;~;^smtp/|/TLS$;%u;login-in-clear}"
        mail = self._attributes.mail
        return self._both(f"({mail}={self._user})({mail}={secured})", active=True)

    @property
    def user_filter(self) -> str:
        """Accounts that are there for delivery: by ``mail`` or by an alias."""
        return self._both(self._any_address, active=True)

    @property
    def alias_domain_filter(self) -> str:
        """The domain that has the user's domain as its alias domain."""
        wanted = self.site.settings.directory
        domain = "%{user | domain}" if self.dialect == "2.4" else "%Ld"
        parts = f"(objectClass={wanted.domain_object_class})({ALIAS_DOMAIN}={domain})"
        return f"(&{parts}{wanted.filters.domain})"

    @property
    def alias_filter(self) -> str:
        """The alias or list of this address, for the question about the quota at RCPT alone: what else
        asks (whose address is a sender's?) must not take a member for the list."""
        wanted = self.site.settings.directory
        asked = "%{protocol | if('eq', 'quota-status', user, 'not-at-rcpt')}"
        names = wanted.attributes
        parts = f"(objectClass={wanted.alias_object_class})({names.mail}={asked})(!({names.active}=FALSE))"
        return f"(&{parts}{wanted.filters.alias})"

    @property
    def administration_filter(self) -> str:
        """Accounts as doveadm sees them: the inactive ones have a mailbox too."""
        return self._both(self._any_address, active=False)

    @property
    def every_filter(self) -> str:
        """All accounts, for ``doveadm -A``."""
        return self._both("", active=False)

    @property
    def username_characters(self) -> str:
        """Characters that an address here may have."""
        return f"{names.LOCAL_CHARACTERS}@"

    @property
    def _attributes(self) -> Attributes:
        return self.site.settings.directory.attributes

    @property
    def _user(self) -> str:
        """The variable that holds the user; Dovecot escapes it for LDAP (RFC 4515)."""
        return "%{user}" if self.dialect == "2.4" else "%u"

    @property
    def _any_address(self) -> str:
        names = self._attributes
        return f"(|({names.mail}={self._user})({names.alias}={self._user}))"

    def _both(self, condition: str, *, active: bool) -> str:
        wanted = self.site.settings.directory
        parts = [f"(objectClass={wanted.account_object_class})", condition]
        if active:
            parts.append(f"({wanted.attributes.active}=TRUE)")
        return f"(&{''.join(parts)}{wanted.filters.account})"


def quoted(text: str) -> str:
    """Return text as a quoted value of Dovecot's configuration."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
