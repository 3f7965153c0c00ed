"""The settings as they are: every key of keryx.yaml with its value, its default, its meaning."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter

from keryx.settings import reference
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import Model, Page, PageQuery, page_of

router = APIRouter(tags=["settings"])

HIDDEN = re.compile(r"password|secret|token|credential", re.IGNORECASE)
STARS = "********"
COMMON = "ports.PROTOCOL."


class Setting(Model):
    """One key of keryx.yaml."""

    section: str
    """Empty for the top level."""
    key: str
    """The whole path, such as ``directory.uri``."""
    kind: str
    value: Any
    """As it is; secrets are stars, and stand in files anyway."""
    default: str
    changed: bool
    """Whether keryx.yaml says something else than the default."""
    doc: str
    where: str
    """Where to change it."""


@router.get("/settings")
def list_(call: Annotated[Call, over_nothing("settings.read")], paging: PageQuery) -> Page[Setting]:
    """List every setting with its value and meaning. They are changed in keryx.yaml, not here."""
    settings = call.site.settings
    values = settings.model_dump(mode="json")
    file = call.site.paths.home / "keryx.yaml"
    found = [
        Setting(
            section=key.path.rpartition(".")[0],
            key=key.path,
            kind=key.kind,
            value=_shown(key.path, _value(values, key.path)),
            default=key.default,
            changed=_is_set(settings, key.path),
            doc=key.description,
            where=f"{key.path} in {file}; then keryx up",
        )
        for key in _keys(type(settings))
    ]
    return page_of(
        list(enumerate(found)),
        paging,
        lambda place: place[1],
        sorts={"order": lambda place: place[0], "key": lambda place: place[1].key},
        text=lambda place: f"{place[1].key} {place[1].doc}",
    )


def _keys(kind: type[Any]) -> Iterator[reference.Key]:
    """Yield every key; what the reference page describes once for all ports, for each of them."""
    found = list(reference.keys(kind))
    common = [key for key in found if key.path.startswith(COMMON)]
    for key in found:
        if re.fullmatch(r"ports\.[a-z0-9]+", key.path):
            for other in common:
                yield dataclasses.replace(other, path=f"{key.path}.{other.path.removeprefix(COMMON)}")
        elif key.kind != "section" and key not in common:
            yield key


def _value(values: Any, path: str) -> Any:
    for part in path.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _is_set(settings: Any, path: str) -> bool:
    """Whether the file has the key."""
    *sections, name = path.split(".")
    for section in sections:
        if section not in settings.model_fields_set:
            return False
        settings = getattr(settings, section)
    return name in settings.model_fields_set


def _shown(path: str, value: Any) -> Any:
    """Return a value with secrets as stars; paths of secret files are none."""
    name = path.rpartition(".")[2]
    if isinstance(value, dict):
        return {key: _shown(f"{path}.{key}", inner) for key, inner in value.items()}
    if HIDDEN.search(name) and not name.endswith(("_file", "_scheme", "_attribute")) and value:
        return STARS
    return value
