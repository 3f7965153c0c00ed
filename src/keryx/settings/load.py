"""Reading keryx.yaml in named steps: read, validate shape and sense, report everything at once.

The full model is the shared part plus one section per component. Sections are handed in, since
settings stand below the components that own them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import pydantic
import yaml

from keryx.core import errors
from keryx.settings.model import SiteSettings
from keryx.settings.section import Section


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key written twice, where the first would silently lose."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise errors.BadSettings([f'line {line}: the key "{key}" stands twice; keep one of them.'])
            seen.add(key)
        return cast(dict[Any, Any], super().construct_mapping(node, deep))


def model(sections: Iterable[type[Section]]) -> type[SiteSettings]:
    """Return the whole settings model: the shared part with every component's section."""
    fields: dict[str, Any] = {
        section.section_name: (section, pydantic.Field(default=section(), description=section.__doc__))
        for section in sections
    }
    return cast(
        type[SiteSettings],
        pydantic.create_model("Settings", __base__=SiteSettings, __doc__=SiteSettings.__doc__, **fields),
    )


def parse(text: str, kind: type[SiteSettings], source: str = "keryx.yaml") -> SiteSettings:
    """Return the settings in ``text``; raises BadSettings with every problem as a sentence."""
    try:
        values = yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        what = getattr(error, "problem", None) or "it is not YAML"
        raise errors.BadSettings([f"{source}: {where}{what}; correct the YAML syntax there."]) from error
    except errors.BadSettings as error:
        raise errors.BadSettings([f"{source}: {problem}" for problem in error.problems]) from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise errors.BadSettings(
            [f"{source}: the top level is not a mapping; write lines such as domain: example.org."]
        )
    try:
        return kind.model_validate(values)
    except pydantic.ValidationError as error:
        problems = [f"{source}: {_sentence(kind, details)}" for details in error.errors()]
        raise errors.BadSettings(list(dict.fromkeys(problems))) from error


def read(path: Path, kind: type[SiteSettings]) -> SiteSettings:
    """Return the settings in the file; raises BadInput when there is none, BadSettings when wrong."""
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        raise errors.BadInput(
            f"There is no {path}.",
            remedy="Create a suite with: keryx up --domain example.org, or name its place with --home.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise errors.BadInput(
            f"{path} cannot be read: {error}.", remedy="It must be readable UTF-8 text."
        ) from error
    return parse(text, kind, path.name)


def _sentence(kind: type[SiteSettings], details: Mapping[str, Any]) -> str:
    """Word one of pydantic's findings: the key, the value, the remedy."""
    path = ".".join(str(part) for part in details["loc"] if not _is_variant(part))
    value = details.get("input")
    problem = details["type"]
    context = details.get("ctx", {})
    key = path or "the settings"
    if problem == "extra_forbidden":
        return f'unknown key "{path}"{_similar(kind, path)}.'
    if problem == "missing":
        return f'"{path}" is missing; add a line {path.split(".")[-1]}: with its value.'
    if problem == "value_error":
        return f"{path + ': ' if path else ''}{context['error']}."
    shown = "********" if isinstance(value, str) and "password" in path else repr(value)
    wanted = {
        "int_parsing": "write a whole number",
        "int_type": "write a whole number",
        "int_from_float": "write a whole number",
        "float_parsing": "write a number",
        "bool_parsing": "write true or false",
        "bool_type": "write true or false",
        "string_type": "write text (put it in quotes)",
        "greater_than_equal": f"write {context.get('ge')} or more",
        "less_than_equal": f"write {context.get('le')} or less",
        "greater_than": f"write more than {context.get('gt')}",
        "less_than": f"write less than {context.get('lt')}",
        "literal_error": f"write {context.get('expected')}",
        "enum": f"write {context.get('expected')}",
        "tuple_type": "write a list: one line per item, each with a dash",
        "list_type": "write a list: one line per item, each with a dash",
        "dict_type": "write indented lines of key: value",
        "model_type": "write indented lines of key: value",
        "ip_v4_network": "write a network such as 192.0.2.0/24 (host bits zero)",
        "ip_v6_network": "write a network such as 192.0.2.0/24 or 2001:db8::/32 (host bits zero)",
        "ip_v4_address": "write an address such as 192.0.2.1",
        "ip_v6_address": "write an address such as 192.0.2.1 or 2001:db8::1",
        "path_type": "write the path of a file",
    }.get(problem, details["msg"])
    return f"{key}: {shown} does not fit; {wanted}."


def _is_variant(part: object) -> bool:
    """Whether a location part names the branch of a union rather than a key."""
    return isinstance(part, str) and (part.startswith(("function-", "IPv4", "IPv6", "lax-or", "is-instance")))


def _similar(kind: type[pydantic.BaseModel], path: str) -> str:
    """Suggest the key that was probably meant."""
    *parents, last = path.split(".")
    level: Any = kind
    for name in parents:
        field = getattr(level, "model_fields", {}).get(name)
        level = field.annotation if field else None
    known = list(getattr(level, "model_fields", {}))
    close = difflib.get_close_matches(last, known, 1)
    if close:
        return f"; did you mean {close[0]}"
    return f"; known here: {', '.join(known)}" if known else "; remove it"
