"""How mail programs, phones and calendars are set up: hosts, ports, security, addresses of services.

One answer for all who ask: Mozilla's autoconfig, Outlook's autodiscover, Apple's profiles, the
set-up page, the API. It depends on the domain alone and on no account, so that asking tells a
stranger nothing: whoever knows an address may be told where its mail would be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from keryx.admin import addresses
from keryx.admin.access import reading
from keryx.core import errors
from keryx.settings.site import Site

Security = Literal["tls", "starttls"]

PROTOCOLS: tuple[tuple[str, str, Security], ...] = (
    ("imap", "imaps", "tls"),
    ("imap", "imap", "starttls"),
    ("pop3", "pop3s", "tls"),
    ("pop3", "pop3", "starttls"),
    ("smtp", "submissions", "tls"),
    ("smtp", "submission", "starttls"),
    ("sieve", "sieve", "starttls"),
)
"""Protocols with the port's name and how it is protected; the better one first (RFC 8314)."""


@dataclass(frozen=True)
class Server:
    """Where a protocol is spoken."""

    protocol: str
    """``imap``, ``pop3``, ``smtp`` (submission) or ``sieve``."""
    host: str
    port: int
    security: Security
    """``tls`` from the first byte, or ``starttls``."""


@dataclass(frozen=True)
class ClientSetup:
    """What a program needs to know to be used with a domain; addresses that are off are empty."""

    domain: str
    servers: tuple[Server, ...]
    """The user name is the whole address everywhere, the password the account's."""
    webmail: str
    caldav: str
    carddav: str
    activesync: str
    page: str
    """The set-up page."""
    profile: str
    """Apple's configuration profile; ``?address=...`` belongs behind it."""
    autodiscover: str

    def best(self, protocol: str) -> Server | None:
        """Return the better protected server of a protocol; None when all are off."""
        return next((server for server in self.servers if server.protocol == protocol), None)


def managed(site: Site, domain: str) -> str:
    """Return the normalised domain, when its mail is ours; raises NotFound."""
    try:
        name = addresses.domain_name(domain)
    except errors.BadInput as error:
        raise _not_ours(domain) from error
    with reading(site) as directory:
        if directory.domains.get(name) or directory.domains.with_alias_domain(name):
            return name
    raise _not_ours(name)


def domain_of(address: str) -> str:
    """Return the domain of an address that a stranger gave; raises BadInput."""
    return addresses.target_address(address).rpartition("@")[2]


def of(site: Site, domain: str) -> ClientSetup:
    """Return how programs are set up for a domain."""
    web = site.https_port is not None
    base = site.web_url("webmail")
    dav = f"{base}/SOGo/dav/" if web and site.sogo_enabled else ""
    # Pages that every host has: at the host name, which the certificate is for whatever else is.
    page = f"{site.base_url}/setup"
    return ClientSetup(
        domain=domain,
        servers=tuple(_servers(site)),
        webmail=f"{base}/" if web and site.settings.webmail != "none" else "",
        caldav=dav,
        carddav=dav,
        activesync=f"{base}/Microsoft-Server-ActiveSync" if web and site.activesync_enabled else "",
        page=page if web else "",
        profile=f"{page}/keryx.mobileconfig" if web else "",
        autodiscover=f"{site.base_url}/autodiscover/autodiscover.xml" if web else "",
    )


def _servers(site: Site) -> Iterator[Server]:
    for protocol, name, security in PROTOCOLS:
        port = site.port(name)
        if port is not None:
            yield Server(protocol, site.web_host("smtp" if protocol == "smtp" else "imap"), port, security)


def _not_ours(domain: str) -> errors.NotFound:
    return errors.NotFound(
        f"{domain} is not a mail domain of this server.", remedy="Write the whole address, name@example.org."
    )
