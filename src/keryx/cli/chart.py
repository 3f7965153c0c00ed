"""Generates what the chart says of its values: ``values.schema.json`` and the reference page.

The schema of ``settings`` comes from the settings model, that of everything else from
``schema/values.yaml`` in the chart; the page comes from the comments ``# --`` in ``values.yaml``.

Draft 7 of JSON schema, which every Helm since 3.0 understands (https://helm.sh/docs/topics/charts/#schema-files).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from keryx.settings import reference
from keryx.settings.model import SiteSettings

SECTIONS = ("pod", "scaled", "store", "operator")
"""Definitions that are written down without what every pod's section has."""
DRAFT = "http://json-schema.org/draft-07/schema#"
MARK = "# --"
INDENT = 2


@dataclass(frozen=True)
class Value:
    """A key of values.yaml."""

    path: str
    default: str
    description: str


def schema(chart: Path, kind: type[SiteSettings]) -> str:
    """Return values.schema.json."""
    placing = yaml.safe_load((chart / "schema/values.yaml").read_text())
    definitions = placing["$defs"]
    shape = definitions.pop("shape")
    for name in SECTIONS:
        properties = {**shape, **definitions[name]}
        definitions[name] = {"type": "object", "additionalProperties": False, "properties": properties}
    settings = _referring(reference.schema(kind))
    for name, section in settings.pop("$defs").items():
        definitions[_renamed(name)] = section
    settings.pop("$schema")
    placing["properties"] = {"settings": settings, **placing["properties"]}
    whole = {
        "$schema": DRAFT,
        "title": "Values of the chart keryx",
        **placing,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _renamed(name: str) -> str:
    return f"settings.{name}"


def _referring(part: Any) -> Any:
    """Return a part of the settings' schema with its references as they are within the whole."""
    if isinstance(part, list):
        return [_referring(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {key: _referring(value) for key, value in part.items()}
    target = made.get("$ref", "")
    if isinstance(target, str) and target.startswith("#/$defs/"):
        made["$ref"] = f"#/$defs/{_renamed(target.removeprefix('#/$defs/'))}"
    return made


def values(text: str) -> Iterator[Value]:
    """Yield the keys of values.yaml that have a comment, with their defaults as they are written."""
    path: list[str] = []
    said: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(MARK):
            said = [stripped.removeprefix(MARK).strip()]
        elif said and stripped.startswith("#"):
            said.append(stripped.removeprefix("#").strip())
        elif match := re.match(r"( *)([A-Za-z0-9]+):(?: (.*))?$", line):
            path = [*path[: len(match[1]) // INDENT], match[2]]
            if said:
                yield Value(".".join(path), _shown(match[3] or ""), " ".join(said))
            said = []
        else:
            said = []


def _shown(default: str) -> str:
    """Return a default as the page shows it; nothing for what is empty or begins a section."""
    plain = re.sub(r"^[&*][a-z]+[A-Za-z]*", "", default).strip()
    return "" if plain in ("", '""', "{}", "[]", "null") else plain


def page(chart: Path) -> str:
    """Return the reference page in Markdown."""
    lines = [
        "# Values of the chart",
        "",
        "Generated from `charts/keryx/values.yaml` by `script/docs`.",
        "A key that is not here is refused by its name.",
        "The keys below `defaults` may stand in the section of every pod, where they go before it.",
        "",
    ]
    for value in values((chart / "values.yaml").read_text()):
        if "." not in value.path:
            lines += [f"## {value.path}", "", value.description, ""]
            if value.default:
                lines += [f"Default: `{value.default}`", ""]
            continue
        default = f" (default `{value.default}`)" if value.default else ""
        lines += [f"**`{value.path}`**{default}: {value.description}", ""]
    return "\n".join(lines)
