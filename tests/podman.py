"""Podman as tests use it: in a corner of its own, with the images of this checkout.

Nothing of the machine's own containers is touched: images, containers and networks of the tests
have folders of their own below /var/cache/keryx-tests. The base image is made with mmdebstrap and
goes by the name of the public one, so no registry is asked.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

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
