"""DNS records: what a domain needs, written so that a name server takes it."""

from __future__ import annotations

import dns.rdataclass
import dns.rdatatype
import dns.zone

from keryx.components import testing
from keryx.dns import mta_sts, records

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
    assert found("_caldavs._tcp.example.org", "SRV") == ["0 1 443 mail.example.org."]
    assert found("_caldavs._tcp.example.org", "TXT") == ['"path=/SOGo/dav/"']
    assert found("_autodiscover._tcp.example.org", "SRV") == ["0 1 443 mail.example.org."]
    for label in ("autoconfig", "autodiscover", "mta-sts"):
        assert found(f"{label}.example.org", "CNAME") == ["mail.example.org."]
    assert found("_mta-sts.example.org", "TXT") == [f'"v=STSv1; id={mta_sts.identifier(site)}"']
    assert found("_smtp._tls.example.org", "TXT") == ['"v=TLSRPTv1; rua=mailto:postmaster@example.org"']
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


def names(text: str) -> list[tuple[str, str]]:
    site = testing.site(f"domain: example.org\n{text}")
    return [(record.name, record.type) for record in records.of_domain(site, "example.org", {})]


def test_what_is_off_is_not_announced() -> None:
    assert ("_caldavs._tcp.example.org", "SRV") not in names("webmail: roundcube\n")
    assert ("autoconfig.example.org", "CNAME") in names("webmail: none\n")
    without = names("ports: {https: false}\n")
    assert not [
        name for name, _ in without if name.startswith(("auto", "_auto", "mta-sts", "_mta-sts", "_cal"))
    ]
    assert "_mta-sts.example.org" not in dict(names("web: {mta_sts: {mode: none}}\n"))


def test_names_of_services_are_announced_and_have_addresses() -> None:
    text = "bind: [1.1.1.1]\nweb: {smtp_host: smtp.example.org, imap_host: imap.example.org, port: 8443}\n"
    site = testing.site(f"domain: example.org\n{text}")
    found = {(r.name, r.type): r.value for r in records.of_domain(site, "example.org", {})}
    assert found["_submissions._tcp.example.org", "SRV"] == "0 1 465 smtp.example.org."
    assert found["_imaps._tcp.example.org", "SRV"] == "0 1 993 imap.example.org."
    assert found["_caldavs._tcp.example.org", "SRV"] == "0 1 8443 mail.example.org."
    addresses = [(r.name, r.value) for r in records.of_host(site) if r.type == "A"]
    assert addresses == [
        ("mail.example.org", "1.1.1.1"),
        ("smtp.example.org", "1.1.1.1"),
        ("imap.example.org", "1.1.1.1"),
    ]


def test_another_policy_has_another_name() -> None:
    first = testing.site("domain: example.org\n")
    second = testing.site("domain: example.org\nweb: {mta_sts: {max_age_days: 30}}\n")
    assert mta_sts.policy(first) == (
        "version: STSv1\r\nmode: testing\r\nmx: mail.example.org\r\nmax_age: 604800\r\n"
    )
    assert mta_sts.identifier(first) != mta_sts.identifier(second)
    assert 1 <= len(mta_sts.identifier(first)) <= 32
