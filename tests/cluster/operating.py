"""A cluster for the operator: an API server with the rights of the rendered chart, nodes, mail pods."""

from __future__ import annotations

import base64
import copy
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.chart.helm import NAMESPACE, RELEASE, rendered
from tests.kubernetes_api import ApiServer, Body, rules
from tests.program import LAUNCHER
from tests.running import free_port, wait_for

FULLNAME = f"{RELEASE}-keryx"
ACCOUNT = f"{FULLNAME}-operator"
SETTINGS = {
    "domain": "example.org",
    # One that is only read: there are no accounts to be made.
    "directory": {
        "embedded": False,
        "uri": "ldaps://ldap.example.org",
        "root_dn": "dc=example,dc=org",
        "bind_password_file": "/var/lib/keryx/secrets/ldap-reader",
    },
}


@dataclass
class Release:
    """A release in a cluster: its manifests, the API server, and the operator's process."""

    home: Path
    values: Body
    api: ApiServer
    probe: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of(cls, home: Path, values: Body) -> Release:
        """Render the chart and write what the pod would have mounted."""
        made = cls(home, values, ApiServer())
        made.upgrade(values)
        made.api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        return made

    def upgrade(self, values: Body) -> None:
        """Do what ``helm upgrade`` does to the operator: its rights, and its files."""
        manifests = rendered(yaml.safe_dump(values))
        self.values, self.api.allowed = values, rules(manifests, ACCOUNT, NAMESPACE)
        data = next(one["data"] for one in manifests if one["metadata"]["name"] == f"{FULLNAME}-settings")
        for name in ("operator.yaml", "keryx.yaml", "placement.yaml"):
            # A pod of a release that runs on this machine has its own of the other two.
            if name == "operator.yaml" or not (self.home / name).exists():
                (self.home / name).write_text(data[name])

    def start(self) -> None:
        """Start the operator, as its container does."""
        env = {**self.environment(self.home), "PYTHONDONTWRITEBYTECODE": "1"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [LAUNCHER, "run", "operator", "--home", self.home],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **env},
                user="nobody" if os.geteuid() == 0 else None,
                group="nogroup" if os.geteuid() == 0 else None,
                extra_groups=[] if os.geteuid() == 0 else None,
            )

    def environment(self, home: Path) -> Mapping[str, str]:
        """Return what the operator has to know where its home is called so."""
        (self.home / "kubeconfig").write_text(self.api.kubeconfig(NAMESPACE))
        self.probe = free_port()
        return {
            "KUBECONFIG": str(home / "kubeconfig"),
            "KERYX_POD": "operator",
            "KERYX_PROBE_PORT": str(self.probe),
        }

    def stop(self) -> int:
        """End the operator as the kubelet does; return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    @property
    def log(self) -> Path:
        """What the operator said."""
        return self.home / "operator.log"

    def says(self, words: str, times: int = 1) -> None:
        """Wait until the operator has said something so often."""
        self.until(lambda: self.log.read_text().count(words) >= times, f'it says "{words}"')

    def until(self, question: Callable[[], Any], what: str) -> Any:
        """Wait for something; a failure shows what the operator said."""
        try:
            return wait_for(question, what, 30)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()[-6000:]}") from error

    def lives(self) -> Mapping[str, str]:
        """Ask as the kubelet's probe does; return the sentences of the duties."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.probe}/", timeout=15) as answer:
            found: Mapping[str, str] = json.load(answer)
            return found

    # --- the cluster

    def node(self, name: str, *external: str, internal: str = "10.0.0.1") -> Body:
        """Have a node with these addresses."""
        found = [{"type": "InternalIP", "address": internal}, {"type": "Hostname", "address": name}]
        found += [{"type": "ExternalIP", "address": address} for address in external]
        body = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name},
            "status": {"addresses": found},
        }
        return self.api.put(body)

    def mail_pod(self, name: str, node: str, *, ready: bool = True, component: str = "postfix") -> Body:
        """Have a pod of Postfix on a node."""
        labels = {
            "app.kubernetes.io/name": "keryx",
            "app.kubernetes.io/instance": RELEASE,
            "app.kubernetes.io/component": component,
        }
        status = "True" if ready else "False"
        return self.api.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
                "spec": {"nodeName": node} if node else {},
                "status": {
                    "conditions": [
                        {"type": "Initialized", "status": "True"},
                        {"type": "Ready", "status": status},
                    ]
                },
            }
        )

    def namespace(self, name: str) -> None:
        """Have a namespace."""
        self.api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def secret(self, namespace: str, name: str, data: Mapping[str, str], kind: str = "Opaque") -> Body:
        """Have a Secret of somebody's."""
        return self.api.put(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace},
                "type": kind,
                "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
            }
        )


@contextmanager
def releases() -> Iterator[Callable[[Body], Release]]:
    """Make releases of values, whose API servers run; the operators are the test's to start."""
    made: list[Release] = []

    def make(values: Body) -> Release:
        home = Path(tempfile.mkdtemp(prefix="keryx-operator-", dir="/tmp"))
        release = Release.of(home, values)
        release.api.start()
        made.append(release)
        prepare(release)
        return release

    yield make
    for release in made:
        try:
            release.stop()
        finally:
            release.api.close()
            shutil.rmtree(release.home)


def prepare(release: Release) -> None:
    """Give the home to whom the operator runs as."""
    release.log.touch()
    for path in (release.home, *release.home.rglob("*")):
        shutil.chown(path, "nobody", "nogroup")


def values(**given: Any) -> Body:
    """Return values of the chart with an operator that only looks when it is told to."""
    secrets = {"ldapReader": {"existingSecret": "reader"}}
    operator = {"enabled": True, "resync": 600}
    found: Body = {"settings": SETTINGS, "secrets": secrets, "operator": operator}
    for key, value in copy.deepcopy(given).items():
        found[key] = {**found.get(key, {}), **value} if isinstance(value, dict) else value
    return found
