"""Builds the images: ``script/images [COMPONENT ...]``, with podman or docker.

Each image is the Dockerfile's stage of its component; the Debian packages that go into it come from
the component's own declaration. The operator, which is no component, has an image too.

With several platforms a manifest list is made (podman), or the images are pushed at once (docker
buildx has no place of its own for such a list).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keryx
from keryx.components import registry
from keryx.components.component import Component, Platform

CHECKOUT = Path(__file__).parent.parent
DEBIAN = Platform("debian", "13")
SNAPSHOTS = "http://snapshot.debian.org/archive"


@dataclass(frozen=True)
class Operator:
    """What runs in a cluster beside the components (``keryx.cluster``)."""

    name: str = "operator"
    title: str = "operator"


Image = Component | Operator
IMAGES: Sequence[Image] = (*registry.COMPONENTS, Operator())


@dataclass(frozen=True)
class Wishes:
    """What the command line asked for."""

    engine: str
    registry: str
    tag: str
    platforms: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    """The Dockerfile's, such as ``MIRROR=http://mirror.example.org/debian``."""
    ca: Path | None = None
    network: str = ""
    revision: str = ""
    fresh: bool = False
    push: bool = False


def find(name: str) -> Image:
    """Return an image by its component's name; raises NotFound."""
    return next((one for one in IMAGES if one.name == name), None) or registry.find(name)


def packages(component: Image) -> Sequence[str]:
    """Return the Debian packages of a component's image: its own, and of those whose commands it runs."""
    if isinstance(component, Operator):
        return ()
    named = [component, *(registry.find(name) for name in component.commands_of)]
    return list(dict.fromkeys(name for one in named for name in one.packages(DEBIAN)))


def reference(wishes: Wishes, component: Image) -> str:
    """Return the image's name, such as ``registry.example.org/mail/keryx-redis:0.1.0``."""
    prefix = f"{wishes.registry.rstrip('/')}/" if wishes.registry else ""
    return f"{prefix}keryx-{component.name}:{wishes.tag}"


def build_command(wishes: Wishes, component: Image) -> list[str]:
    """Return the command that builds one image."""
    several = len(wishes.platforms) > 1
    docker = wishes.engine == "docker"
    argv = ["docker", "buildx", "build"] if docker else ["podman", "build", "--layers", "--format=oci"]
    argv += [f"--file={CHECKOUT / 'images/Dockerfile'}", f"--target={component.name}"]
    if wishes.platforms:
        argv.append(f"--platform={','.join(wishes.platforms)}")
    if docker:
        argv.append("--push" if wishes.push else "--load")
    argv.append(f"--{'manifest' if several and not docker else 'tag'}={reference(wishes, component)}")
    if wishes.fresh:
        argv += ["--no-cache", "--pull"]
    if wishes.network:
        argv.append(f"--network={wishes.network}")
    if wishes.ca is not None:
        argv.append(f"--secret=id=ca,src={wishes.ca}")
    # Of all components: some stages take files from others.
    given = {f"{one.name.upper()}_PACKAGES": " ".join(packages(one)) for one in registry.COMPONENTS}
    given["VERSION"] = keryx.__version__
    for argument in (*(f"{key}={value}" for key, value in given.items()), *wishes.arguments):
        argv.append(f"--build-arg={argument}")
    for key, value in _labels(wishes, component).items():
        argv.append(f"--label=org.opencontainers.image.{key}={value}")
    return [*argv, str(CHECKOUT)]


def push_command(wishes: Wishes, component: Image) -> list[str]:
    """Return the command that brings one image, or a list of them, to the registry (podman)."""
    name = reference(wishes, component)
    if len(wishes.platforms) > 1:
        return ["podman", "manifest", "push", "--all", name, f"docker://{name}"]
    return ["podman", "push", name]


