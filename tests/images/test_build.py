"""What is in the images: users, packages, files, the bill of materials; and how they are built."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import keryx
from images.build import DEBIAN, IMAGES, Image, Wishes, build_command, packages, push_command
from images.identities import GROUPS, IDENTITIES
from keryx.components import registry
from keryx.components.component import AS_ROOT
from tests.podman import image, podman
from tests.running import CHECKOUT

NAMES = [component.name for component in IMAGES]
DOCKERFILE = (CHECKOUT / "images/Dockerfile").read_text()


def inside(component: str, *argv: str) -> str:
    """Return what a command prints in a container of the image."""
    words = ("run", "--rm", "--network=none", f"--entrypoint={argv[0]}", image(component), *argv[1:])
    return podman(*words).stdout


def configured(component: str) -> dict[str, object]:
    found = json.loads(podman("image", "inspect", image(component)).stdout)[0]["Config"]
    assert isinstance(found, dict)
    return found


# --- declared


def test_every_component_has_a_stage() -> None:
    assert set(re.findall(r'^CMD \["(\w+)"\]$', DOCKERFILE, re.MULTILINE)) == set(NAMES)
    assert set(NAMES) < set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE))


def test_no_package_of_a_component_is_named_a_second_time() -> None:
    named = {name for component in registry.COMPONENTS for name in packages(component)}
    shared = {"ca-certificates", "sogo", "redis-server"} & named
    words = set(re.findall(r"[\w.+-]+", DOCKERFILE))
    assert not (named - shared) & (words - set(NAMES))


def test_every_user_of_a_component_has_a_number() -> None:
    declared = {user.name for component in registry.COMPONENTS for user in component.users}
    assert declared <= set(IDENTITIES)
    numbers = [*IDENTITIES.values(), *GROUPS.values()]
    assert len(set(numbers)) == len(numbers)
    assert not set(IDENTITIES) & set(GROUPS)


def test_a_component_that_runs_anothers_commands_has_its_packages() -> None:
    door, dovecot = registry.find("privileged"), registry.find("dovecot")
    assert "postfix" in packages(door)
    assert set(dovecot.packages(DEBIAN)) < set(packages(door))


def test_a_build_for_a_mirror_names_no_other_place() -> None:
    arguments = ("REGISTRY=mirror.example.com/library/", "DEBIAN=debian@sha256:0123")
    wishes = Wishes("podman", "registry.example.com/mail/", "1.2", ("linux/amd64", "linux/arm64"), arguments)
    argv = build_command(wishes, registry.find("redis"))
    assert "--platform=linux/amd64,linux/arm64" in argv
    assert "--manifest=registry.example.com/mail/keryx-redis:1.2" in argv
    assert "--build-arg=REGISTRY=mirror.example.com/library/" in argv
    assert "--build-arg=DEBIAN=debian@sha256:0123" in argv
    assert "--build-arg=REDIS_PACKAGES=redis-server" in argv
    assert push_command(wishes, registry.find("redis"))[-1] == (
        "docker://registry.example.com/mail/keryx-redis:1.2"
    )


def test_docker_builds_them_too() -> None:
    argv = build_command(Wishes("docker", "", "1.2", push=True), registry.find("redis"))
    assert argv[:3] == ["docker", "buildx", "build"]
    assert "--push" in argv
    assert "--tag=keryx-redis:1.2" in argv


def test_the_documentation_tells_every_capability_with_its_reason() -> None:
    page = (CHECKOUT / "docs/explanation/images.md").read_text()
    for component in registry.COMPONENTS:
        for name, reason in component.capabilities.items():
            who = "all" if name in AS_ROOT else component.name
            assert f"| {name} | {who} | {reason} |" in page


# --- built


def test_all_images_are_built_and_their_sizes_told(images: dict[str, int]) -> None:
    assert set(images) == {f"keryx-{name}:test" for name in NAMES}
    assert all(size > 100_000_000 for size in images.values())


@pytest.mark.parametrize("component", NAMES)
def test_users_and_groups_have_the_same_numbers_everywhere(images: dict[str, int], component: str) -> None:
    for database, pinned in (("passwd", IDENTITIES), ("group", {**IDENTITIES, **GROUPS})):
        rows = (line.split(":") for line in inside(component, "getent", database).splitlines())
        numbers = {row[0]: int(row[2]) for row in rows}
        assert pinned.items() <= numbers.items()
        others = {name: number for name, number in numbers.items() if name not in pinned}
        strays = {name: number for name, number in others.items() if 100 <= number < 60000}
        assert strays.keys() <= ALLOWED, "a package made a user that is not pinned"


ALLOWED = {"users", "crontab", "systemd-journal", "systemd-network"}
"""Debian's own, which own nothing on a volume."""


