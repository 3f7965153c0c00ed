"""Podman as tests use it: in a corner of its own, with the images of this checkout.

Nothing of the machine's own containers is touched: images, containers and networks of the tests
have folders of their own below /var/cache/keryx-tests. The base image is made with mmdebstrap and
goes by the name of the public one, so no registry is asked.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keryx.core import debian, files
from keryx.core.process import Completed, run
from keryx.host import apt
from tests.running import CHECKOUT, one_at_a_time

PLACE = Path("/var/cache/keryx-tests/images")
BASE = "docker.io/library/debian:trixie-slim"
PACKAGES = (
    *("podman", "buildah", "runc", "netavark", "aardvark-dns", "iptables", "catatonit"),
    *("mmdebstrap", "swaks"),
)
MIRROR = "http://deb.debian.org/debian"
TAG = "test"

RUNTIME = """\
#!/usr/bin/python3
# runc where raising limits is not allowed (no CAP_SYS_RESOURCE): it is not asked to.
import json, os, pathlib, sys
words = sys.argv[1:]
if "--bundle" in words:
    path = pathlib.Path(words[words.index("--bundle") + 1], "config.json")
    config = json.loads(path.read_text())
    for name in ("rlimits", "oomScoreAdj"):
        config["process"].pop(name, None)
    path.write_text(json.dumps(config))
os.execv("/usr/sbin/runc", ["runc", *words])
"""
CONTAINERS = """\
[containers]
default_ulimits = []
# "podman kube play" of Debian 12 leaves a pod's sysctls out; the chart asks for this one.
default_sysctls = ["net.ipv4.ip_unprivileged_port_start=0"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "tests"
[engine.runtimes]
tests = ["{place}/runtime"]
[network]
network_backend = "netavark"
network_config_dir = "{place}/networks"
"""
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{place}/storage"
runroot = "/run/keryx-tests/containers"
"""


def environment() -> dict[str, str]:
    """Return what makes podman and buildah work in the tests' own corner."""
    return {
        **os.environ,
        "CONTAINERS_CONF": str(PLACE / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(PLACE / "storage.conf"),
        # A build needs no isolation from who builds.
        "BUILDAH_ISOLATION": "chroot",
    }


def podman(
    *words: str | Path, check: bool = True, input: str | None = None, timeout: float = 120
) -> Completed:
    """Run a podman command."""
    return run(["podman", *words], check=check, input=input, timeout=timeout, env=environment())


def install() -> None:
    """Bring podman, its corner and the base image."""
    with one_at_a_time("podman"):
        missing = [name for name in PACKAGES if name not in debian.listing()]
        if missing:
            apt.install(missing)
        files.write(PLACE / "runtime", RUNTIME, mode=0o755)
        files.write(PLACE / "containers.conf", CONTAINERS.format(place=PLACE))
        files.write(PLACE / "storage.conf", STORAGE.format(place=PLACE))
        if podman("image", "exists", BASE, check=False).returncode != 0:
            root = PLACE / "base.tar"
            run(["mmdebstrap", "--variant=minbase", "trixie", root, MIRROR], timeout=600)
            path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            podman("import", "-c", path, root, BASE, timeout=300)
            root.unlink()


def build(*components: str) -> dict[str, int]:
    """Build images of this checkout, all when none is named; return their sizes in bytes by name."""
    install()
    argv = [str(CHECKOUT / "script/images"), "--json", f"--tag={TAG}", "--network=host"]
    if authority := os.environ.get("PIP_CERT"):
        argv.append(f"--ca={authority}")
    with one_at_a_time("images"):
        done = subprocess.run(
            [*argv, *components], env=environment(), check=False, capture_output=True, text=True, timeout=1800
        )
    assert done.returncode == 0, done.stderr[-4000:]
    sizes: dict[str, int] = json.loads(done.stdout)
    return sizes


def image(component: str) -> str:
    """Return the name of a component's image."""
    return f"localhost/keryx-{component}:{TAG}"


@dataclass
class Pod:
    """One pod: every component in a container of its own; one volume is the home of all."""

    name: str
    components: Sequence[str]
    settings: str
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Options of ``podman run`` by component."""

    @property
    def volume(self) -> Path:
        """The volume's folder on this machine."""
        words = ("volume", "inspect", "--format", "{{.Mountpoint}}", self.name)
        return Path(podman(*words).stdout.strip())

    def create(self) -> None:
        """Make the volume with keryx.yaml, and the pod; nothing is started yet."""
        self.remove()
        podman("volume", "create", self.name)
        (self.volume / "keryx.yaml").write_text(self.settings)
        self.create_pod()

    def create_pod(self) -> None:
        """Make the pod on the volume that is there."""
        words = ("--infra-image", BASE, "--infra-command", "sleep infinity")
        podman("pod", "create", "--name", self.name, *words)

    def remove(self) -> None:
        """Remove the pod and its volume, whatever is under way."""
        self._remove_at_once()
        podman("volume", "rm", "--force", self.name, check=False)

    def remove_pod(self) -> None:
        """End the containers in good order and remove them; the volume stays."""
        names = [self.container(component) for component in self.components]
        podman("stop", "--ignore", "--time", "60", *names, check=False, timeout=300)
        # What is left only holds the pod's network and heeds no signal.
        self._remove_at_once()

    def _remove_at_once(self) -> None:
        podman("pod", "rm", "--force", "--time", "0", self.name, check=False, timeout=120)

    def start(self, component: str) -> None:
        """Start a component's container."""
        words = [f"--pod={self.name}", f"--name={self.container(component)}"]
        words += [f"--volume={self.name}:/var/lib/keryx", *self.options.get(component, ())]
        podman("run", "--detach", *words, image(component))

    def command(self, *words: str, input: str | None = None, check: bool = True) -> Completed:
        """Run a keryx command in a container of its own, as a job does."""
        options = ["--rm", "--interactive", f"--pod={self.name}", f"--volume={self.name}:/var/lib/keryx"]
        argv = ("run", *options, "--entrypoint=keryx", image("privileged"), *words)
        return podman(*argv, input=input, check=check, timeout=400)

    def keryx(self, *words: str, input: str | None = None, check: bool = True) -> Completed:
        """Run a keryx command beside the door, as an administrator does."""
        return podman(
            "exec", "--interactive", self.container("privileged"), "keryx", *words, input=input, check=check
        )

    def ready(self, component: str) -> bool:
        """Whether the component's own probe says that it is ready."""
        return self.probe(component).returncode == 0

    def probe(self, component: str) -> Completed:
        """Ask the component inside its container, as a probe does."""
        return podman("exec", self.container(component), "keryx", "ready", component, check=False)

    def log(self, component: str) -> str:
        """Return what the container said."""
        done = podman("logs", self.container(component), check=False)
        return done.stdout + done.stderr

    def container(self, component: str) -> str:
        """Return the name of a component's container."""
        return f"{self.name}-{component}"

    @property
    def address(self) -> str:
        """The pod's address, as this machine reaches it."""
        infra = podman("pod", "inspect", "--format", "{{.InfraContainerID}}", self.name).stdout.strip()
        networks: dict[str, Any] = json.loads(
            podman("inspect", "--format", "{{json .NetworkSettings.Networks}}", infra).stdout
        )
        return str(next(iter(networks.values()))["IPAddress"])
