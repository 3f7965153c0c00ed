"""The DNS records that matter for a mail domain, as data: what to publish, and why.

Written out in the form of zone files (RFC 1035, section 5), so that they can be pasted. What the
machine cannot know by itself, its public address, is a line to complete, commented out.
Standards: MX RFC 5321; SPF RFC 7208; DKIM RFC 6376; DMARC RFC 7489; SRV RFC 6186, RFC 8314 (mail),
RFC 5804 (ManageSieve), RFC 6764 (calendars, contacts); MTA-STS RFC 8461; TLS reports RFC 8460.
"""

from __future__ import annotations

import ipaddress
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keryx.core.wording import shown
from keryx.dns import mta_sts
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
        Record(domain, "MX", f"10 {host}.", shown("Mail for the domain comes to this server.")),
        Record(
            domain,
            "TXT",
            "v=spf1 mx -all",
            shown(
                "SPF: only the domain's MX sends its mail. Add what else does, such as a relay host "
                "(include:...), before -all."
            ),
        ),
        *(
            Record(name, "TXT", text, shown("DKIM: the public key of the domain's signatures."))
            for name, text in dkim.items()
        ),
        Record(
            f"_dmarc.{domain}",
            "TXT",
            f"v=DMARC1; p=none; rua=mailto:{postmaster}",
            shown(
                "DMARC: receivers report how the domain's mail fares. When the reports show nothing "
                "unexpected, change p=none to p=quarantine, then to p=reject."
            ),
        ),
        *_transport_security(site, domain),
        *_services(site, domain),
        *_web(site, domain),
    ]


def of_host(site: Site) -> Sequence[Record]:
    """Return what the server's own name needs, once for all domains."""
    host = site.settings.host
    greeting = Record(
        host,
        "TXT",
        "v=spf1 a -all",
        shown("SPF of the greeting and of bounces, which carry the host's name."),
    )
    others = [name for name in _own_names(site) if name != host]
    return [
        *_addresses(site, host, shown("The server's address.")),
        *_ways_back(site, host),
        greeting,
        *(
            record
            for name in others
            for record in _addresses(site, name, shown("Another name of the server."))
        ),
    ]


def _transport_security(site: Site, domain: str) -> Iterator[Record]:
    """Yield what makes other servers insist on TLS, and report where it fails."""
    if site.https_port is None or site.settings.web.mta_sts.mode == "none":
        return
    host = site.settings.host
    yield Record(
        f"_mta-sts.{domain}",
        "TXT",
        f"v=STSv1; id={mta_sts.identifier(site)}",
        shown(
            "MTA-STS: other servers deliver over verified TLS, as web.mta_sts says. It needs a certificate "
            "for the name mta-sts of this domain that the world trusts."
        ),
    )
    yield Record(f"mta-sts.{domain}", "CNAME", f"{host}.", shown("Where the policy is fetched."))
    yield Record(
        f"_smtp._tls.{domain}",
        "TXT",
        f"v=TLSRPTv1; rua=mailto:{site.settings.postmaster_address}",
        shown("Other servers report once a day how TLS to this server fared."),
    )


def _services(site: Site, domain: str) -> Iterator[Record]:
    """Yield what lets mail programs find the server by the address alone."""
    mail = (
        ("_imaps", "imaps", "imap", 0),
        ("_pop3s", "pop3s", "imap", 10),
        ("_submissions", "submissions", "smtp", 0),
        ("_sieve", "sieve", "imap", 0),
    )
    why = shown("Mail programs find the server by it.")
    for service, port_name, host, priority in mail:
        port = site.port(port_name)
        if port is not None:
            yield Record(
                f"{service}._tcp.{domain}", "SRV", f"{priority} 1 {port} {site.web_host(host)}.", why
            )


def _web(site: Site, domain: str) -> Iterator[Record]:
    """Yield what lets programs and phones find their set-up, calendars and contacts."""
    host, port = site.settings.host, site.https_port
    if port is None:
        return
    yield Record(
        f"autoconfig.{domain}",
        "CNAME",
        f"{host}.",
        shown("Thunderbird and others ask here for their set-up."),
    )
    yield Record(
        f"autodiscover.{domain}", "CNAME", f"{host}.", shown("Outlook and phones ask here for theirs.")
    )
    yield Record(
        f"_autodiscover._tcp.{domain}",
        "SRV",
        f"0 1 {port} {host}.",
        shown("The same for Outlook where the certificate is not for this domain's name autodiscover."),
    )
    if not site.sogo_enabled:
        return
    for service, why in (
        ("_caldavs", shown("Programs find the calendars by it.")),
        ("_carddavs", shown("Programs find the contacts by it.")),
    ):
        target = f"0 1 {port} {site.web_host('webmail')}."
        yield Record(f"{service}._tcp.{domain}", "SRV", target, why)
        yield Record(
            f"{service}._tcp.{domain}", "TXT", "path=/SOGo/dav/", shown("The path that belongs to it.")
        )


def _own_names(site: Site) -> Sequence[str]:
    """Return the server's names but those below the domains. Each has addresses, not a CNAME: SRV
    records point to some, and must not point to an alias (RFC 2782)."""
    parts = ["webmail", "admin", "rspamd"] if site.https_port is not None else []
    return list(dict.fromkeys(site.web_host(part) for part in (*parts, "smtp", "imap")))


def _public(site: Site) -> Sequence[IpAddress]:
    return [address for address in site.settings.bind if address.is_global]


def _addresses(site: Site, name: str, why: str) -> Iterator[Record]:
    for address in _public(site):
        yield Record(name, _type(address), str(address), why)
    if not _public(site):
        yield Record(name, "A", "<the public IPv4 address of this server>", why, complete=False)
        yield Record(name, "AAAA", "<its public IPv6 address, if it has one>", why, complete=False)


def _ways_back(site: Site, host: str) -> Iterator[Record]:
    reason = shown("The way back, set by whoever gave you the address: many servers refuse mail without it.")
    for address in _public(site):
        yield Record(address.reverse_pointer, "PTR", f"{host}.", reason)
    if not _public(site):
        name = "<the address in reverse>.in-addr.arpa"
        yield Record(name, "PTR", f"{host}.", reason, complete=False)


def _type(address: IpAddress) -> str:
    return "A" if address.version == 4 else "AAAA"


def _pieces(text: str) -> list[str]:
    return [text[start : start + LONGEST_STRING] for start in range(0, len(text), LONGEST_STRING)] or [""]