@pytest.mark.parametrize("component", IMAGES, ids=NAMES)
def test_the_bill_of_materials_names_every_package(images: dict[str, int], component: Image) -> None:
    told = json.loads(inside(component.name, "cat", "/usr/share/keryx/sbom.spdx.json"))
    assert told["spdxVersion"] == "SPDX-2.3"
    listed = {(package["name"], package["versionInfo"]) for package in told["packages"]}
    shown = inside(component.name, "dpkg-query", "-W", "-f", "${Package} ${Version}\n")
    there = {tuple(line.split(" ", 1)) for line in shown.splitlines()}
    assert there < listed
    assert set(packages(component)) <= {name for name, _ in there}
    assert ("keryx", keryx.__version__) in listed
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (CHECKOUT / "requirements.lock").read_text(), re.M))
    assert ("pydantic", locked["pydantic"]) in listed
    identifiers = [package["SPDXID"] for package in told["packages"]]
    assert len(set(identifiers)) == len(identifiers)
    assert {relation["relatedSpdxElement"] for relation in told["relationships"]} == set(identifiers)


@pytest.mark.parametrize("component", NAMES)
def test_an_image_starts_its_component_without_a_shell(images: dict[str, int], component: str) -> None:
    config = configured(component)
    assert config["Entrypoint"] == ["keryx", "run"]
    assert config["Cmd"] == [component]
    assert config["StopSignal"] in ("SIGTERM", "15")
    labels = config["Labels"]
    assert isinstance(labels, dict)
    assert labels["org.opencontainers.image.title"] == f"keryx-{component}"
    assert labels["org.opencontainers.image.version"] == keryx.__version__


@pytest.mark.parametrize("component", ["redis", "nginx", "privileged"])
def test_nothing_of_the_build_stays(images: dict[str, int], component: str) -> None:
    places = ("/var/lib/apt/lists", "/var/cache/apt", "/root", "/tmp", "/var/log")
    assert inside(component, "find", *places, "-type", "f", "-size", "+8k") == ""
    assert not {"build", "installer", "source", "out"} & set(inside(component, "ls", "/").split())
    names = inside(component, "dpkg-query", "-W", "-f", "${Package}\n").split()
    assert not {"gcc", "python3-pip", "build-essential"} & set(names)


@pytest.mark.parametrize(
    ("component", "folder"),
    [("sogo", "/usr/share/GNUstep/SOGo/WebServerResources"), ("roundcube", "/var/lib/roundcube/public_html")],
)
def test_the_gateway_has_every_file_of_the_webmails_pages(
    images: dict[str, int], component: str, folder: str
) -> None:
    def files(name: str) -> set[str]:
        kinds = r".*\.\(css\|js\|png\|svg\|gif\|jpg\|woff2?\|ttf\|eot\|mp3\)"
        return set(inside(name, "find", "-L", folder, "-type", "f", "-regex", kinds).splitlines())

    assert files(component)
    assert files(component) <= files("nginx")


def test_the_whole_code_is_in_the_image(images: dict[str, int]) -> None:
    folder = Path(inside("admin", "python3", "-c", "import keryx; print(keryx.__file__)").strip()).parent
    there = set(inside("admin", "find", str(folder), "-type", "f", "-printf", "%P\n").splitlines())
    source = CHECKOUT / "src/keryx"
    wanted = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    wanted = {name for name in wanted if "tests/" not in name and "__pycache__" not in name}
    assert wanted <= there
    assert any(name.endswith(".pyc") for name in there), "compiled: the file system may be read-only"


def test_settings_that_are_wrong_end_the_container_with_a_sentence(
    images: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "keryx.yaml").write_text("domain: example.org\nhostnam: mail.example.org\n")
    words = ("run", "--rm", "--network=none", f"--volume={tmp_path}:/var/lib/keryx", image("redis"))
    done = podman(*words, check=False)
    assert done.returncode == 2
    assert "hostnam" in done.stderr
    assert "Traceback" not in done.stderr
