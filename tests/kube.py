"""A cluster of one machine: what a chart renders, played by podman.

``podman kube play`` runs pods, each with a network address of its own, and gives them names. What it
does not know is done here as a kubelet and the controllers do it: workloads become pods, volumes of
ConfigMaps and Secrets become folders in which a link is changed (``..data``), claims outlive pods,
Services become names of the pods that they select, probes are asked, jobs are waited for.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from keryx.core.process import Completed
from tests.podman import podman
from tests.running import wait_for

DOMAIN = "svc.cluster.local"
Object = dict[str, Any]


@dataclass(frozen=True)
class Played:
    """A pod that runs."""

    name: str
    address: str
    probes: Mapping[str, str]
    """The URL of each container's probe."""

    def container(self, name: str) -> str:
        """Return podman's name of a container."""
        return f"{self.name}-{name}"


@dataclass
class Cluster:
    """Objects as they were applied, and the pods that came of them."""

    folder: Path
    network: str
    namespace: str
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    """By kind and name."""
    played: dict[str, Played] = field(default_factory=dict)
    """By the name of the workload."""

    def create(self) -> None:
        """Make the network."""
        podman("network", "create", self.network)

    def remove(self) -> None:
        """End every pod at once; nothing stays."""
        for pod in self.played.values():
            podman("pod", "rm", "--force", "--time", "0", pod.name, check=False)
        podman("network", "rm", "--force", self.network, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- objects

    def apply(self, manifests: Sequence[Object]) -> None:
        """Take objects in; pods are not started by this, volumes of those that run follow."""
        for manifest in manifests:
            self.objects[manifest["kind"], manifest["metadata"]["name"]] = manifest
        for workload in self.played:
            self._mount(self.objects_of(workload), workload)

    def of_kind(self, *kinds: str) -> Iterator[Object]:
        """Yield the objects of these kinds."""
        return (value for (kind, _), value in self.objects.items() if kind in kinds)

    def objects_of(self, workload: str) -> Object:
        """Return the workload of that name."""
        return next(
            found
            for found in self.of_kind("Deployment", "StatefulSet", "Job", "Pod")
            if found["metadata"]["name"] == workload
        )

    def secret(self, name: str, key: str) -> str:
        """Return a value of a Secret."""
        return base64.b64decode(self.objects["Secret", name]["data"][key]).decode()

    def put_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Make or change a Secret; pods that mount it see it."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.apply([{"kind": "Secret", "metadata": {"name": name}, "data": data}])

    # --- pods

    def start(self, workload: str) -> Played:
        """Start a workload's pod; it need not be ready."""
        found = self.objects_of(workload)
        pod = self._pod(found)
        path = self.folder / f"{workload}.yaml"
        path.write_text(yaml.safe_dump(pod))
        aliases = ",".join(f"alias={name}" for name in self._names(found))
        network = f"{self.network}:{aliases}" if aliases else self.network
        name = pod["metadata"]["name"]
        # One that a broken-off run left behind.
        podman("pod", "rm", "--force", "--ignore", "--time", "0", name)
        podman("kube", "play", "--network", network, path, timeout=300)
        address = self._address(name)
        self.played[workload] = Played(name, address, _probes(_template(found)["spec"], address))
        return self.played[workload]

    def wait_ready(self, workload: str, seconds: float = 180) -> None:
        """Wait until every container's probe says so."""
        pod = self.played[workload]
        for name in pod.probes:
            self._wait_ready(workload, name, seconds)

    def _wait_ready(self, workload: str, container: str, seconds: float) -> None:
        def ready() -> bool:
            return self.probe(workload, container)[0] == 200

        try:
            wait_for(ready, f"{workload}: {container} is ready", seconds)
        except AssertionError as error:
            said = f"{error}: {self.probe(workload, container)[1]}\n{self.log(workload, container)[-3000:]}"
            raise AssertionError(said) from error

    def probe(self, workload: str, container: str) -> tuple[int, str]:
        """Ask a container's probe as a kubelet does."""
        try:
            with urllib.request.urlopen(self.played[workload].probes[container], timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def stop(self, workload: str) -> dict[str, int]:
        """End a pod in good order and remove it, as when it is moved; its claims stay.

        Returns the exit status of each container.
        """
        pod = self.played.pop(workload)
        grace = _template(self.objects_of(workload))["spec"].get("terminationGracePeriodSeconds", 30)
        podman("pod", "stop", "--time", str(grace), pod.name, timeout=grace + 120)
        names = {name: pod.container(name) for name in pod.probes}
        told = podman("inspect", "--format", "{{.State.ExitCode}}", *names.values()).stdout.split()
        podman("pod", "rm", "--force", "--time", "0", pod.name, timeout=120)
        return dict(zip(names, map(int, told), strict=True))

    def kill(self, workload: str) -> None:
        """Let a pod vanish without a word, as when its node fails; its claims stay."""
        pod = self.played.pop(workload)
        podman("pod", "kill", "--signal", "KILL", pod.name, check=False)
        podman("pod", "rm", "--force", "--time", "0", pod.name, timeout=120)

    def run_job(self, name: str, seconds: float = 300) -> str:
        """Run a job to its end; return what it said. It has to succeed."""
        pod = self.start(name)
        (container,) = (one["name"] for one in _template(self.objects_of(name))["spec"]["containers"])
        status = podman("wait", pod.container(container), timeout=seconds).stdout.strip()
        said = self.log(name, container)
        podman("pod", "rm", "--force", "--time", "0", pod.name)
        del self.played[name]
        assert status == "0", said
        return said

    def run(self, workload: str, container: str, *argv: str, input: str | None = None) -> Completed:
        """Run a command in a container, as ``kubectl exec`` does."""
        name = self.played[workload].container(container)
        return podman("exec", "--interactive", name, *argv, input=input, timeout=300)

    def log(self, workload: str, container: str) -> str:
        """Return what a container said."""
        done = podman("logs", self.played[workload].container(container), check=False)
        return done.stdout + done.stderr

    # --- what Velero does

    def before_backup(self, workload: str) -> Completed:
        """Run the command that a pod asks for before it is backed up."""
        notes = _template(self.objects_of(workload))["metadata"]["annotations"]
        hook = "pre.hook.backup.velero.io"
        return self.run(workload, notes[f"{hook}/container"], *json.loads(notes[f"{hook}/command"]))

    def keep_backup_only(self, workload: str) -> None:
        """Leave of a stopped pod's volumes those that are in a backup: what a restore begins with."""
        found = self.objects_of(workload)
        kept = _template(found)["metadata"]["annotations"]["backup.velero.io/backup-volumes"].split(",")
        for name, path in self._mount(found, workload).items():
            if name not in kept:
                shutil.rmtree(path)

    # --- what a kubelet does

    def _pod(self, workload: Object) -> Object:
        """Return the pod of a workload, in words that podman knows."""
        template, name = _template(workload), workload["metadata"]["name"]
        spec = template["spec"]
        folders = self._mount(workload, name)
        security = spec.get("securityContext", {})
        containers = []
        for container in spec["containers"]:
            kept = {
                key: container[key]
                for key in ("name", "image", "command", "args", "env", "volumeMounts")
                if key in container
            }
            # The pod's user is the containers' unless they have one of their own.
            users = {key: security[key] for key in ("runAsUser", "runAsGroup") if key in security}
            kept["securityContext"] = {**users, **container.get("securityContext", {})}
            kept["imagePullPolicy"] = "Never"
            containers.append(kept)
        volumes = [
            {"name": one, "hostPath": {"path": str(path), "type": "Directory"}}
            for one, path in folders.items()
        ]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name + ("-0" if workload["kind"] == "StatefulSet" else "")},
            "spec": {
                "restartPolicy": "Never" if workload["kind"] in ("Job", "Pod") else "Always",
                "containers": containers,
                "volumes": volumes,
            },
        }

    def _mount(self, workload: Object, name: str) -> dict[str, Path]:
        """Make or renew the folders of a pod's volumes; return them by name."""
        spec = _template(workload)["spec"]
        group = spec.get("securityContext", {}).get("fsGroup")
        pod = self.folder / name
        found: dict[str, Path] = {}
        for volume in spec.get("volumes", []):
            path = pod / volume["name"]
            if "emptyDir" in volume:
                _folder(path, 0o777, group)
            elif "persistentVolumeClaim" in volume:
                path = self.folder / "claims" / volume["persistentVolumeClaim"]["claimName"]
                _folder(path, 0o755, group)
            else:
                self._fill(path, _files(volume, self.objects), group)
            found[volume["name"]] = path
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            path = self.folder / "claims" / f"{claim['metadata']['name']}-{name}-0"
            _folder(path, 0o755, group)
            found[claim["metadata"]["name"]] = path
        return found

    def _fill(self, path: Path, wanted: Mapping[str, tuple[bytes, int]], group: int | None) -> None:
        """Make a folder of files as a kubelet does: links to links, one of which is changed."""
        _folder(path, 0o777, group)
        there = {item.name: item.read_bytes() for item in path.iterdir() if not item.name.startswith("..")}
        if there == {name: content for name, (content, _) in wanted.items()} and (path / "..data").exists():
            return
        fresh = path / f"..{uuid.uuid4().hex}"
        fresh.mkdir(mode=0o755)
        for name, (content, mode) in wanted.items():
            file = fresh / name
            file.write_bytes(content)
            file.chmod(mode | 0o440 if group else mode)
            os.chown(file, 0, group or 0)
        old = (path / "..data").resolve() if (path / "..data").exists() else None
        (path / "..new").symlink_to(fresh.name)
        (path / "..new").rename(path / "..data")
        for name in wanted:
            if not (path / name).is_symlink():
                (path / name).symlink_to(f"..data/{name}")
        for name in set(there) - set(wanted):
            (path / name).unlink()
        if old is not None:
            shutil.rmtree(old)

    def _names(self, workload: Object) -> list[str]:
        """Return by which names other pods reach it."""
        labels = _template(workload)["metadata"].get("labels", {})
        name, found = workload["metadata"]["name"], []
        for service in self.of_kind("Service"):
            selector = service["spec"].get("selector", {})
            if selector and selector.items() <= labels.items():
                full = f"{service['metadata']['name']}.{self.namespace}.{DOMAIN}"
                found.append(full)
                if workload["spec"].get("serviceName") == service["metadata"]["name"]:
                    found.append(f"{name}-0.{full}")
        return found

    def _address(self, pod: str) -> str:
        infra = podman("pod", "inspect", "--format", "{{.InfraContainerID}}", pod).stdout.strip()
        told: dict[str, Any] = json.loads(
            podman("inspect", "--format", "{{json .NetworkSettings.Networks}}", infra).stdout
        )
        return str(told[self.network]["IPAddress"])


