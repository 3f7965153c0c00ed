from pathlib import Path

import pytest

from keryx.components.testing import check_golden, site
from keryx.components.unbound.component import Unbound, forward_zone
from keryx.core import errors

GOLDEN = Path(__file__).parent / "golden"

EVERYTHING = """\
domain: example.org
log_level: debug
port_offset: 20000
unbound:
  forwarders: [192.0.2.53, "2001:db8::53@5353"]
  stub_zones:
    corp.example.org: 10.0.0.53
    10.in-addr.arpa: [10.0.0.53, 10.0.0.54@5353]
  insecure_domains: [corp.example.org]
  trust_anchors: ["signed.example. DS 12345 13 2 {hash}"]
  records: ['nas.example.org. 300 IN A 10.0.0.7', 'nas.example.org. TXT "v=spf1 -all"']
  offline: true
  cache_mb: 6
""".format(hash="ab" * 32)


def test_by_default_it_recurses_from_the_root_and_validates() -> None:
    check_golden(Unbound(), site(), GOLDEN / "default")


def test_in_a_pod_the_clusters_own_names_are_asked_of_its_servers() -> None:
    check_golden(Unbound(), site(pod="postfix"), GOLDEN / "pod")


def test_who_knows_the_clusters_names_is_read_from_resolv_conf(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("search mail.svc.cluster.local\nnameserver 10.96.0.10\nnameserver 2001:db8::a\n")
    lines = forward_zone("cluster.local", file).splitlines()
    assert lines[1:] == [
        "forward-zone:",
        '    name: "cluster.local"',
        "    forward-no-cache: yes",
        "    forward-addr: 10.96.0.10",
    ]


def test_a_pod_without_name_servers_is_told_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(errors.KeryxError, match=r"resolv\.conf names no name server"):
        forward_zone("cluster.local", tmp_path / "resolv.conf")


def test_every_setting_shows() -> None:
    check_golden(Unbound(), site(EVERYTHING), GOLDEN / "everything")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("forwarders: [dns.example.org]", "dns.example.org"),
        ("forwarders: [192.0.2.1@99999]", "192.0.2.1@99999"),
        ("forwarders: [0.0.0.0]", "0.0.0.0"),
        ("stub_zones: {bad zone: 10.0.0.1}", "bad zone"),
        ("stub_zones: {corp.example.org: nowhere}", "nowhere"),
        ("insecure_domains: ['a..b']", "a..b"),
        ("records: ['nas.example.org 300 IN A 10.0.0.7']", "nas.example.org"),
        ("records: ['nas.example.org. 300 IN A 10.0.0.777']", "10.0.0.777"),
        ('records: ["x. TXT it\'s"]', "it's"),
        ("cache_mb: 1", "cache_mb"),
        ("forwarder: []", "did you mean forwarders"),
    ],
)
def test_a_wrong_value_is_named(line: str, key: str) -> None:
    with pytest.raises(errors.BadSettings) as caught:
        site(f"domain: example.org\nunbound:\n  {line}\n")
    assert key in str(caught.value)
    assert "Traceback" not in str(caught.value)
