"""Who may talk to whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from keryx.components.postfix.component import Postfix
from keryx.components.testing import site as make_site
from tests.chart import helm
from tests.chart.helm import Manifest

ALL = """\
settings: {domain: example.org, clamav: {enabled: true}}
operator: {enabled: true, record: {enabled: true}}
"""
PUBLIC = {
    "postfix": {25, 465, 587},
    "dovecot": {143, 993, 110, 995, 4190},
    "nginx": {80, 443},
}
LDAP = {"dovecot", "postfix", "rspamd", "sogo", "roundcube", "admin", "operator", "init", "test"}
EDGES: Mapping[tuple[str, int], set[str]] = {
    ("openldap", 10636): LDAP,
    ("postgresql", 5432): {"admin", "sogo", "roundcube", "rspamd", "operator", "init", "test"},
    ("redis", 6379): {"rspamd"},
    ("memcached", 11211): {"sogo", "admin"},
    ("clamav", 3310): {"rspamd"},
    ("rspamd", 11333): {"postfix"},
    ("rspamd", 11334): {"dovecot", "admin", "test"},
    ("rspamd", 10085): {"nginx"},
    ("dovecot", 10024): {"postfix"},
    ("dovecot", 12340): {"postfix"},
    ("dovecot", 11143): {"sogo", "roundcube", "admin", "test"},
    ("dovecot", 11993): {"sogo", "roundcube", "admin", "test"},
    ("dovecot", 15190): {"sogo", "roundcube", "admin", "test"},
    ("dovecot", 10098): {"admin", "test"},
    ("postfix", 10125): {"dovecot", "admin", "test"},
    ("postfix", 11587): {"sogo", "roundcube", "admin", "test"},
    ("postfix", 10099): {"admin", "test"},
    ("sogo", 10081): {"nginx"},
    ("sogo", 10082): {"nginx"},
    ("sogo", 10083): {"nginx"},
    ("roundcube", 10084): {"nginx"},
    ("admin", 10080): {"nginx"},
    ("nginx", 11443): {"roundcube", "admin", "test"},
}
"""Whose port, and who may come to it. How a pod is (18080 and following) is asked by the administration."""
ASKING = {"admin", "test"}


def policies(text: str = ALL) -> Mapping[str, Manifest]:
    return helm.of_kind(helm.rendered(text), "NetworkPolicy")


def peers(rule: Manifest, direction: str) -> Iterator[str]:
    for peer in rule.get(direction, ()):
        labels = peer["podSelector"]["matchLabels"]
        assert labels["app.kubernetes.io/instance"] == helm.RELEASE, "of this release only"
        (expression,) = peer["podSelector"]["matchExpressions"]
        yield from expression["values"]


def ports(rule: Manifest) -> set[int]:
    return {port["port"] for port in rule["ports"]}


def edges(direction: str, peers_of: str) -> dict[tuple[str, int], set[str]]:
    """Return whose ports may be reached by whom, as one of the two sides has it."""
    found: dict[tuple[str, int], set[str]] = {}
    for pod, policy in policies().items():
        for rule in policy["spec"][direction]:
            for port in ports(rule):
                for peer in peers(rule, peers_of):
                    host, guest = (pod, peer) if direction == "ingress" else (peer, pod)
                    found.setdefault((host, port), set()).add(guest)
    return found


def wanted() -> Mapping[tuple[str, int], set[str]]:
    return {**EDGES, **{(pod, 18080): ASKING for pod in helm.workloads(helm.rendered(ALL))}}


def test_nobody_comes_in_but_along_these_edges() -> None:
    assert edges("ingress", "from") == wanted()
    for pod, policy in policies().items():
        for rule in policy["spec"]["ingress"]:
            assert "from" in rule or ports(rule) <= PUBLIC[pod]


def test_who_may_come_may_also_go() -> None:
    assert edges("egress", "to") == wanted()


def test_all_containers_may_be_asked_how_they_are() -> None:
    for pod, workload in helm.workloads(helm.rendered(ALL)).items():
        (port,) = (
            port
            for rule in policies()[pod]["spec"]["ingress"]
            for port in rule["ports"]
            if port["port"] == 18080
        )
        assert port["endPort"] == 18079 + len(helm.containers(workload))


def test_networks_that_may_relay_are_those_that_postfix_in_its_pod_trusts() -> None:
    found = helm.rendered(
        "settings: {domain: example.org, relay_networks: [10.42.0.0/16]}\n"
        "postfix: {service: {externalTrafficPolicy: Local}}"
    )
    site = make_site(helm.settings_files(found)["keryx.yaml"], pod="postfix")
    (main,) = (file for file in Postfix().render(site) if file.path.name == "main.cf")
    lines = main.content.splitlines()
    assert [line for line in lines if line.startswith("mynetworks =")] == [
        "mynetworks = 127.0.0.0/8, [::1]/128, 10.42.0.0/16"
    ]
    rules = helm.of_kind(found, "NetworkPolicy")["postfix"]["spec"]["ingress"]
    assert any("from" not in rule and 25 in ports(rule) for rule in rules)


def test_every_pod_has_a_policy() -> None:
    found = helm.rendered(ALL)
    assert set(helm.of_kind(found, "NetworkPolicy")) == {*helm.workloads(found), "init", "test"}
    for policy in policies().values():
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize(
    ("pod", "wanted"),
    [
        ("postfix", {25}),
        ("rspamd", {80, 443, 11335}),
        ("clamav", {443}),
        ("operator", {443, 6443, 8443, 16443}),
        ("dovecot", set()),
        ("sogo", set()),
        ("openldap", set()),
    ],
)
def test_the_world_is_reached_by_those_that_need_it(pod: str, wanted: set[int]) -> None:
    open_ = [rule for rule in policies()[pod]["spec"]["egress"] if "to" not in rule]
    assert set[int]().union(*map(ports, open_)) == {53, 5353, *wanted}


def world(name: str, pod: str) -> set[int]:
    policy = helm.of_kind(helm.example(name), "NetworkPolicy")[pod]
    open_ = [rule for rule in policy["spec"]["egress"] if "to" not in rule]
    return set[int]().union(*map(ports, open_)) - {53, 5353}


def test_name_servers_at_ports_of_their_own_are_reached() -> None:
    found = helm.of_kind(
        helm.rendered(
            "settings:\n  domain: example.org\n"
            "  unbound: {forwarders: [10.0.0.53@5300], stub_zones: {corp.example: 10.0.0.54@54}}"
        ),
        "NetworkPolicy",
    )
    for pod, more in (("postfix", {5300, 54}), ("rspamd", {5300, 54}), ("dovecot", set[int]())):
        (names,) = (rule for rule in found[pod]["spec"]["egress"] if 53 in ports(rule))
        assert ports(names) == {53, 5353, *more}
        assert {entry["protocol"] for entry in names["ports"]} == {"UDP", "TCP"}


def test_external_servers_and_smarthosts_are_reached() -> None:
    assert world("external-ldap", "dovecot") == {3636}
    assert world("external-ldap", "nginx") == set()
    assert world("external-postgresql", "sogo") == {5432}
    assert world("external-postgresql", "init") == {5432}
    assert world("external-postgresql", "postfix") == {25}
    assert world("relayhost", "postfix") == {25, 2587}


def test_ports_that_are_moved_are_open_where_they_are() -> None:
    found = policies("settings: {domain: example.org, ports: {smtp: 2525, pop3: false}}")
    (rule,) = (one for one in found["postfix"]["spec"]["ingress"] if "from" not in one)
    assert ports(rule) == {2525, 465, 587}
    (rule,) = (one for one in found["dovecot"]["spec"]["ingress"] if "from" not in one)
    assert 110 not in ports(rule)


def test_own_rules_are_added_and_all_can_be_switched_off() -> None:
    rules = helm.of_kind(helm.example("placed"), "NetworkPolicy")["postfix"]["spec"]["egress"]
    assert {"ports": [{"protocol": "TCP", "port": 2525}]} in rules
    text = "settings: {domain: example.org}\nnetworkPolicy: {enabled: false}"
    assert not helm.of_kind(helm.rendered(text), "NetworkPolicy")


def test_what_is_opened_to_the_outside_is_open() -> None:
    rules = helm.of_kind(helm.example("placed"), "NetworkPolicy")["openldap"]["spec"]["ingress"]
    assert rules[0] == {"ports": [{"protocol": "TCP", "port": 10636}]}
    assert all("from" in rule for rule in rules[1:])
