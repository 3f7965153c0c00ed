"""DNS records: what a domain needs, written so that a name server takes it."""

from __future__ import annotations

import dns.rdataclass
import dns.rdatatype
import dns.zone

from keryx.components import testing
from keryx.dns import records

KEY = "v=DKIM1; k=rsa; p=" + "A" * 392


def test_the_zone_text_is_read_by_a_zone_parser() -> None:
    site = testing.site("domain: example.org\nbind: [1.1.1.1, '2606:4700::1']\n")
    wanted = [
        *records.of_domain(site, "example.org", {"keryx-rsa._domainkey.example.org": KEY}),
        *records.of_host(site),
    ]
    inside = [record for record in wanted if record.type != "PTR"]
    zone = dns.zone.from_text(
        "@ 3600 IN SOA ns root 1 1 1 1 1\n@ IN NS ns\n" + records.zone_file(inside),
        origin="example.org.",
        relativize=False,
    )

    def found(name: str, kind: str) -> list[str]:
        return [str(item) for item in zone.find_rdataset(f"{name}.", kind)]

    assert found("example.org", "MX") == ["10 mail.example.org."]
    assert found("example.org", "TXT") == ['"v=spf1 mx -all"']
    assert found("mail.example.org", "A") == ["1.1.1.1"]
    assert found("mail.example.org", "AAAA") == ["2606:4700::1"]
    assert found("_imaps._tcp.example.org", "SRV") == ["0 1 993 mail.example.org."]
    key = next(iter(zone.find_rdataset("keryx-rsa._domainkey.example.org.", "TXT")))
    assert b"".join(key.strings).decode() == KEY
    assert all(len(part) <= 255 for part in key.strings)
    assert found("_dmarc.example.org", "TXT")[0].startswith('"v=DMARC1; p=none; rua=mailto:postmaster@')


def test_the_way_back_is_named_for_every_public_address() -> None:
    site = testing.site("domain: example.org\nbind: [1.2.3.4, 127.0.0.1]\n")
    assert [r.zone for r in records.of_host(site) if r.type == "PTR"] == [
        "4.3.2.1.in-addr.arpa. 3600 IN PTR mail.example.org."
    ]


def test_an_unknown_address_is_a_line_to_complete() -> None:
    lines = [record.zone for record in records.of_host(testing.site())]
    assert lines[0] == "; mail.example.org. 3600 IN A <the public IPv4 address of this server>"


def test_a_port_that_is_off_is_not_announced() -> None:
    site = testing.site("domain: example.org\nports: {imaps: false}\n")
    names = [record.name for record in records.of_domain(site, "example.org", {})]
    assert "_imaps._tcp.example.org" not in names
    assert "_submissions._tcp.example.org" in names


def test_quotes_and_backslashes_survive() -> None:
    assert records.text_value('a"b\\c') == '"a\\"b\\\\c"'
