"""What the chart makes: of every example, checked against the schemas of Kubernetes and of others' kinds."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from images.identities import IDENTITIES
from keryx.components import registry
from keryx.components.testing import site as make_site
from keryx.settings import load, placement
from tests.chart import helm
from tests.chart.helm import Manifest

OLDEST = "1.28"
NEWEST = str(kubernetes_validate.latest_version())
HERE = Path(__file__).parent
FOREIGN = {
    (kind["apiVersion"], kind["kind"]): kind["schema"]
    for path in sorted((HERE / "crds").glob("*.yaml"))
    for kind in yaml.safe_load_all(path.read_text())
}
"""Schemas of the kinds that are not Kubernetes' own."""
GOLDEN = ("minimal", "placed", "solakube")
# Else it reads two megabytes of JSON anew for each object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
_valid: set[tuple[str, str]] = set()
"""What was checked already: most of it is the same in every example."""


def test_there_are_enough_examples() -> None:
    assert len(helm.EXAMPLES) >= 15
    for path in helm.EXAMPLES:
        assert path.read_text().startswith("# "), "each says what it is for"


@pytest.mark.parametrize("name", helm.NAMES)
def test_helm_finds_nothing_to_complain_about(name: str) -> None:
    done = helm.helm(
        "lint", "--strict", "--quiet", helm.CHART, "--values", helm.CHART / f"examples/{name}.yaml"
    )
    assert "[" not in done.stdout, done.stdout


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", helm.NAMES)
def test_every_object_is_what_its_kind_allows(name: str, version: str) -> None:
    for manifest in helm.example(name):
        text = json.dumps(manifest, sort_keys=True)
        if (version, text) in _valid:
            continue
        foreign = FOREIGN.get((manifest["apiVersion"], manifest["kind"]))
        if foreign is None:
            kubernetes_validate.validate(manifest, version, strict=True)
        else:
            jsonschema.Draft202012Validator(foreign).validate(manifest)
        _valid.add((version, text))


@pytest.mark.parametrize("name", helm.NAMES)
def test_no_object_is_made_twice_and_all_are_the_release_s(name: str) -> None:
    found = [
        (part["kind"], part["metadata"].get("namespace"), part["metadata"]["name"])
        for part in helm.example(name)
    ]
    assert len(set(found)) == len(found)
    for part in helm.example(name):
        labels = part["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == helm.RELEASE
        assert len(part["metadata"]["name"]) <= 63


@pytest.mark.parametrize("name", helm.NAMES)
def test_what_the_objects_name_is_there(name: str) -> None:
    """Services choose pods and their ports, budgets and policies choose pods, mounts have volumes."""
    found = helm.example(name)
    pods = [(part, part["spec"]["template"]) for part in helm.workloads(found).values()]
    for part in found:
        if part["kind"] == "Service":
            chosen = [
                pod
                for _, pod in pods
                if part["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
            ]
            (pod,) = chosen
            ports = {port["name"] for one in pod["spec"]["containers"] for port in one.get("ports", ())}
            assert {port["targetPort"] for port in part["spec"]["ports"]} <= ports
        if part["kind"] == "PodDisruptionBudget":
            labels = part["spec"]["selector"]["matchLabels"]
            assert any(labels.items() <= pod["metadata"]["labels"].items() for _, pod in pods)
    for part in found:
        if part["kind"] in ("StatefulSet", "Deployment", "Job", "Pod"):
            spec = helm.pod_spec(part)
            volumes = [volume["name"] for volume in spec["volumes"]]
            volumes += [claim["metadata"]["name"] for claim in part["spec"].get("volumeClaimTemplates", ())]
            assert len(set(volumes)) == len(volumes)
            for container in spec["containers"]:
                mounts = [mount["mountPath"] for mount in container.get("volumeMounts", ())]
                assert len(set(mounts)) == len(mounts)
                assert {mount["name"] for mount in container.get("volumeMounts", ())} <= set(volumes)


@pytest.mark.parametrize("name", helm.NAMES)
def test_the_code_accepts_the_files_that_the_pods_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = helm.example(name)
    files = helm.settings_files(found)
    settings = load.parse(files["keryx.yaml"], registry.settings_model())
    given = yaml.safe_load((helm.CHART / f"examples/{name}.yaml").read_text())["settings"]
    assert yaml.safe_load(files["keryx.yaml"]) == given
    assert settings.domain == "example.org"
    (tmp_path / placement.FILE).write_text(files["placement.yaml"])
    workloads = helm.workloads(found)
    for pod, workload in workloads.items():
        monkeypatch.setenv(placement.ENVIRONMENT, pod)
        read = placement.read(tmp_path)
        assert read is not None
        assert {entry for entry, found in read.pods.items() if found.components} == set(workloads)
        there = [name for name in helm.containers(workload) if name not in ("beside",)]
        assert list(read.pods[pod].components) == there


@pytest.mark.parametrize("name", helm.NAMES)
def test_components_stand_in_their_pods(name: str) -> None:
    """What is switched off by the settings has no container, everything else has one where it works."""
    found = helm.example(name)
    wanted = {one.name for one in registry.enabled(make_site(helm.settings_files(found)["keryx.yaml"]))}
    there = {one for workload in helm.workloads(found).values() for one in helm.containers(workload)}
    assert there - {"operator", "beside"} == wanted


def test_hosts_are_full_names_and_dovecot_s_is_its_store() -> None:
    hosts = {
        pod: entry["host"]
        for pod, entry in yaml.safe_load(helm.settings_files(helm.example("minimal"))["placement.yaml"])[
            "pods"
        ].items()
    }
    assert hosts["postfix"] == "mail-keryx-postfix.post.svc.cluster.local"
    assert hosts["dovecot"] == "mail-keryx-dovecot-0.mail-keryx-dovecot.post.svc.cluster.local"
    services = helm.of_kind(helm.example("minimal"), "Service")
    assert services["dovecot"]["spec"]["clusterIP"] == "None"
    assert {f"mail-keryx-{name}" for name in services} >= {
        host.split(".")[0].removesuffix("-0") for host in hosts.values()
    }


def masked(manifest: Manifest) -> Manifest:
    """Return an object without what is made by chance."""
    if manifest["kind"] != "Secret":
        return manifest
    return {**manifest, "data": dict.fromkeys(manifest["data"], "…")}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_whole_of_what_is_made(name: str) -> None:
    text = yaml.safe_dump_all(
        [masked(part) for part in helm.example(name)],
        sort_keys=False, default_flow_style=None, width=160, allow_unicode=True,
    )  # fmt: skip
    path = HERE / f"golden/{name}.yaml"
    if os.environ.get("KERYX_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", GOLDEN)
def test_an_older_helm_makes_the_same(name: str) -> None:
    words = ("--values", helm.CHART / f"examples/{name}.yaml")
    older = helm.manifests(helm.template(*words, package=helm.HELM_3).stdout)
    assert sorted(json.dumps(masked(part), sort_keys=True) for part in older) == sorted(
        json.dumps(masked(part), sort_keys=True) for part in helm.example(name)
    )


def test_an_older_helm_names_a_misspelt_key_too() -> None:
    done = helm.template("--set", "settings.domian=example.org", check=False, package=helm.HELM_3)
    assert done.returncode != 0
    assert "domian is not allowed" in done.stderr


def test_the_numbers_of_the_users_are_those_of_the_images() -> None:
    for pod, workload in helm.workloads(helm.example("minimal")).items():
        security = helm.pod_spec(workload)["securityContext"]
        user = security.get("runAsUser")
        if user is not None:
            component = registry.find(pod)
            assert user == IDENTITIES[component.alone_as]
