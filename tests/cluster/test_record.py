"""The A record follows the mail pods: the operator's process against an API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chart.helm import NAMESPACE
from tests.cluster.operating import FULLNAME, Release, values
from tests.kubernetes_api import Body

ON = {"record": {"enabled": True}}
FIRST, SECOND, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"


@pytest.fixture
def release(make_release: Callable[[Body], Release]) -> Release:
    made = make_release(values(operator=ON))
    made.node("one", FIRST)
    made.node("two", SECOND, "2001:db8::2")
    return made


def endpoints(release: Release) -> list[Body]:
    """Return the records that external-dns would make."""
    found = release.api.get("DNSEndpoint", NAMESPACE, FULLNAME)
    listed: list[Body] = found["spec"]["endpoints"] if found else []
    return listed


def targets(release: Release) -> list[str]:
    """Return every address of the record."""
    return sorted(target for one in endpoints(release) for target in one["targets"])


def leads_to(release: Release, *addresses: str) -> None:
    """Wait until the record has just these addresses."""
    release.until(lambda: targets(release) == sorted(addresses), f"the record has {addresses}")


def test_a_ready_pod_gives_the_record_its_node_s_address(release: Release) -> None:
    release.mail_pod("postfix-0", "one", ready=False)
    release.mail_pod("dovecot-0", "two", component="dovecot")
    release.start()
    release.says("no record is made yet")
    assert endpoints(release) == []
    release.mail_pod("postfix-0", "one")
    leads_to(release, FIRST)
    assert endpoints(release) == [
        {"dnsName": "mail.example.org", "recordType": "A", "recordTTL": 180, "targets": [FIRST]}
    ]
    assert release.lives()["record"] == f"mail.example.org lead to {FIRST}"


def test_it_moves_with_the_pod_and_has_both_addresses_of_a_node(release: Release) -> None:
    release.mail_pod("postfix-0", "one")
    release.start()
    leads_to(release, FIRST)
    release.api.delete("Pod", NAMESPACE, "postfix-0")
    release.mail_pod("postfix-0", "", ready=False)
    release.mail_pod("postfix-0", "two")
    leads_to(release, SECOND, "2001:db8::2")
    assert [one["recordType"] for one in endpoints(release)] == ["A", "AAAA"]


def test_several_pods_give_several_addresses_and_one_that_is_not_ready_none(release: Release) -> None:
    release.node("three", THIRD)
    release.mail_pod("postfix-0", "one")
    release.mail_pod("postfix-1", "three")
    release.start()
    leads_to(release, FIRST, THIRD)
    release.mail_pod("postfix-0", "one", ready=False)
    leads_to(release, THIRD)


def test_a_pod_that_is_about_to_end_does_not_count(release: Release) -> None:
    release.mail_pod("postfix-0", "one")
    release.mail_pod("postfix-1", "two")
    release.start()
    leads_to(release, FIRST, SECOND, "2001:db8::2")
    pod = release.mail_pod("postfix-0", "one")
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    release.api.put(pod)
    leads_to(release, SECOND, "2001:db8::2")


def test_the_record_stays_when_the_last_pod_goes(release: Release) -> None:
    release.mail_pod("postfix-0", "one")
    release.start()
    leads_to(release, FIRST)
    release.api.delete("Pod", NAMESPACE, "postfix-0")
    release.says(
        f"no mail pod is ready on a node with an address; mail.example.org lead to {FIRST}, as before"
    )
    assert targets(release) == [FIRST]
    # Nor does a new operator, which has nothing but the record to remember by.
    assert release.stop() == 0
    release.start()
    release.says("as before", times=2)
    assert targets(release) == [FIRST]
    release.mail_pod("postfix-0", "two")
    leads_to(release, SECOND, "2001:db8::2")


def test_an_address_that_changes_is_followed(release: Release) -> None:
    release.mail_pod("postfix-0", "one")
    release.start()
    leads_to(release, FIRST)
    release.node("one", THIRD)
    leads_to(release, THIRD)
    # A node that lost its address is not followed into nothing.
    release.node("one")
    release.says("as before")
    assert targets(release) == [THIRD]


def test_a_record_that_was_edited_or_removed_is_made_again(release: Release) -> None:
    release.mail_pod("postfix-0", "one")
    release.start()
    leads_to(release, FIRST)
    edited = release.api.get("DNSEndpoint", NAMESPACE, FULLNAME)
    assert edited
    edited["spec"]["endpoints"][0]["targets"] = ["203.0.113.9"]
    release.api.put(edited)
    leads_to(release, FIRST)
    release.api.delete("DNSEndpoint", NAMESPACE, FULLNAME)
    leads_to(release, FIRST)


def test_a_record_of_somebody_else_is_left_alone(release: Release) -> None:
    foreign = {
        "apiVersion": "externaldns.k8s.io/v1alpha1",
        "kind": "DNSEndpoint",
        "metadata": {"name": FULLNAME, "namespace": NAMESPACE},
        "spec": {"endpoints": []},
    }
    release.api.put(foreign)
    release.mail_pod("postfix-0", "one")
    release.start()
    release.says(f"The DNSEndpoint {NAMESPACE}/{FULLNAME} was not made by Keryx and was left as it is.")
    assert endpoints(release) == []


def test_nothing_is_written_while_all_is_well(release: Release) -> None:
    release.mail_pod("postfix-0", "one")
    release.start()
    leads_to(release, FIRST)
    before = release.api.get("DNSEndpoint", NAMESPACE, FULLNAME)
    pod = release.mail_pod("postfix-0", "one")
    release.stop()
    release.start()
    release.says("lead to", times=2)
    assert release.api.get("DNSEndpoint", NAMESPACE, FULLNAME) == before
    assert release.api.get("Pod", NAMESPACE, "postfix-0") == pod


def test_an_api_that_is_away_is_waited_for(release: Release) -> None:
    release.api.stop()
    release.start()
    release.says("The cluster's API does not answer")
    release.api.start()
    release.mail_pod("postfix-0", "one")
    leads_to(release, FIRST)
    release.api.stop()
    release.mail_pod("postfix-0", "two")
    release.api.forget_history()
    release.api.start()
    leads_to(release, SECOND, "2001:db8::2")
    assert release.stop() == 0
    assert "Traceback" not in release.log.read_text()


def test_a_cluster_without_external_dns_is_told_of_and_waited_for(
    make_release: Callable[[Body], Release],
) -> None:
    release = make_release(values(operator={**ON, "resync": 1}))
    release.node("one", FIRST)
    release.mail_pod("postfix-0", "one")
    kind = ("externaldns.k8s.io/v1alpha1", "dnsendpoints")
    release.api.absent.add(kind)
    release.start()
    release.says("This cluster knows no DNSEndpoint")
    release.api.absent.remove(kind)
    leads_to(release, FIRST)


def test_hosts_ttl_kinds_of_addresses_and_labels_can_be_set(make_release: Callable[[Body], Release]) -> None:
    record = {
        "enabled": True,
        "hosts": ["mx.example.org", "smtp.example.net"],
        "ttl": 60,
        "addressTypes": ["ExternalIP", "InternalIP"],
        "labels": {"zone": "public"},
        "annotations": {"external-dns.example/provider": "other"},
    }
    release = make_release(values(operator={"record": record}))
    release.node("one", internal="10.1.2.3")
    release.mail_pod("postfix-0", "one")
    release.start()
    leads_to(release, "10.1.2.3", "10.1.2.3")
    assert [(one["dnsName"], one["recordTTL"]) for one in endpoints(release)] == [
        ("mx.example.org", 60),
        ("smtp.example.net", 60),
    ]
    body: Any = release.api.get("DNSEndpoint", NAMESPACE, FULLNAME)
    assert body["metadata"]["labels"]["zone"] == "public"
    assert body["metadata"]["annotations"]["external-dns.example/provider"] == "other"


def test_changed_values_are_taken_up_while_it_runs(release: Release) -> None:
    release.mail_pod("postfix-0", "one")
    release.start()
    leads_to(release, FIRST)
    (release.home / "operator.yaml").write_text("release: x\nrecrod: {}\n")
    release.says("changed settings are not taken up")
    release.upgrade(values(operator={"record": {"enabled": True, "ttl": 77}}))
    release.until(lambda: endpoints(release)[0]["recordTTL"] == 77, "the TTL is the new one")
    assert release.lives()
    assert release.stop() == 0
