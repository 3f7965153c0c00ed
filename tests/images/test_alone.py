"""Daemons that need no root: each in a container that starts as its user, with no capability."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.identities import IDENTITIES
from keryx.components import registry
from keryx.components.component import Component
from tests.podman import image, podman
from tests.running import CHECKOUT, wait_for

ALONE = [component for component in registry.COMPONENTS if component.alone_as]
NAMES = [component.name for component in ALONE]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A volume as a cluster makes it: root's, and open to the group of the pod."""
    made = tmp_path / "home"
    made.mkdir()
    (made / "keryx.yaml").write_text("domain: example.org\nunbound: {offline: true}\n")
    return made


@pytest.fixture
def container(request: pytest.FixtureRequest, images: dict[str, int], home: Path) -> Iterator[str]:
    """A container of a component that starts as its own user."""
    component: Component = request.param
    number = IDENTITIES[component.alone_as]
    os.chown(home, 0, number)
    home.chmod(0o2775)
    name = f"keryx-alone-{component.name}"
    rights = ("--read-only", "--tmpfs=/tmp", "--tmpfs=/run", "--cap-drop=all")
    words = ("--security-opt=no-new-privileges", "--sysctl=net.ipv4.ip_unprivileged_port_start=0")
    place = ("--network=none", f"--user={number}:{number}", f"--volume={home}:/var/lib/keryx")
    podman("run", "--detach", f"--name={name}", *rights, *words, *place, image(component.name))
    try:
        yield name
    finally:
        podman("rm", "--force", "--time=30", name, timeout=90)


@pytest.mark.parametrize(
    ("container", "component"), list(zip(ALONE, NAMES, strict=True)), indirect=["container"]
)
def test_it_becomes_ready_as_its_own_user(container: str, component: str) -> None:
    def ready() -> bool:
        return podman("exec", container, "keryx", "ready", component, check=False).returncode == 0

    wait_for(ready, f"{component} is ready: {podman('logs', container, check=False).stderr}", 90)
    found = podman("top", container, "huser", "capeff").stdout.splitlines()[1:]
    number = IDENTITIES[registry.find(component).alone_as]
    assert {tuple(line.split()) for line in found} == {(str(number), "none")}


def test_the_documentation_names_them() -> None:
    page = (CHECKOUT / "docs/explanation/images.md").read_text()
    for component in ALONE:
        assert f"| {component.name} | {component.alone_as} {IDENTITIES[component.alone_as]} |" in page
