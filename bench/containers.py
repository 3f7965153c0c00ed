"""A whole release of the chart as podman runs it: watched while it starts, then loaded with mail.

The pods are played as the tests of the images do it (``tests/release.py``), under a name of their own
beside theirs.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.daemons import BenchError, listens, wait_until
from bench.directory import PASSWORD
from bench.load import DOMAIN
from bench.machine import SENDER_ADDRESS
from bench.services import RECORDS
from bench.variant import Place, Variant
from keryx.core import errors, password, process
from keryx.core.secret import Secret
from tests import release as released
from tests.chart import helm
from tests.kube import Cluster
from tests.podman import TAG, podman

NAME = "bench"
ORDER = released.ORDER
LIMIT = 240
"""Seconds within which everything has to be ready."""
POLL = 0.1

VALUES = """\
imageRegistry: localhost
defaults: {{image: {{tag: {tag}}}}}
settings:
  domain: {domain}
  hostname: mx.{domain}
  webmail: both
  postfix:
    parameters:
      smtpd_client_connection_count_limit: "500"
  unbound:
    offline: true
    records:
{records}"""


def values() -> str:
    """Return the chart's values: what the suites on the machine have, with both webmails."""
    records = "".join(f"      - '{record}'\n" for record in RECORDS)
    return VALUES.format(tag=TAG, domain=DOMAIN, records=records)


class Release(released.Release):
    """The release ``bench``."""

    @classmethod
    def render(cls) -> Release:
        """Render the chart and make the network; nothing is started yet."""
        folder = Path(tempfile.mkdtemp(prefix="kb-release-", dir="/tmp"))
        folder.chmod(0o755)
        path = folder / "values.yaml"
        path.write_text(values())
        words = ("template", NAME, helm.CHART, "--namespace", helm.NAMESPACE, "--values", path)
        made = cls(Cluster(folder, f"keryx-bench-{folder.name[-8:]}", helm.NAMESPACE))
        made.cluster.create()
        made.cluster.apply([dict(part) for part in helm.manifests(helm.helm(*words).stdout)])
        return made

    def name(self, part: str) -> str:
        return f"{NAME}-keryx-{part}"

    def containers(self) -> Iterator[tuple[str, str, str]]:
        """Yield each component that runs: its pod, the container, podman's name of the container."""
        for pod in ORDER:
            played = self.cluster.played[self.name(pod)]
            for container in played.probes:
                yield pod, container, played.container(container)

    def roots(self) -> dict[str, int]:
        """Return the first process of each component, by pod and container."""
        found = {f"{pod}/{container}": name for pod, container, name in self.containers()}
        told = podman("inspect", "--format", "{{.State.Pid}}", *found.values()).stdout.split()
        return dict(zip(found, map(int, told), strict=True))


@dataclass
class Watch:
    """Asks each component of the pods that start how long it took until it was ready."""

    release: Release
    seconds: dict[str, float] = field(default_factory=dict)
    """From the start of the pod until the probe's first 200, by pod and container."""
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, pod: str) -> None:
        """Start a pod and watch it."""
        played = self.release.cluster.start(self.release.name(pod))
        began = _began(played.name)
        for container, url in played.probes.items():
            words = (f"{pod}/{container}", url, began)
            thread = threading.Thread(target=self._watch, args=words, daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait(self) -> None:
        """Wait until all are ready; raises BenchError naming those that are not."""
        for thread in self._threads:
            thread.join()
        late = [name for name, seconds in self.seconds.items() if seconds != seconds]
        if late:
            raise BenchError(f"not ready within {LIMIT} s: {', '.join(late)}")

    def _watch(self, name: str, url: str, began: float) -> None:
        self.seconds[name] = float("nan")
        while time.time() - began < LIMIT:
            if _answers(url):
                self.seconds[name] = time.time() - began
                return
            time.sleep(POLL)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _began(pod: str) -> float:
    """Return when a pod was started, in seconds of the epoch: when its network was there."""
    infra = podman("pod", "inspect", "--format", "{{.InfraContainerID}}", pod).stdout.strip()
    return int(podman("inspect", "--format", "{{.State.StartedAt.UnixNano}}", infra).stdout) / 1e9


def memory(release: Release) -> dict[str, tuple[int, int]]:
    """Return the bytes (PSS) of each component, and of its parent ``keryx run`` alone."""
    found = {}
    for name, pid in release.roots().items():
        parent = psutil.Process(pid)
        sizes = [_pss(one) for one in (parent, *parent.children(recursive=True))]
        found[name] = (sum(sizes), sizes[0])
    return found


def _pss(one: psutil.Process) -> int:
    try:
        return int(one.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0


class Containers(Variant):
    """The release as a configuration under test; it runs already."""

    key, title = "release", "the release in containers"

    def __init__(self, release: Release) -> None:
        self.release = release
        self._route: Sequence[str] = ()

    def start(self, place: Place) -> None:
        stored = password.hashed(Secret(PASSWORD))
        lines = ["address,name,password_hash,quota,aliases"]
        for number in range(1, place.accounts + 1):
            address = f"{number}u@{DOMAIN}"
            lines.append(f'{address},{number}u,"{stored}",1024,alias.{address}')
        try:
            self.release.keryx("user", "import", "/dev/stdin", input="\n".join(lines) + "\n")
        except errors.CommandFailed as error:
            raise BenchError(f"the accounts of the release: {error}") from error
        self._come_from_outside()

    def _come_from_outside(self) -> None:
        """Let mail reach the pod from the sender's address, as it reaches the suites on the machine."""
        address = self.release.address("postfix")
        words = process.run(["ip", "-o", "route", "get", address]).stdout.split()
        self._route = (f"{address}/32", "dev", words[words.index("dev") + 1], "src", SENDER_ADDRESS)
        process.run(["ip", "route", "replace", *self._route])
        wait_until(lambda: listens(address, 25), "the release takes mail")

    def stop(self) -> None:
        if self._route:
            process.run(["ip", "route", "del", *self._route], check=False)

    @property
    def smtp(self) -> tuple[str, int]:
        return self.release.address("postfix"), 25

    @property
    def mail(self) -> Path:
        claims = self.release.cluster.folder / "claims"
        return claims / f"data-{self.release.name('dovecot')}-0" / "mail"

    @property
    def roots(self) -> Mapping[str, int]:
        return self.release.roots()


def layers() -> dict[str, list[tuple[str, int]]]:
    """Return the layers of each image with their bytes, unpacked, by the component's name."""
    from images.build import IMAGES
    from tests.podman import PLACE, image

    path = PLACE / "storage/overlay-layers/layers.json"
    # Those of containers have no digest.
    told = [one for one in json.loads(path.read_text()) if "diff-digest" in one]
    sizes = {one["diff-digest"]: int(one["diff-size"]) for one in told}
    found = {}
    for one in IMAGES:
        words = ("image", "inspect", "--format", "{{json .RootFS.Layers}}", image(one.name))
        digests: list[str] = json.loads(podman(*words).stdout)
        found[one.name] = [(digest, sizes[digest]) for digest in digests]
    return found
