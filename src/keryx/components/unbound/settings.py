"""The section ``unbound`` of keryx.yaml."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar

import dns.exception
import dns.zonefile
import pydantic

from keryx.settings.section import Section

ZONE = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
ALIASES = {"0.0.0.0", "::"}  # noqa: S104 - refused below, not bound


def zone_name(text: str) -> str:
    """Return a zone's name without its final dot; ``.`` is the root."""
    name = text.strip().lower()
    if name == ".":
        return name
    name = name.rstrip(".")
    if len(name) > 253 or not ZONE.fullmatch(name):
        raise ValueError(f'"{text}" is not a DNS zone; write a name such as corp.example.org, or "."')
    return name


def server_address(text: str) -> str:
    """Return ``ADDRESS`` or ``ADDRESS@PORT``, checked; Unbound's own way to write a server."""
    host, at, port = text.strip().partition("@")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or str(address) in ALIASES or (at and not _is_port(port)):
        raise ValueError(f'"{text}" is not a server; write an address such as 192.0.2.53 or 192.0.2.53@5353')
    return f"{address}{at}{port}"


def record_line(text: str) -> str:
    """Return one resource record in zone-file form with a full name (RFC 1035, section 5)."""
    line = " ".join(text.split("\n")).strip()
    refusal = f'"{text}" is not a DNS record; write it as: name. 300 IN A 192.0.2.1'
    if "'" in line or "\r" in line or not line.split()[:1] or not line.split()[0].endswith("."):
        raise ValueError(refusal)
    try:
        sets = dns.zonefile.read_rrsets(line, rdclass=None, default_ttl=300)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(refusal) from error
    if sum(len(found) for found in sets) != 1:
        raise ValueError(refusal)
    return line


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65535


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Zone = Annotated[str, pydantic.AfterValidator(zone_name)]
Server = Annotated[str, pydantic.AfterValidator(server_address)]
Servers = Annotated[
    tuple[Server, ...],
    pydantic.BeforeValidator(_one_or_many, json_schema_input_type=Server | tuple[Server, ...]),
]
Record = Annotated[str, pydantic.AfterValidator(record_line)]


class UnboundSettings(Section):
    """The DNS resolver, with DNSSEC validation."""

    section_name: ClassVar[str] = "unbound"

    forwarders: tuple[Server, ...] = ()
    """Resolvers to ask instead of the root servers downwards: ``192.0.2.53``, ``192.0.2.53@5353``.
    They must pass DNSSEC on. Block lists refuse the large public resolvers: leave this empty
    where the machine may speak DNS to the Internet."""
    stub_zones: dict[Zone, Servers] = pydantic.Field(default_factory=dict)
    """Private zones and the authoritative servers that hold them: ``corp.example.org: 10.0.0.53``."""
    insecure_domains: tuple[Zone, ...] = ()
    """Zones whose DNSSEC is not validated: private names below a signed parent. ``"."`` gives
    up validation, and with it DANE, altogether."""
    trust_anchors: tuple[Record, ...] = ()
    """DS or DNSKEY records of private signed zones, in zone-file form."""
    records: tuple[Record, ...] = ()
    """Records answered from here, in zone-file form: ``nas.example.org. 300 IN A 10.0.0.7``. The
    name then has only these records; other names of the zone are looked up as usual."""
    offline: bool = False
    """For a site without the Internet: every name that is not in ``records`` or ``stub_zones``
    does not exist, at once, instead of after a long wait."""
    cache_mb: int = pydantic.Field(default=48, ge=4, le=16384)
    """Memory for cached answers in MiB."""