def _labels(wishes: Wishes, component: Image) -> dict[str, str]:
    labels = {
        "title": f"keryx-{component.name}",
        "description": f"Keryx mail suite: {component.title}",
        "version": keryx.__version__,
    }
    return {**labels, "revision": wishes.revision} if wishes.revision else labels


def size(wishes: Wishes, component: Image) -> int:
    """Return the bytes of an image with all its layers, unpacked."""
    argv = [wishes.engine, "image", "inspect", "--format={{.Size}}", reference(wishes, component)]
    return int(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/images", description="Builds the images.")
    add = parser.add_argument
    add("component", nargs="*", help="the components; all when none is named")
    add("--engine", choices=("podman", "docker"), help="the builder; podman where there is one")
    add("--registry", default="", help="where the images belong, such as registry.example.org/mail")
    add("--tag", default=keryx.__version__, help="this release's version unless given")
    add("--platform", action="append", default=[], help="such as linux/arm64; repeat it for several")
    add("--push", action="store_true", help="bring them to the registry")
    add("--fresh", action="store_true", help="build every layer anew, on the newest base")
    add("--base-registry", help="the mirror that holds the base image, such as mirror.example.org/library/")
    add("--debian", help="the base image: a tag, or a digest as debian@sha256:...")
    add("--snapshot", help="packages as of a day of snapshot.debian.org, such as 20260901T000000Z")
    add("--mirror", help="the Debian mirror")
    add("--security-mirror", help="the mirror of Debian's security updates")
    add("--pypi", help="the mirror of PyPI's simple index")
    add("--ca", type=Path, help="a certificate (PEM) to trust when fetching from PyPI or its mirror")
    add("--network", default="", help="the network of the build, such as host")
    add("--json", action="store_true", help="print names and sizes as JSON")
    return parser.parse_args(words)


def _wishes(given: argparse.Namespace) -> Wishes:
    mirrors = {"MIRROR": given.mirror, "SECURITY_MIRROR": given.security_mirror}
    if given.snapshot:
        mirrors = {
            "MIRROR": f"{SNAPSHOTS}/debian/{given.snapshot}",
            "SECURITY_MIRROR": f"{SNAPSHOTS}/debian-security/{given.snapshot}",
        }
    wanted = {"REGISTRY": given.base_registry, "DEBIAN": given.debian, "PYPI": given.pypi, **mirrors}
    return Wishes(
        engine=given.engine or ("podman" if shutil.which("podman") else "docker"),
        registry=given.registry,
        tag=given.tag,
        platforms=tuple(given.platform),
        arguments=tuple(f"{key}={value}" for key, value in wanted.items() if value),
        ca=given.ca,
        network=given.network,
        revision=_revision(),
        fresh=given.fresh,
        push=given.push,
    )


def _revision() -> str:
    argv = ["git", "-C", str(CHECKOUT), "rev-parse", "HEAD"]
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout.strip()


def main(words: Sequence[str]) -> int:
    """Build, push and print sizes; return the exit status."""
    given = _parse(words)
    wishes = _wishes(given)
    chosen = [find(name) for name in given.component] or list(IMAGES)
    for component in chosen:
        print(f"{reference(wishes, component)} ...", file=sys.stderr, flush=True)
        commands = [build_command(wishes, component)]
        if wishes.push and wishes.engine == "podman":
            commands.append(push_command(wishes, component))
        for argv in commands:
            # Progress is the builder's; standard output is for what is asked here.
            status = subprocess.run(argv, check=False, stdout=sys.stderr).returncode
            if status != 0:
                print(f"script/images: {' '.join(argv[:2])} failed for {component.name}.", file=sys.stderr)
                return status
    if len(wishes.platforms) > 1:
        return 0
    sizes = {reference(wishes, component): size(wishes, component) for component in chosen}
    if given.json:
        print(json.dumps(sizes, indent=1))
    else:
        for name, number in sizes.items():
            print(f"{number / 2**20:7.0f} MiB  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
