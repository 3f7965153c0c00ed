"""The DNS records that matter for a mail domain, as data: what to publish, and why.

Written out in the form of zone files (RFC 1035, section 5), so that they can be pasted. What the
machine cannot know by itself, its public address, is a line to complete, commented out.
Standards: MX RFC 5321; SPF RFC 7208; DKIM RFC 6376; DMARC RFC 7489; SRV RFC 6186, RFC 8314.
"""

from __future__ import annotations

import ipaddress
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keryx.settings.site import Site

TTL = 3600
LONGEST_STRING = 255
"""Bytes in one character-string of a TXT record (RFC 1035, 3.3)."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Record:
    """One record to publish."""

    name: str
    """Fully qualified, without the final dot."""
    type: str
    value: str
    """As people write it; a TXT record's text in one piece, without quotes."""
    why: str
    ttl: int = TTL
    complete: bool = True
    """False where the value is a description of what to fill in."""

    @property
    def zone(self) -> str:
        """The record as a line of a zone file."""
        value = text_value(self.value) if self.type == "TXT" else self.value
        line = f"{self.name}. {self.ttl} IN {self.type} {value}"
        return line if self.complete else f"; {line}"


def text_value(text: str) -> str:
    """Return a TXT record's text as quoted strings of at most 255 bytes."""
    escaped = [part.replace("\\", "\\\\").replace('"', '\\"') for part in _pieces(text)]
    quoted = [f'"{part}"' for part in escaped]
    return quoted[0] if len(quoted) == 1 else f"( {' '.join(quoted)} )"


def zone_file(records: Sequence[Record]) -> str:
    """Return the records as zone-file text, each reason as a comment above its record."""
    lines = []
    for record in records:
        lines += [f"; {line}" for line in textwrap.wrap(record.why, 100)] + [record.zone]
    return "\n".join(lines) + "\n"


def of_domain(site: Site, domain: str, dkim: Mapping[str, str]) -> Sequence[Record]:
    """Return what a mail domain needs; ``dkim`` is its keys' records, text by name."""
    host = site.settings.host
    postmaster = site.settings.postmaster_address
    return [
        Record(domain, "MX", f"10 {host}.", "Mail for the domain comes to this server."),
        Record(
            domain,
            "TXT",
            "v=spf1 mx -all",
            "SPF: only the domain's MX sends its mail. Add what else does, such as a relay host "
            "(include:...), before -all.",
        ),
        *(
            Record(name, "TXT", text, "DKIM: the public key of the domain's signatures.")
            for name, text in dkim.items()
        ),
        Record(
            f"_dmarc.{domain}",
            "TXT",
            f"v=DMARC1; p=none; rua=mailto:{postmaster}",
            "DMARC: receivers report how the domain's mail fares. When the reports show nothing "
            "unexpected, change p=none to p=quarantine, then to p=reject.",
        ),
        *_services(site, domain),
    ]


def of_host(site: Site) -> Sequence[Record]:
    """Return what the server's own name needs, once for all domains."""
    host = site.settings.host
    greeting = Record(
        host, "TXT", "v=spf1 a -all", "SPF of the greeting and of bounces, which carry the host's name."
    )
    return [*_addresses(site, host), greeting]


def _services(site: Site, domain: str) -> Iterator[Record]:
    """Yield what lets mail programs find the server by the address alone."""
    for service, port_name in (("_imaps", "imaps"), ("_submissions", "submissions")):
        port = site.port(port_name)
        if port is not None:
            value = f"0 1 {port} {site.settings.host}."
            yield Record(f"{service}._tcp.{domain}", "SRV", value, "Mail programs find the server by it.")


def _addresses(site: Site, host: str) -> Iterator[Record]:
    public = [address for address in site.settings.bind if address.is_global]
    why = "The server's address."
    for address in public:
        yield Record(host, _type(address), str(address), why)
    if not public:
        yield Record(host, "A", "<the public IPv4 address of this server>", why, complete=False)
        yield Record(host, "AAAA", "<its public IPv6 address, if it has one>", why, complete=False)
    reason = "The way back, set by whoever gave you the address: many servers refuse mail without it."
    for address in public:
        yield Record(address.reverse_pointer, "PTR", f"{host}.", reason)
    if not public:
        name = "<the address in reverse>.in-addr.arpa"
        yield Record(name, "PTR", f"{host}.", reason, complete=False)


def _type(address: IpAddress) -> str:
    return "A" if address.version == 4 else "AAAA"


def _pieces(text: str) -> list[str]:
    return [text[start : start + LONGEST_STRING] for start in range(0, len(text), LONGEST_STRING)] or [""]