def _template(workload: Object) -> Object:
    if workload["kind"] == "Pod":
        return workload
    found: Object = workload["spec"]["template"]
    return found


def _probes(spec: Object, address: str) -> dict[str, str]:
    found = {}
    for container in spec["containers"]:
        if probe := container.get("readinessProbe"):
            named = probe["httpGet"]["port"]
            (port,) = (one["containerPort"] for one in container["ports"] if one["name"] == named)
            found[container["name"]] = f"http://{address}:{port}{probe['httpGet']['path']}"
    return found


def _folder(path: Path, mode: int, group: int | None) -> None:
    if path.exists():
        return
    path.mkdir(parents=True)
    path.chmod(mode)
    if group:
        os.chown(path, 0, group)
        path.chmod(mode | 0o2070)


def _files(volume: Object, objects: Mapping[tuple[str, str], Object]) -> dict[str, tuple[bytes, int]]:
    """Return the files of a volume of ConfigMaps and Secrets with their modes."""
    sources = volume.get("projected", {}).get("sources") or [volume]
    mode = volume.get("projected", {}).get("defaultMode", 0o644)
    found: dict[str, tuple[bytes, int]] = {}
    for source in sources:
        if given := source.get("secret"):
            name = given.get("secretName") or given["name"]
            values = objects.get(("Secret", name), {}).get("data")
            values = None if values is None else {k: base64.b64decode(v) for k, v in values.items()}
        else:
            given = source["configMap"]
            values = objects.get(("ConfigMap", given["name"]), {}).get("data")
            values = None if values is None else {k: v.encode() for k, v in values.items()}
        if values is None:
            assert given.get("optional"), f"{given} is not there"
            continue
        default = given.get("defaultMode", mode)
        for item in given.get("items") or [{"key": key, "path": key} for key in values]:
            if item["key"] not in values and given.get("optional"):
                continue
            found[item["path"]] = (values[item["key"]], item.get("mode", default))
    return found
