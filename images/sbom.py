"""What is in an image: a bill of materials in SPDX 2.3, as JSON (https://spdx.github.io/spdx-spec/v2.3/).

Run at the end of an image's build as ``sbom.py COMPONENT VERSION``, it writes
/usr/share/keryx/sbom.spdx.json: every Debian package that dpkg knows and every Python distribution of
Keryx's environment, each with its exact version and its package URL, by which scanners look up known
vulnerabilities. Needs the standard library only.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PLACE = Path("/usr/share/keryx/sbom.spdx.json")
FORMAT = (
    "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n"
)


def document(component: str, version: str, packages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the whole document; the same packages of the same time give the same one."""
    names = "\n".join(package["SPDXID"] + package["versionInfo"] for package in packages)
    digest = hashlib.sha256(names.encode()).hexdigest()
    image = {
        "SPDXID": "SPDXRef-image",
        "name": f"keryx-{component}",
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "CONTAINER",
    }
    contents = [_relation("SPDXRef-image", "CONTAINS", package["SPDXID"]) for package in packages]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"keryx-{component}-{version}",
        "documentNamespace": f"https://keryx.invalid/sbom/{component}/{version}/{digest}",
        "creationInfo": {"created": _now(), "creators": ["Tool: keryx-images"]},
        "packages": [image, *packages],
        "relationships": [_relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image"), *contents],
    }


def debian(listing: str) -> Iterator[dict[str, Any]]:
    """Yield the installed packages of what dpkg-query says in ``FORMAT``."""
    for line in listing.splitlines():
        status, name, version, architecture, source, source_version = line.split("\t")
        if status != "installed":
            continue
        url = f"pkg:deb/debian/{name}@{_quoted(version)}?arch={architecture}&distro=debian-13"
        package = _package("deb", name, version, url)
        told = f"built from the source package {source} {source_version}"
        yield {**package, "supplier": "Organization: Debian", "sourceInfo": told}


def python() -> Iterator[dict[str, Any]]:
    """Yield the distributions that stand in this Python's own environment."""
    for found in importlib.metadata.distributions(path=[_libraries()]):
        name, version = found.metadata["Name"], found.version
        url = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{_quoted(version)}"
        yield _package("pypi", name, version, url)


def _libraries() -> str:
    return f"{sys.prefix}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def _package(kind: str, name: str, version: str, url: str) -> dict[str, Any]:
    return {
        "SPDXID": f"SPDXRef-{kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', name)}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": url,
            }
        ],
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _quoted(version: str) -> str:
    return version.replace(":", "%3A").replace("+", "%2B").replace("~", "%7E")


def _now() -> str:
    # https://reproducible-builds.org/specs/source-date-epoch/
    given = os.environ.get("SOURCE_DATE_EPOCH")
    zone = datetime.UTC
    moment = datetime.datetime.fromtimestamp(int(given), zone) if given else datetime.datetime.now(zone)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    listing = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={FORMAT}"], check=True, capture_output=True, text=True
    ).stdout
    every = sorted([*debian(listing), *python()], key=lambda package: str(package["SPDXID"]))
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    PLACE.write_text(json.dumps(document(sys.argv[1], sys.argv[2], every), indent=1, sort_keys=True))
