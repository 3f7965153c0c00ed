"""What the pages about the chart name: values, settings and tests are there."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart import helm
from tests.running import CHECKOUT

DOCS = CHECKOUT / "docs"
PARITY = DOCS / "reference/parity.md"
MIGRATIONS = ("migrate-from-tachydromos.md", "migrate-from-solakube.md")
PAGES = sorted(
    [DOCS / "tutorial/kubernetes.md", PARITY, *DOCS.glob("howto/kubernetes-*.md")]
    + [DOCS / "howto" / name for name in MIGRATIONS]
)
SCHEMA = json.loads((helm.CHART / "values.schema.json").read_text())
TEST = re.compile(r"\b(tests/\w+/test_\w+\.py)((?:::\w+)+)")
CODE = re.compile(r"`([A-Za-z]+(?:\.[A-Za-z_]\w*)*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")

Schema = Mapping[str, Any]


def known(path: Sequence[str], schema: Schema = SCHEMA) -> bool:
    """Whether a key of the values is one that their schema knows."""
    if not path:
        return True
    if "$ref" in schema:
        return known(
            path, functools.reduce(lambda part, key: part[key], schema["$ref"][2:].split("/"), SCHEMA)
        )
    ways = [way for kind in ("anyOf", "oneOf", "allOf") for way in schema.get(kind, ())]
    if any(known(path, way) for way in ways):
        return True
    if path[0] in schema.get("properties", {}):
        return known(path[1:], schema["properties"][path[0]])
    free = schema.get("additionalProperties", schema.get("type") == "object" and "properties" not in schema)
    return known(path[1:], free) if isinstance(free, Mapping) else bool(free)


def values_of(page: Path) -> Iterator[str]:
    """Yield the values that a page names. In a migration's tables the first column has another chart's."""
    for line in page.read_text().splitlines():
        text = line
        if line.startswith("|") and page.name in MIGRATIONS:
            text = "|".join(line.split("|")[2:])
        for word in CODE.findall(text):
            if word.split(".")[0] in SCHEMA["properties"] and not word.endswith((".ldif", ".sql", ".yaml")):
                yield word


def paths(values: Any, *before: str) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all keys."""
    if not isinstance(values, dict):
        yield before
        return
    for key, value in values.items():
        yield from paths(value, *before, str(key))


def blocks(page: Path) -> Iterator[dict[str, Any]]:
    """Yield the YAML of a page that is values of the chart."""
    for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        found = yaml.safe_load(text)
        if "apiVersion" not in found:
            yield found


def test_every_test_that_is_named_exists() -> None:
    named = TEST.findall(PARITY.read_text())
    assert len(named) > 100
    for path, names in named:
        text = (CHECKOUT / path).read_text()
        for name in names.strip(":").split("::"):
            assert re.search(rf"^ *(?:def|class) {name}\b", text, re.MULTILINE), f"{path}::{name}"


def test_every_row_is_proved_or_says_that_it_is_not() -> None:
    for line in PARITY.read_text().splitlines():
        if not line.startswith("|") or line.startswith(
            ("|---", "| family", "| variable", "| promise", "| feature")
        ):
            continue
        told = (
            TEST.search(line) or "**missing**" in line or "**not tested**" in line or "external-dns" in line
        )
        assert told, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_value_that_is_named_exists(page: Path) -> None:
    unknown = {word for word in values_of(page) if not known(word.split("."))}
    unknown |= {".".join(path) for block in blocks(page) for path in paths(block) if not known(path)}
    assert unknown == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_that_is_named_exists(page: Path) -> None:
    for name in re.findall(r"`charts/keryx/examples/([\w-]+\.yaml)`", page.read_text()):
        assert (helm.CHART / "examples" / name).exists(), name


def test_a_value_that_does_not_exist_is_found_out() -> None:
    """Of this test itself."""
    for path in (
        "postfix.service.nodePort",
        "settings.directory.url",
        "settings.ports.smtp.proxy",
        "nothing",
    ):
        assert not known(path.split(".")), path
