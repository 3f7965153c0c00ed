"""The images, built once for all tests of them, and the suite that runs in a pod of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keryx.components import registry
from keryx.components.testing import site as make_site
from tests import podman
from tests.podman import Pod
from tests.running import wait_for

SETTINGS = """\
domain: example.org
hostname: mail.example.org
webmail: both
rspamd: {greylisting: false}
unbound:
  offline: true
  records: ["elsewhere.example. 300 IN A 192.0.2.25", "elsewhere.example. 300 IN MX 10 elsewhere.example."]
"""


@pytest.fixture(scope="session")
def images() -> dict[str, int]:
    """The sizes of all images in bytes, by name."""
    return podman.build()


@pytest.fixture(scope="session")
def pod(images: dict[str, int]) -> Iterator[Pod]:
    """The whole suite: all containers are started at once, as a cluster does it."""
    wanted = [component.name for component in registry.enabled(make_site(SETTINGS))]
    made = Pod("keryx-tests", wanted, SETTINGS, {name: least(name) for name in wanted})
    made.create()
    try:
        start_all(made)
        yield made
    finally:
        made.remove()


def least(component: str) -> list[str]:
    """Return how a container is started: with as little as the documentation promises."""
    needed = registry.find(component).capabilities
    return [
        "--read-only",
        "--tmpfs=/tmp",
        "--tmpfs=/run",
        "--security-opt=no-new-privileges",
        "--cap-drop=all",
        *(f"--cap-add={name}" for name in needed),
    ]


def start_all(pod: Pod) -> None:
    """Start every container, make what must be made once, wait until each is ready."""
    for component in pod.components:
        pod.start(component)
    pod.command("init")
    for component in pod.components:
        try:
            wait_for(lambda: pod.ready(component), f"{component} is ready", 90)  # noqa: B023  # asked at once
        except AssertionError as error:
            raise AssertionError(f"{error}: {pod.probe(component).stderr}\n{pod.log(component)}") from error
