"""The doors that mail programs and other servers knock at."""

from __future__ import annotations

from typing import Annotated

import pydantic

from keryx.settings.section import Section


class Port(Section):
    """One public port. In keryx.yaml a number moves it and ``false`` switches it off."""

    number: int | None = pydantic.Field(default=None, ge=1, le=65535)
    """TCP port, before ``port_offset`` is added; empty for the standard port of the protocol."""
    enabled: bool = True
    """Whether the daemon listens here at all."""
    proxy_protocol: bool = False
    """Whether clients are a load balancer that speaks the PROXY protocol (version 1 or 2).
    Every connection must then come from ``trusted_proxies`` and carry the header; internal
    clients keep using the internal listeners."""


def _shorthand(value: object) -> object:
    if isinstance(value, bool):
        return {"enabled": value}
    if isinstance(value, int):
        return {"number": value}
    if isinstance(value, str):
        raise ValueError(f'"{value}" is not a port; write a number from 1 to 65535, or false')
    return value


Number = Annotated[int, pydantic.Field(ge=1, le=65535)]
PortSetting = Annotated[
    Port, pydantic.BeforeValidator(_shorthand, json_schema_input_type=bool | Number | Port)
]

STANDARD = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "imap": 143,
    "imaps": 993,
    "pop3": 110,
    "pop3s": 995,
    "sieve": 4190,
    "http": 80,
    "https": 443,
}
"""The ports that IANA gave to the protocols."""

OF_MAILBOXES = ("imap", "imaps", "pop3", "pop3s", "sieve")
"""Ports that nobody serves where no mail is kept."""

WITHOUT_TLS = ("http",)
"""Ports that never show a certificate."""

INNER = {
    "openldap": 10636,
    "postgresql": 5432,
    "redis": 6379,
    "memcached": 11211,
    "clamav": 3310,
    "lmtp": 10024,
    "quota-status": 12340,
    "smtp": 10125,
    "scan": 11333,
    "controller": 11334,
    "admin": 10080,
    "sogo": 10081,
    "dav": 10082,
    "activesync": 10083,
    "roundcube": 10084,
    "rspamd-pages": 10085,
    "store": 10098,
    "queue": 10099,
}
"""The ports at which the pods of a cluster serve each other, by component or service."""


def inner(number: int, offset: int) -> int:
    """Return an internal port with the offset, never a privileged one."""
    return (number + offset - 1024) % (65536 - 1024) + 1024


class Ports(Section):
    """Public ports: a number moves one, ``false`` switches it off."""

    smtp: PortSetting = Port()
    """SMTP from other servers (RFC 5321), STARTTLS offered; standard port 25."""
    submission: PortSetting = Port()
    """Message submission (RFC 6409), login after STARTTLS only; standard port 587."""
    submissions: PortSetting = Port()
    """Message submission over TLS (RFC 8314); standard port 465."""
    imap: PortSetting = Port()
    """IMAP (RFC 9051), login after STARTTLS only; standard port 143."""
    imaps: PortSetting = Port()
    """IMAP over TLS (RFC 8314); standard port 993."""
    pop3: PortSetting = Port()
    """POP3 (RFC 1939), login after STARTTLS only; standard port 110."""
    pop3s: PortSetting = Port()
    """POP3 over TLS (RFC 8314); standard port 995."""
    sieve: PortSetting = Port()
    """ManageSieve (RFC 5804), login after STARTTLS only; standard port 4190."""
    http: PortSetting = Port()
    """HTTP (RFC 9110): leads browsers to HTTPS and answers ACME challenges; standard port 80."""
    https: PortSetting = Port()
    """HTTPS (RFC 9110): webmail, calendars, contacts, administration; standard port 443."""
