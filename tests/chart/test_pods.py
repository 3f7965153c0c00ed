"""Pods: what the chart's tables say against what the Python code says, and what each pod may."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from images.identities import IDENTITIES
from keryx.components import registry
from keryx.components.component import AS_ROOT
from keryx.settings.doors import DOORS
from keryx.settings.placement import PROBES
from keryx.settings.ports import INNER, STANDARD
from tests.chart import helm
from tests.chart.helm import Manifest
from tests.running import CHECKOUT

CONTRACT: Mapping[str, tuple[str, Sequence[str]]] = {
    "openldap": ("StatefulSet", ["openldap"]),
    "postgresql": ("StatefulSet", ["postgresql"]),
    "redis": ("StatefulSet", ["redis"]),
    "memcached": ("Deployment", ["memcached"]),
    "clamav": ("StatefulSet", ["freshclam", "clamav"]),
    "rspamd": ("StatefulSet", ["rspamd", "unbound", "dovecot", "privileged", "nginx"]),
    "dovecot": ("StatefulSet", ["dovecot", "privileged", "nginx"]),
    "postfix": (
        "StatefulSet",
        ["postfix", "postsrsd", "unbound", "rspamd", "dovecot", "privileged", "nginx"],
    ),
    "sogo": ("Deployment", ["sogo", "dav", "activesync", "nginx"]),
    "roundcube": ("Deployment", ["roundcube", "nginx"]),
    "admin": ("Deployment", ["admin", "nginx"]),
    "nginx": ("Deployment", ["nginx"]),
    "operator": ("Deployment", ["operator"]),
}
ALL = """\
settings: {domain: example.org, clamav: {enabled: true}}
operator: {enabled: true, record: {enabled: true}}
"""
PODS = tuple(CONTRACT)
SOGO = {"dav", "activesync"}
"""Components that work in the pod of another."""


def workload(pod: str) -> Manifest:
    return helm.workloads(helm.rendered(ALL))[pod]


def table(name: str) -> Mapping[str, Mapping[str, object]]:
    """Return a table of the chart's helpers, which are YAML with nothing in it to be worked out."""
    text = (helm.CHART / "templates/_table.tpl").read_text()
    found = re.search(rf'define "keryx\.{name}" -}}}}\n(.*?){{{{- end', text, re.DOTALL)
    assert found
    values: Mapping[str, Mapping[str, object]] = yaml.safe_load(found[1])
    return values


def test_the_pods_are_these_with_these_containers() -> None:
    found = helm.workloads(helm.rendered(ALL))
    assert {pod: (one["kind"], list(helm.containers(one))) for pod, one in found.items()} == CONTRACT


def test_every_component_has_a_container() -> None:
    there = {name for _, names in CONTRACT.values() for name in names}
    assert there == {component.name for component in registry.COMPONENTS} | {"operator"}


@pytest.mark.parametrize("pod", PODS)
def test_a_container_may_what_its_component_declares_and_no_more(pod: str) -> None:
    alone = "runAsUser" in helm.pod_spec(workload(pod))["securityContext"]
    for name, container in helm.containers(workload(pod)).items():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"]["drop"] == ["ALL"]
        added = set(security["capabilities"].get("add", ()))
        assert added == (set() if alone else set(registry.find(name).capabilities)), name


def test_the_table_of_capabilities_is_the_components() -> None:
    given = table("capabilities")
    assert set(given["all"]) == set(AS_ROOT)
    own = {one.name: set(one.capabilities) - set(AS_ROOT) for one in registry.COMPONENTS}
    assert {name: set(words) for name, words in given.items() if name != "all"} == {
        name: words for name, words in own.items() if words
    }


@pytest.mark.parametrize("pod", PODS)
def test_a_daemon_that_can_be_alone_is_its_own_user(pod: str) -> None:
    security = helm.pod_spec(workload(pod))["securityContext"]
    names = CONTRACT[pod][1]
    user = "keryx" if pod == "operator" else registry.find(pod).alone_as if len(names) == 1 else ""
    assert security.get("runAsUser") == (IDENTITIES[user] if user else None)
    if user:
        assert security["runAsNonRoot"] is True
        assert security["fsGroup"] == security["runAsGroup"] == IDENTITIES[user]
    else:
        group = {"dovecot": "vmail", "postfix": "postfix", "admin": "keryx"}.get(pod)
        assert security.get("fsGroup") == (IDENTITIES[group] if group else None)


