"""The settings described: JSON schema and a reference page, generated from the model itself."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pydantic

from keryx.settings.model import SiteSettings
from keryx.settings.ports import Port


@dataclass(frozen=True)
class Key:
    """One key of keryx.yaml."""

    path: str
    kind: str
    default: str
    description: str


def schema(kind: type[SiteSettings]) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of keryx.yaml; strict, so a misspelt key fails."""
    described = kind.model_json_schema()
    described["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return described


def keys(kind: type[pydantic.BaseModel], prefix: str = "") -> Iterator[Key]:
    """Yield every key, sections before what they contain."""
    for name, field in kind.model_fields.items():
        path = f"{prefix}{name}"
        section = _section(field.annotation)
        if section is None:
            yield Key(path, _kind(field.annotation), _default(field), _one_line(field.description))
        else:
            yield Key(path, "section", "", _one_line(field.description or section.__doc__))
            if prefix != "ports.":
                yield from keys(section, f"{path}.")
    if prefix == "ports.":
        # The same keys for every protocol: described once.
        yield from keys(Port, "ports.PROTOCOL.")


def page(kind: type[SiteSettings]) -> str:
    """Return the reference page in Markdown."""
    lines = [
        "# Settings: keryx.yaml",
        "",
        "Generated from the settings model by `script/docs`; `keryx config reference` prints it.",
        "Unknown keys are errors. After an edit, `keryx up` shows what changes and applies it.",
        "",
    ]
    for key in keys(kind):
        if key.kind == "section" and "." not in key.path:
            lines += [f"## {key.path}", "", key.description, ""]
        elif key.kind == "section":
            lines += [f"**`{key.path}`**: {key.description}", ""]
        else:
            default = f", default `{key.default}`" if key.default else ""
            lines += [f"**`{key.path}`** ({key.kind}{default}): {key.description}", ""]
    return "\n".join(lines)


def _section(annotation: Any) -> type[pydantic.BaseModel] | None:
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, pydantic.BaseModel):
            origin = typing.get_origin(annotation)
            return None if origin in (tuple, list, dict) else candidate
    return None


def _kind(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return "empty"
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if origin in (typing.Union, types.UnionType):
        kinds = dict.fromkeys(_kind(argument) for argument in arguments if argument is not type(None))
        return " or ".join(kinds)
    if origin is typing.Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if origin is not None and len(arguments) == 2:
        return f"mapping of {_kind(arguments[0])} to {_kind(arguments[1])}"
    names = {"str": "text", "int": "number", "bool": "true or false", "Path": "path", "float": "number"}
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, {"IPv4Network": "network", "IPv6Network": "network"}.get(name, _words(name)))


def _words(name: str) -> str:
    return (
        "address"
        if name.startswith("IPv")
        else "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    )


def _default(field: pydantic.fields.FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if value in (None, "", (), {}) and value is not False and value != 0:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
