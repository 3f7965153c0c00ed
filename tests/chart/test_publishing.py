"""How the world reaches the release: Services, routes, the certificate; and how it is saved."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from keryx.host.home import DEFAULT as HOME
from keryx.settings.site import Paths
from tests.chart import helm
from tests.chart.helm import Manifest

BEHIND = "trusted_proxies: [192.0.2.0/24]"


def service(name: str, text: str = "settings: {domain: example.org}") -> Manifest:
    spec: Manifest = helm.of_kind(helm.rendered(text), "Service")[name]["spec"]
    return spec


def of_example(example: str, kind: str) -> dict[str, Manifest]:
    return {name: part["spec"] for name, part in helm.of_kind(helm.example(example), kind).items()}


def test_mail_comes_in_by_fixed_ports_of_the_nodes_unless_said_otherwise() -> None:
    numbers = {port["name"]: port["nodePort"] for port in service("postfix-public")["ports"]}
    assert numbers == {"smtp": 30025, "submissions": 30465, "submission": 30587}
    numbers = {port["name"]: port["nodePort"] for port in service("dovecot-public")["ports"]}
    assert numbers == {"imap": 30143, "imaps": 30993, "pop3": 30110, "pop3s": 30995, "sieve": 30190}
    assert service("nginx-public")["type"] == "ClusterIP"


def test_ports_follow_the_settings() -> None:
    text = "settings: {domain: example.org, ports: {smtp: 2525, submission: false, pop3: {enabled: false}}}"
    assert {port["name"]: port["port"] for port in service("postfix-public", text)["ports"]} == {
        "smtp": 2525,
        "submissions": 465,
    }
    assert "pop3" not in {port["name"] for port in service("dovecot-public", text)["ports"]}
    postfix = helm.containers(helm.workloads(helm.rendered(text))["postfix"])["postfix"]
    assert {"name": "smtp", "containerPort": 2525} in postfix["ports"]


def test_a_load_balancer_gets_all_that_it_may_be_told() -> None:
    spec = of_example("loadbalancer", "Service")["dovecot-public"]
    assert spec["type"] == "LoadBalancer"
    assert spec["loadBalancerIP"] == "192.0.2.25"
    assert spec["loadBalancerClass"] == "metallb.io/metallb"
    assert spec["loadBalancerSourceRanges"] == ["192.0.2.0/24", "2001:db8::/32"]
    assert spec["externalTrafficPolicy"] == "Local"
    assert spec["ipFamilyPolicy"] == "PreferDualStack"
    assert spec["ipFamilies"] == ["IPv4", "IPv6"]
    assert all("nodePort" not in port for port in spec["ports"])
    whole = helm.of_kind(helm.example("loadbalancer"), "Service")["dovecot-public"]
    assert whole["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"] == "mail.example.org"
    inner = helm.of_kind(helm.example("loadbalancer"), "Service")["dovecot"]
    assert "annotations" not in inner["metadata"], "they are the public Service's"


def test_ports_of_the_node_itself() -> None:
    found = helm.workloads(helm.example("hostport"))
    ports = {
        port["name"]: port["hostPort"]
        for pod in ("postfix", "dovecot", "nginx")
        for port in helm.containers(found[pod])[pod]["ports"]
        if "hostPort" in port
    }
    assert ports == {
        **{"smtp": 25, "submissions": 465, "submission": 587, "http": 80, "https": 443},
        **{"imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "sieve": 4190},
    }


def test_a_port_of_the_node_is_free_before_the_next_pod_takes_it() -> None:
    spec = helm.workloads(helm.example("hostport"))["nginx"]["spec"]
    assert spec["strategy"] == {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert "strategy" not in helm.workloads(helm.example("minimal"))["nginx"]["spec"]


def test_the_proxy_protocol_is_for_public_ports_and_not_between_pods() -> None:
    """One knob, in the settings: the inner Services name ports that never want a header."""
    found = helm.example("proxy-protocol")
    inner = of_example("proxy-protocol", "Service")["postfix"]
    public = {port["port"] for port in of_example("proxy-protocol", "Service")["postfix-public"]["ports"]}
    assert not public & {port["port"] for port in inner["ports"]}
    assert "proxy_protocol: true" in helm.settings_files(found)["keryx.yaml"]


def test_hosts_of_their_own_have_ingresses_of_their_own() -> None:
    found = of_example("ingress", "Ingress")
    hosts = {name: [rule["host"] for rule in spec["rules"]] for name, spec in found.items()}
    assert hosts == {
        "webmail": ["webmail.example.org", "mail.example.org"],
        "admin": ["admin.example.org"],
        "rspamd": ["filter.example.org"],
        "autoconfig": ["autoconfig.example.org", "autodiscover.example.org"],
        "mta-sts": ["mta-sts.example.org"],
    }
    for spec in found.values():
        for rule in spec["rules"]:
            (path,) = rule["http"]["paths"]
            assert path["backend"]["service"] == {"name": "mail-keryx-nginx-public", "port": {"name": "http"}}
    assert found["webmail"]["ingressClassName"] == "nginx"
    assert found["webmail"]["tls"][0]["secretName"] == "mail-keryx-certificate"
    assert found["rspamd"]["ingressClassName"] == "internal"
    assert found["rspamd"]["tls"][0]["secretName"] == "filter-certificate"
    annotations = {
        name: part["metadata"]["annotations"]
        for name, part in helm.of_kind(helm.example("ingress"), "Ingress").items()
    }
    own = "nginx.ingress.kubernetes.io/whitelist-source-range"
    assert [name for name in annotations if own in annotations[name]] == ["admin"]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ("", {"webmail": ["mail.example.org"]}),
        ("webmail: none", {"admin": ["mail.example.org"]}),
        (
            "web: {admin_host: admin.example.org}",
            {"webmail": ["mail.example.org"], "admin": ["admin.example.org"]},
        ),
        (
            "web: {rspamd_host: filter.example.org, admin_host: filter.example.org}",
            {"webmail": ["mail.example.org"], "admin": ["filter.example.org"]},
        ),
    ],
)
def test_a_host_is_routed_once(settings: str, wanted: dict[str, list[str]]) -> None:
    given = ", ".join(part for part in ("domain: example.org", BEHIND, settings) if part)
    text = f"settings: {{{given}}}\nweb: {{ingress: {{enabled: true}}}}"
    found = {
        name: [rule["host"] for rule in part["spec"]["rules"]]
        for name, part in helm.of_kind(helm.rendered(text), "Ingress").items()
        if name not in ("autoconfig", "mta-sts")
    }
    assert found == wanted


def test_a_path_of_the_same_host_may_have_an_ingress_of_its_own() -> None:
    text = (
        f"settings: {{domain: example.org, {BEHIND}}}\n"
        "web: {ingress: {enabled: true, admin: {path: /admin}}}"
    )
    found = helm.of_kind(helm.rendered(text), "Ingress")
    (rule,) = found["admin"]["spec"]["rules"]
    assert (rule["host"], rule["http"]["paths"][0]["path"]) == ("mail.example.org", "/admin")


def test_routes_of_the_gateway_api() -> None:
    found = of_example("gateway-api", "HTTPRoute")
    assert set(found) == {"webmail", "rspamd", "autoconfig", "mta-sts"}
    edge = [{"name": "edge", "namespace": "gateways", "sectionName": "https"}]
    assert found["webmail"]["parentRefs"] == edge
    assert found["rspamd"]["parentRefs"] == [{"name": "internal", "namespace": "gateways"}]
    assert found["mta-sts"]["hostnames"] == ["mta-sts.example.org", "mta-sts.example.net"]
    assert found["webmail"]["rules"][0]["backendRefs"] == [{"name": "mail-keryx-nginx-public", "port": 80}]
    whole = helm.of_kind(helm.example("gateway-api"), "HTTPRoute")
    assert whole["rspamd"]["metadata"]["annotations"] == {"example.org/owner": "postmaster"}
    assert "annotations" not in whole["webmail"]["metadata"]


def test_every_mail_port_has_a_route_to_a_listener_of_its_name() -> None:
    found = of_example("gateway-api", "TCPRoute")
    ports = {name: spec["rules"][0]["backendRefs"][0] for name, spec in found.items()}
    assert ports["imaps"] == {"name": "mail-keryx-dovecot-public", "port": 993}
    assert {entry["port"] for entry in ports.values()} == {25, 465, 587, 143, 993, 110, 995, 4190}
    assert found["imaps"]["parentRefs"] == [{"name": "edge", "namespace": "gateways", "sectionName": "imaps"}]
    own = [{"name": "smtp-edge", "namespace": "gateways", "sectionName": "port-25"}]
    assert found["smtp"]["parentRefs"] == own
    newer = helm.template(
        *("--values", helm.CHART / "examples/gateway-api.yaml"),
        *("--api-versions", "gateway.networking.k8s.io/v1/TCPRoute"),
    )
    versions = {part["apiVersion"] for part in helm.manifests(newer.stdout) if part["kind"] == "TCPRoute"}
    assert versions == {"gateway.networking.k8s.io/v1"}


def test_ports_that_begin_with_tls_have_a_route_by_name() -> None:
    found = of_example("gateway-tls", "TLSRoute")
    edge = {"name": "edge", "namespace": "gateways"}
    assert found == {
        "submissions": {
            "parentRefs": [{**edge, "sectionName": "submissions"}],
            "hostnames": ["mail.example.org"],
            "rules": [{"backendRefs": [{"name": "mail-keryx-postfix-public", "port": 465}]}],
        },
        "imaps": {
            "parentRefs": [{**edge, "sectionName": "imaps"}],
            "hostnames": ["mail.example.org", "imap.example.org"],
            "rules": [{"backendRefs": [{"name": "mail-keryx-dovecot-public", "port": 993}]}],
        },
        "pop3s": {
            "parentRefs": [{"name": "old", "namespace": "gateways", "sectionName": "port-995"}],
            "hostnames": ["mail.example.org", "imap.example.org"],
            "rules": [{"backendRefs": [{"name": "mail-keryx-dovecot-public", "port": 995}]}],
        },
    }
    assert set(of_example("gateway-tls", "TCPRoute")) == {"smtp", "sieve"}, "a port has one route"
    for kind, notes in (("TLSRoute", {"example.org/owner": "postmaster"}), ("TCPRoute", None)):
        for part in helm.of_kind(helm.example("gateway-tls"), kind).values():
            assert part["metadata"].get("annotations") == notes


def test_routes_by_name_are_of_the_newest_version_and_may_have_names_of_their_own() -> None:
    text = (
        "settings: {domain: example.org, ports: {pop3s: false}}\n"
        "tlsRoute: {enabled: true, parentRefs: [{name: edge}], hosts: ['*.example.org']}"
    )
    newer = helm.template("--api-versions", "gateway.networking.k8s.io/v1/TLSRoute", text=text)
    found = helm.of_kind(helm.manifests(newer.stdout), "TLSRoute", "TCPRoute")
    assert set(found) == {"submissions", "imaps"}
    for part in found.values():
        assert (part["apiVersion"], part["kind"]) == ("gateway.networking.k8s.io/v1", "TLSRoute")
        assert part["spec"]["hostnames"] == ["*.example.org"]


def test_the_filter_s_ports_are_outside_only_when_asked_for_twice() -> None:
    """The pages ask for a password there, as they do among pods."""
    text = (
        "settings: {domain: example.org}\n"
        "rspamd: {service: {type: NodePort, nodePorts: {controller: 30334}, allowOutside: true}}"
    )
    spec = service("rspamd-public", text)
    ports = {port["name"]: (port["port"], port.get("nodePort")) for port in spec["ports"]}
    assert ports == {"controller": (11334, 30334), "scan": (11333, None), "door-pages": (10085, None)}
    assert spec["type"] == "NodePort"
    rules = helm.of_kind(helm.rendered(text), "NetworkPolicy")["rspamd"]["spec"]["ingress"]
    assert {"ports": [{"protocol": "TCP", "port": 11334}]} in rules, "from anywhere"
    assert "rspamd-public" not in helm.of_kind(helm.example("minimal"), "Service")


def test_tls_up_to_the_gateway() -> None:
    text = "settings: {domain: example.org}\nweb: {backend: https, ingress: {enabled: true}}"
    for part in helm.of_kind(helm.rendered(text), "Ingress").values():
        for rule in part["spec"]["rules"]:
            assert rule["http"]["paths"][0]["backend"]["service"]["port"] == {"name": "https"}


def test_one_certificate_for_all_names() -> None:
    spec = of_example("cert-manager", "Certificate")["certificate"]
    assert spec["secretName"] == "mail-keryx-certificate"
    assert spec["issuerRef"] == {"name": "letsencrypt", "kind": "ClusterIssuer"}
    assert spec["dnsNames"] == [
        *("mail.example.org", "webmail.example.org", "smtp.example.org", "imap.example.org"),
        *("autoconfig.example.org", "autodiscover.example.org", "mta-sts.example.org", "mta-sts.example.net"),
    ]


@pytest.mark.parametrize(
    ("example", "secret"),
    [
        ("minimal", "mail-keryx-certificate"),
        ("certificate-existing", "mail-example-org-tls"),
        ("certificate-copied", "mail-keryx-certificate"),
        ("cert-manager", "mail-keryx-certificate"),
    ],
)
def test_pods_show_the_certificate_that_there_is(example: str, secret: str) -> None:
    found = helm.workloads(helm.example(example))
    for pod in ("postfix", "dovecot", "nginx"):
        (volume,) = (v for v in helm.pod_spec(found[pod])["volumes"] if v["name"] == "certificate")
        assert volume["secret"]["secretName"] == secret


VELERO = "backup.velero.io"


def backed_up(found: Sequence[Manifest]) -> dict[str, dict[str, str]]:
    """Return what is said to Velero, by pod."""
    notes = {
        pod: part["spec"]["template"]["metadata"]["annotations"]
        for pod, part in helm.workloads(found).items()
    }
    kept = {pod: {key: note[key] for key in note if VELERO in key} for pod, note in notes.items()}
    return {pod: note for pod, note in kept.items() if note}


def test_of_databases_a_dump_is_copied_and_of_all_else_the_volume() -> None:
    found = helm.example("backup")
    notes = backed_up(found)
    assert {pod: note[f"{VELERO}/backup-volumes"] for pod, note in notes.items()} == {
        **dict.fromkeys(("redis", "rspamd", "dovecot", "postfix"), "data"),
        **dict.fromkeys(("openldap", "postgresql"), "dump"),
    }
    for pod in ("openldap", "postgresql"):
        assert notes[pod][f"{VELERO}/backup-volumes-excludes"] == "data"
        assert json.loads(notes[pod][f"pre.hook.{VELERO}/command"]) == ["keryx", "dump", pod]
        assert notes[pod][f"pre.hook.{VELERO}/container"] == pod
        assert notes[pod][f"pre.hook.{VELERO}/timeout"] == "10m"
        spec = helm.pod_spec(helm.workloads(found)[pod])
        assert {"name": "dump", "emptyDir": {}} in spec["volumes"]
        (container,) = spec["containers"]
        assert {"name": "dump", "mountPath": str(Paths(HOME).dumps)} in container["volumeMounts"]


@pytest.mark.parametrize("velero", ["{enabled: false}", "{enabled: true, fileSystem: false}"])
def test_snapshots_need_no_dump(velero: str) -> None:
    found = helm.rendered(f"settings: {{domain: example.org}}\nbackup: {{velero: {velero}}}")
    assert backed_up(found) == {}
    volumes = helm.pod_spec(helm.workloads(found)["openldap"])["volumes"]
    assert "dump" not in {volume["name"] for volume in volumes}


def test_a_schedule_takes_the_release_and_what_helm_knows_of_it() -> None:
    (spec,) = of_example("backup", "Schedule").values()
    assert spec["schedule"] == "30 2 * * *"
    template = spec["template"]
    assert template["includedNamespaces"] == [helm.NAMESPACE]
    assert template["snapshotVolumes"] is False
    release = {"app.kubernetes.io/name": "keryx", "app.kubernetes.io/instance": helm.RELEASE}
    assert [one["matchLabels"] for one in template["orLabelSelectors"]] == [
        release,
        {"owner": "helm", "name": helm.RELEASE},
    ]
    # Everything that the chart makes has them; so do the Secrets that cert-manager makes for it.
    for part in (*helm.example("backup"), *helm.example("ingress")):
        if part["kind"] != "Schedule":
            assert release.items() <= part["metadata"]["labels"].items(), part["metadata"]["name"]
        if part["kind"] == "Certificate":
            assert part["spec"]["secretTemplate"]["labels"] == release
    assert not helm.of_kind(helm.example("minimal"), "Schedule")


def test_helm_test_sends_a_message() -> None:
    (pod,) = helm.of_kind(helm.example("minimal"), "Pod").values()
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["keryx", "doctor"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "test"