BASELINE = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
"""Capabilities that the level "baseline" lets a container have."""
VOLUMES = {"configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
SYSCTLS = {"net.ipv4.ip_unprivileged_port_start"}


def restricted(spec: Manifest) -> list[str]:
    """Return what speaks against the level "restricted" of the Pod Security Standards.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    security = spec["securityContext"]
    against = []
    if not (security.get("runAsNonRoot") and security.get("runAsUser", 0) > 0):
        against.append("starts as root")
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        against.append("seccomp")
    if any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        against.append("the host's namespaces")
    if {one["name"] for one in security.get("sysctls", ())} - SYSCTLS:
        against.append("sysctls")
    for volume in spec["volumes"]:
        if not VOLUMES & set(volume):
            against.append(f"volume {volume['name']}")
    for container in spec["containers"]:
        own = container["securityContext"]
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            against.append(f"{container['name']}: privileges")
        if own["capabilities"].get("drop") != ["ALL"]:
            against.append(f"{container['name']}: keeps capabilities")
        if set(own["capabilities"].get("add", ())) - {"NET_BIND_SERVICE"}:
            against.append(f"{container['name']}: adds capabilities")
        if any("hostPort" in port for port in container["ports"]):
            against.append(f"{container['name']}: hostPort")
    return against


@pytest.mark.parametrize("pod", PODS)
def test_all_pods_pass_the_restricted_level_but_those_that_the_page_lists_with_the_reason(pod: str) -> None:
    page = (CHECKOUT / "docs/explanation/chart.md").read_text()
    listed = re.findall(r"^\| ([a-z]+) \| root \| .+ \|$", page, re.MULTILINE)
    against = restricted(helm.pod_spec(workload(pod)))
    assert bool(against) == (pod in listed), against


@pytest.mark.parametrize("pod", PODS)
def test_all_pods_pass_the_baseline_level(pod: str) -> None:
    spec = helm.pod_spec(workload(pod))
    assert all(VOLUMES & set(volume) for volume in spec["volumes"])
    assert not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
    for container in spec["containers"]:
        assert set(container["securityContext"]["capabilities"].get("add", ())) <= BASELINE
        assert "privileged" not in container["securityContext"]


@pytest.mark.parametrize("pod", PODS)
def test_a_container_is_started_and_asked_as_the_images_expect(pod: str) -> None:
    for index, (name, container) in enumerate(helm.containers(workload(pod)).items()):
        assert container["args"] == [name]
        assert "command" not in container, "no shell, no other program"
        assert container["image"] == f"keryx-{name}:0.1.0"
        given = {one["name"]: one["value"] for one in container["env"]}
        assert given["KERYX_POD"] == pod
        assert given["KERYX_CONFIG"] == "/etc/keryx/keryx.yaml"
        assert given["KERYX_PROBE_PORT"] == str(PROBES + index)
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for kind in ("startup", "readiness", "liveness"):
            probe = container[f"{kind}Probe"]
            assert set(probe) & {"exec", "tcpSocket", "grpc"} == set()
            assert probe["httpGet"]["path"] == "/"
            assert ports[probe["httpGet"]["port"]] == PROBES + index
        assert (
            container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 600
        )


@pytest.mark.parametrize("pod", PODS)
def test_a_container_has_the_folders_that_it_may_write_and_no_other(pod: str) -> None:
    spec = helm.pod_spec(workload(pod))
    shows, knows = pod in ("postfix", "dovecot", "nginx"), pod == "roundcube"
    for name, container in helm.containers(workload(pod)).items():
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert mounts["/var/lib/keryx"]["name"] == "home"
        for path in ("/etc/keryx", "/var/lib/keryx/secrets", "/var/lib/keryx/tls"):
            assert mounts[path]["readOnly"] is True
        assert ("/var/lib/keryx/certificate" in mounts) == (shows or knows)
        assert {"/tmp", "/run"} <= set(mounts)
        assert mounts["/tmp"]["name"].endswith(name), "its own"
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    modes = {one["path"]: one["mode"] for one in volumes["tls"]["secret"]["items"]}
    assert modes == {"cert.pem": 0o444, "key.pem": 0o440, "ca.pem": 0o444}
    if shows or knows:
        given = volumes["certificate"]["secret"]
        assert given["optional"] is True
        # The key is for those that show the certificate.
        assert given.get("items") == (None if shows else [{"key": "ca.crt", "path": "ca.crt"}])
    assert spec["automountServiceAccountToken"] is (pod == "operator")
    assert spec["enableServiceLinks"] is False
    assert spec["terminationGracePeriodSeconds"] == (90 if pod in ("postfix", "dovecot") else 70)


@pytest.mark.parametrize("pod", [name for name, (kind, _) in CONTRACT.items() if kind == "StatefulSet"])
def test_what_must_be_kept_is_on_a_volume_that_outlives_the_release(pod: str) -> None:
    spec = workload(pod)["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "data"
    assert "version" not in str(claim["metadata"]["labels"]), "claims cannot be changed by an upgrade"
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    mounts = {mount["mountPath"] for mount in helm.containers(workload(pod))[pod]["volumeMounts"]}
    assert f"/var/lib/keryx/data/{pod}" in mounts


def test_the_ports_are_those_of_the_settings() -> None:
    numbers = {name: spec["number"] for pod in table("table").values() for name, spec in inner(pod).items()}
    others = {"ldaps": "openldap", "inner-smtp": "smtp", "door-pages": "rspamd-pages"}
    webmails = {"inner-imap", "inner-imaps", "inner-sieve", "inner-submit", "inner-https"}
    known = {own: others.get(own, own.removeprefix("door-")) for own in set(numbers) - webmails}
    assert {name: numbers[own] for own, name in known.items()} == INNER
    public = {"inner-imap": "imap", "inner-imaps": "imaps", "inner-sieve": "sieve", "inner-https": "https"}
    for own, name in public.items():
        assert numbers[own] == STANDARD[name] + 11000
    assert numbers["inner-submit"] == STANDARD["submission"] + 11000
    assert dict(table("standard")) == dict[str, object](STANDARD)
    assert all(len(name) <= 15 for name in numbers), "Kubernetes takes no longer ones"


def test_doors_are_open_to_the_pods_that_pass_them() -> None:
    for door in DOORS:
        (pod,) = (
            pod
            for pod, (_, names) in CONTRACT.items()
            if pod == door.component or door.component in SOGO & set(names)
        )
        (guests,) = (
            set(spec["from"]) for spec in inner(table("table")[pod]).values() if spec["number"] == door.number
        )
        assert guests - {"test"} == {door.guest}


def inner(pod: Mapping[str, object]) -> Mapping[str, Mapping[str, Any]]:
    found = pod.get("inner", {})
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("pod", PODS)
def test_every_inner_port_is_open_in_its_container_and_its_service(pod: str) -> None:
    wanted = {name: spec["number"] for name, spec in inner(table("table")[pod]).items()}
    open_ = {
        port["name"]: port["containerPort"]
        for container in helm.containers(workload(pod)).values()
        for port in container["ports"]
    }
    assert wanted.items() <= open_.items()
    service = helm.of_kind(helm.rendered(ALL), "Service")[pod]["spec"]
    probes = {f"probe-{index}": PROBES + index for index in range(len(CONTRACT[pod][1]))}
    assert {port["name"]: port["port"] for port in service["ports"]} == {**wanted, **probes}
    assert all(port["name"] == port["targetPort"] for port in service["ports"])
    assert service["type"] == "ClusterIP"


def test_every_key_of_a_pod_s_section_is_taken_up() -> None:
    """The example "placed" has them all."""
    found = helm.example("placed")
    postfix = helm.workloads(found)["postfix"]
    template = postfix["spec"]["template"]
    spec = helm.pod_spec(postfix)
    containers = helm.containers(postfix)
    assert postfix["spec"]["replicas"] == 2
    assert postfix["spec"]["updateStrategy"]["rollingUpdate"] == {"partition": 0}
    assert template["metadata"]["annotations"]["example.org/what"] == "queue"
    assert template["metadata"]["labels"]["example.org/tier"] == "edge"
    assert spec["securityContext"]["fsGroupChangePolicy"] == "Always"
    assert containers["postfix"]["securityContext"]["seLinuxOptions"] == {"type": "container_t"}
    assert containers["postfix"]["resources"]["limits"] == {"memory": "512Mi"}
    assert containers["unbound"]["resources"]["limits"] == {"memory": "256Mi"}
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "amd64", "example.org/mail": "true"}
    assert spec["tolerations"] == [{"key": "mail", "operator": "Exists"}]
    assert "podAntiAffinity" in spec["affinity"]
    assert spec["priorityClassName"] == "important"
    assert spec["schedulerName"] == "second"
    assert spec["runtimeClassName"] == "sandbox"
    assert spec["hostAliases"] == [{"ip": "192.0.2.9", "hostnames": ["ldap.example.org"]}]
    assert spec["terminationGracePeriodSeconds"] == 120
    digest = "0123456789abcdef" * 4
    assert containers["postfix"]["image"] == f"registry.example.org/mail/keryx-postfix@sha256:{digest}"
    assert containers["unbound"]["image"] == "registry.example.org/mail/keryx-unbound:0.1.1"
    assert containers["postfix"]["imagePullPolicy"] == "Always"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert {"name": "TZ", "value": "Europe/Berlin"} in containers["postfix"]["env"]
    assert {"name": "extra", "mountPath": "/extra", "readOnly": True} in containers["postfix"]["volumeMounts"]
    assert spec["initContainers"][0]["name"] == "first"
    assert "beside" in containers
    (claim,) = postfix["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    assert claim["metadata"]["annotations"] == {"example.org/backup": "none"}
    assert postfix["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"
    assert helm.of_kind(found, "PodDisruptionBudget")["postfix"]["spec"]["maxUnavailable"] == "50%"
    accounts = helm.of_kind(found, "ServiceAccount")
    assert accounts["postfix"]["metadata"]["annotations"]["example.org/role"] == "mail"
    assert "memcached" not in accounts
    assert helm.pod_spec(helm.workloads(found)["memcached"])["serviceAccountName"] == "nobody"
    for part in found:
        assert part["metadata"]["labels"]["example.org/team"] == "mail"
    dovecot = helm.workloads(found)["dovecot"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "mailboxes"}} in helm.pod_spec(dovecot)[
        "volumes"
    ]
    assert "volumeClaimTemplates" not in dovecot["spec"]
    assert {"name": "data", "emptyDir": {}} in helm.pod_spec(helm.workloads(found)["redis"])["volumes"]
    # What stands in "defaults" holds for every pod, and for the one that makes things once.
    for part in (*helm.workloads(found).values(), *helm.of_kind(found, "Job", "Pod").values()):
        assert helm.pod_spec(part)["schedulerName"] == "second"
        assert ("runtimeClassName" in helm.pod_spec(part)) == (helm.short(part) == "postfix")
    for part in helm.workloads(helm.example("minimal")).values():
        assert not {"schedulerName", "runtimeClassName", "hostAliases"} & set(helm.pod_spec(part))


def test_what_is_kept_may_be_in_folders_of_the_node() -> None:
    found = helm.workloads(helm.example("single-node"))
    volumes = {
        pod: volume["hostPath"]
        for pod, part in found.items()
        for volume in helm.pod_spec(part)["volumes"]
        if "hostPath" in volume
    }
    # They are not made: on another node a pod waits for its folder instead of beginning with nothing.
    assert volumes == {
        pod: {"path": f"/srv/mail/{pod}", "type": "Directory"}
        for pod in ("openldap", "postgresql", "rspamd", "dovecot", "postfix")
    }
    assert {pod for pod, part in found.items() if "volumeClaimTemplates" in part["spec"]} == {"redis"}


def test_the_page_gives_folders_of_the_node_to_those_that_cannot_take_them() -> None:
    """The kubelet gives no such folder to a pod's group, and who is not root cannot take one."""
    page = (CHECKOUT / "docs/howto/kubernetes-volumes.md").read_text()
    given = re.findall(r"^install .*-o (\d+) -g (\d+) -m 700 /srv/mail/(\w+)$", page, re.MULTILINE)
    users = {
        pod: helm.pod_spec(part)["securityContext"].get("runAsUser")
        for pod, part in helm.workloads(helm.rendered(ALL)).items()
        if table("table")[pod].get("volume")
    }
    assert {pod: int(user) for user, _, pod in given} == {pod: user for pod, user in users.items() if user}
    assert all(user == group for user, group, _ in given)
    (others,) = re.findall(r"^mkdir -p (.+)$", page, re.MULTILINE)
    assert set(others.split()) == {f"/srv/mail/{pod}" for pod, user in users.items() if not user}


def test_the_image_of_a_component_is_the_same_wherever_it_helps() -> None:
    found = helm.workloads(helm.rendered("settings: {domain: example.org}\ndovecot: {image: {tag: '9'}}\n"))
    for pod in ("dovecot", "postfix", "rspamd"):
        assert helm.containers(found[pod])["dovecot"]["image"] == "keryx-dovecot:9"


def test_under_load_there_are_more_of_those_that_may_be_many() -> None:
    found = helm.example("scaled")
    scalers = helm.of_kind(found, "HorizontalPodAutoscaler")
    assert set(scalers) == {"rspamd", "sogo", "roundcube", "nginx"}
    for pod, scaler in scalers.items():
        workload = helm.workloads(found)[pod]
        assert "replicas" not in workload["spec"]
        assert scaler["spec"]["scaleTargetRef"]["kind"] == workload["kind"]
        for metric in scaler["spec"]["metrics"]:
            assert metric["containerResource"]["container"] == pod
            requests = helm.containers(workload)[pod]["resources"]["requests"]
            assert metric["containerResource"]["name"] in requests


def test_what_is_made_once_has_every_secret_and_the_administration_s_view() -> None:
    (job,) = helm.of_kind(helm.example("minimal"), "Job").values()
    (container,) = helm.pod_spec(job)["containers"]
    assert job["metadata"]["name"] == "mail-keryx-init-1"
    assert container["command"] == ["keryx", "init"]
    assert container["image"] == "keryx-privileged:0.1.0"
    assert {"name": "KERYX_POD", "value": "admin"} in container["env"]
    (volume,) = (one for one in helm.pod_spec(job)["volumes"] if one["name"] == "secrets")
    paths = {item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]}
    assert paths == set(table("secretNames"))
