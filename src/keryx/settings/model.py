"""What several components share: names, ports, limits, certificates, the directory.

Few knobs; the rest is derived. A component's own knobs stand in its folder.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from keryx.settings.database import Database
from keryx.settings.directory import Directory
from keryx.settings.names import REQUIRED, DomainName, LoginAddress, MailAddress
from keryx.settings.ports import STANDARD, Ports
from keryx.settings.section import Section
from keryx.settings.web import Web, Webmail

Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, pydantic.Field(union_mode="left_to_right")]
Address = Annotated[ipaddress.IPv4Address | ipaddress.IPv6Address, pydantic.Field(union_mode="left_to_right")]

LogLevel = Literal["warning", "info", "debug"]


class Tls(Section):
    """The certificate that every public port shows."""

    certificate: Path | None = None
    """Certificate with its chain (PEM). Empty: Keryx signs one with a certificate authority of
    its own, good for a first start; browsers and mail programs will ask."""
    key: Path | None = None
    """Private key (PEM) of the certificate."""

    @pydantic.model_validator(mode="after")
    def _both_or_none(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; set both or none")
        return self


class SiteSettings(Section):
    """The top level of keryx.yaml."""

    domain: DomainName
    """The first mail domain of the site; host names and the directory's root derive from it."""
    hostname: str = ""
    """Full name under which the world reaches this machine; ``mail.<domain>`` when empty. It is
    the SMTP greeting (RFC 5321, 4.1.1.1), so its address should resolve back to it."""
    postmaster: MailAddress | None = None
    """Who gets mail for postmaster and is named in bounces; ``postmaster@<domain>`` when empty."""
    administrator: LoginAddress | None = None
    """The first account, made at the first start; it administers the site and gets the mail for postmaster
    unless ``postmaster`` says otherwise. ``admin@<domain>`` when empty."""
    bind: tuple[Address, ...] = ()
    """Addresses to listen at; empty for every address of the machine."""
    port_offset: int = pydantic.Field(default=0, ge=0, le=60000)
    """Added to every port, so that several suites run beside each other."""
    ports: Ports = Ports()
    """Public ports."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of the load balancers that may speak the PROXY protocol."""
    relay_networks: tuple[Network, ...] = ()
    """Networks whose clients may send mail anywhere without a login: printers, applications.
    The machine itself always may. A port with ``proxy_protocol`` lets nobody: there an address is what a
    load balancer says."""
    log_level: LogLevel = "info"
    """How much the daemons write to their logs; ``debug`` is for the hour in which a fault is looked for.
    None writes passwords. Postfix, SOGo and Roundcube, whose talkative levels do, log the same at each."""
    message_size_limit_mb: int = pydantic.Field(default=50, ge=1, le=2000)
    """Largest message in MiB, at every door: SMTP, submission, IMAP, webmail."""
    default_quota_mb: int = pydantic.Field(default=5120, ge=0)
    """Limit of a new account's store in MiB when none is given; 0 is unlimited."""
    mailboxes: bool = True
    """Whether mail is kept here. ``false`` makes a relay: programs and people submit mail with a login,
    aliases, lists and catch-alls lead to addresses elsewhere, and no account receives anything. Nothing
    serves IMAP, POP3 or ManageSieve then; ``webmail`` has to be ``none``, and ``postmaster`` somebody
    elsewhere."""
    tls: Tls = Tls()
    """Certificate."""
    directory: Directory = Directory()
    """Where accounts are looked up."""
    database: Database = Database()
    """Where records, calendars and contacts are kept."""
    webmail: Webmail = "both"
    """Which webmail people find: ``sogo`` (with calendars, contacts and ActiveSync), ``roundcube``,
    ``both`` or ``none``. What is switched off runs no process and has no route."""
    web: Web = Web()
    """Host names of the web pages and of the mail protocols."""

    @pydantic.field_validator("hostname")
    @classmethod
    def _full_host_name(cls, value: str) -> str:
        from keryx.settings.names import domain_name

        return domain_name(value) if value else ""

    @pydantic.model_validator(mode="after")
    def _ports_fit(self) -> SiteSettings:
        seen: dict[int, str] = {}
        for name in STANDARD:
            port = getattr(self.ports, name)
            if not port.enabled:
                continue
            number = (port.number or STANDARD[name]) + self.port_offset
            if number > 65535:
                raise ValueError(f"ports.{name} is {number} with port_offset; the highest port is 65535")
            if number in seen:
                raise ValueError(f"ports.{name} and ports.{seen[number]} are both {number}; move one of them")
            seen[number] = name
            if port.proxy_protocol and not self.trusted_proxies:
                raise ValueError(
                    f"ports.{name}.proxy_protocol needs trusted_proxies, the networks of the load balancer"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _administrator_is_ours(self) -> SiteSettings:
        if self.administrator and self.administrator.partition("@")[2] != self.domain:
            raise ValueError(
                f"administrator {self.administrator} is not in {self.domain}, which a first start makes; "
                "name an address there, and make others with keryx admin add"
            )
        if self.administrator and self.administrator.partition("@")[0] in REQUIRED:
            raise ValueError(
                f"administrator {self.administrator} is an address that leads to the administrator; "
                "name an account such as admin"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _relay_needs_nothing_that_is_kept(self) -> SiteSettings:
        if self.mailboxes:
            return self
        if self.webmail != "none":
            raise ValueError(
                f"webmail is {self.webmail}, but mailboxes: false keeps no mail to show; set webmail: none"
            )
        if self.postmaster is None or self.postmaster.partition("@")[2] == self.domain:
            raise ValueError(
                "postmaster has to be an address elsewhere with mailboxes: false; "
                f"nobody at {self.domain} has a mailbox to read that mail"
            )
        return self

    @property
    def host(self) -> str:
        """The host name, given or derived."""
        return self.hostname or f"mail.{self.domain}"

    @property
    def root_dn(self) -> str:
        """The root of the directory's tree, given or derived."""
        return self.directory.root_dn or ",".join(f"dc={label}" for label in self.domain.split("."))

    @property
    def postmaster_address(self) -> str:
        """Who answers for the mail system."""
        return self.postmaster or f"postmaster@{self.domain}"

    @property
    def disk_reserve(self) -> int:
        """Bytes of free disk below which no mail is taken (452): room to deliver what was taken."""
        return 2 * self.message_size_limit_mb * 1024 * 1024

    @property
    def administrator_address(self) -> str:
        """The first account, made by ``keryx up``."""
        return self.administrator or f"admin@{self.domain}"

    @property
    def role_target(self) -> str:
        """Who gets mail for the postmaster of a domain that has no entry for it."""
        wanted = self.postmaster
        is_role = wanted is not None and wanted.split("@")[0] in REQUIRED
        return self.administrator_address if wanted is None or is_role else wanted
