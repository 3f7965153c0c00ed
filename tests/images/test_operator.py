"""The operator's image: what a release's pod runs, as the user and with the rights of that pod."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from images.identities import IDENTITIES
from tests.chart.helm import NAMESPACE
from tests.cluster.operating import FULLNAME, Release, releases, values
from tests.kubernetes_api import Body
from tests.podman import image, podman
from tests.running import wait_for

NAME = "keryx-alone-operator"
HOME = Path("/var/lib/keryx")


@pytest.fixture
def make_release() -> Iterator[Callable[[Body], Release]]:
    with releases() as make:
        yield make


@pytest.fixture
def release(images: dict[str, int], make_release: Callable[[Body], Release]) -> Iterator[Release]:
    """A release whose operator runs in a container."""
    made = make_release(values(operator={"record": {"enabled": True}}))
    number = IDENTITIES["keryx"]
    env = [f"--env={name}={value}" for name, value in made.environment(HOME).items()]
    for path in (made.home, *made.home.rglob("*")):
        shutil.chown(path, 0, number)
    made.home.chmod(0o2775)
    rights = ("--read-only", "--tmpfs=/tmp", "--tmpfs=/run", "--cap-drop=all")
    place = ("--security-opt=no-new-privileges", "--network=host", f"--volume={made.home}:{HOME}")
    words = ("--detach", f"--name={NAME}", f"--user={number}:{number}", *rights, *place, *env)
    podman("run", *words, image("operator"))
    try:
        yield made
    finally:
        podman("rm", "--force", "--time=20", NAME, timeout=90)


def test_it_keeps_the_record_and_ends_when_it_is_told_to(release: Release) -> None:
    release.node("one", "192.0.2.1")
    release.mail_pod("postfix-0", "one")
    wait_for(lambda: release.api.get("DNSEndpoint", NAMESPACE, FULLNAME), "there is a record", 60)
    assert release.lives()["record"].startswith("mail.example.org lead to 192.0.2.1")
    podman("stop", "--time=20", NAME, timeout=60)
    state = podman("inspect", "--format={{.State.ExitCode}}", NAME).stdout.strip()
    assert state == "0", podman("logs", NAME).stderr


def test_another_image_says_that_it_has_no_operator(images: dict[str, int]) -> None:
    done = podman("run", "--rm", "--network=none", image("redis"), "operator", check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "keryx: The operator needs kopf, which is not installed.",
        "       Use the image keryx-operator, or install Keryx with the extra cluster.",
    ]
