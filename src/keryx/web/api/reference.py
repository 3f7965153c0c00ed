"""The reference page and the OpenAPI document, as anybody may read them.

The page is made from the document: every call with its curl line, fields and answers. Its style sheet is
ours, served by the gateway like those of the other pages.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fastapi
import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


PAGING = ("page", "per_page", "search", "sort")


@dataclass(frozen=True)
class Field:
    """One field of a body, or a parameter."""

    name: str
    kind: str
    needed: bool
    description: str


@dataclass(frozen=True)
class Operation:
    """One call as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    curl: str
    parameters: tuple[Field, ...]
    paged: bool
    """Whether it takes the parameters of lists, which are explained once."""
    body: tuple[Field, ...]
    answer: tuple[Field, ...]
    statuses: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Group:
    """The calls of one noun."""

    name: str
    operations: tuple[Operation, ...]


def install(app: fastapi.FastAPI) -> None:
    """Serve the page at / and the document at /openapi.json."""
    document = app.openapi_schema
    assert document is not None
    host = app.state.site.settings.host
    text = page(document, host)

    async def show(request: Request) -> Response:
        return HTMLResponse(text, headers={"Content-Security-Policy": CONTENT_POLICY})

    async def openapi(request: Request) -> Response:
        return JSONResponse(document)

    app.add_route("/", show, methods=["GET"], include_in_schema=False)
    app.add_route("/openapi.json", openapi, methods=["GET"], include_in_schema=False)


def page(document: Mapping[str, Any], host: str) -> str:
    """Return the reference page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keryx.web.api"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = environment.get_template("reference.html.j2")
    return template.render(
        groups=list(groups(document, host)),
        intro=document["info"]["description"],
        version=document["info"]["version"],
    )


def markdown(document: Mapping[str, Any]) -> str:
    """Return the same reference for docs/reference/api.md."""
    environment = jinja2.Environment(  # noqa: S701 - Markdown, not HTML
        loader=jinja2.PackageLoader("keryx.web.api"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("reference.md.j2")
    intro = document["info"]["description"]
    return template.render(groups=list(groups(document, "mail.example.org")), intro=intro)


def groups(document: Mapping[str, Any], host: str) -> Iterator[Group]:
    """Yield the calls by noun, in the order of the document."""
    found: dict[str, list[Operation]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            found.setdefault(operation["tags"][0], []).append(
                _operation(document, host, method, path, operation)
            )
    for name, listed in found.items():
        yield Group(name, tuple(listed))


def _operation(
    document: Mapping[str, Any], host: str, method: str, path: str, operation: Mapping[str, Any]
) -> Operation:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    good = next(iter(operation["responses"].values())).get("content", {}).get("application/json", {})
    names = [found["name"] for found in operation.get("parameters", ())]
    paged = all(name in names for name in PAGING)
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation["description"],
        curl=curl(document, host, method, path, operation),
        parameters=tuple(
            _parameter(document, found)
            for found in operation.get("parameters", ())
            if not (paged and found["name"] in PAGING)
        ),
        paged=paged,
        body=tuple(_fields(document, body)),
        answer=tuple(_fields(document, good.get("schema"))),
        statuses=tuple((status, said["description"]) for status, said in operation["responses"].items()),
    )


def curl(document: Mapping[str, Any], host: str, method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return the call as a line for a shell; the key stands in $KEY."""
    url = f"https://{host}/api/v1{path}"
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            url = url.replace(f"{{{parameter['name']}}}", _path_example(path, parameter["name"]))
    needed = [
        f"{found['name']}={_example(document, found['schema'], found['name'])}"
        for found in operation.get("parameters", ())
        if found["in"] == "query" and found.get("required")
    ]
    words = ["curl"]
    if method != "get":
        words += ["-X", method.upper()]
    line = shlex.join([*words, url + ("?" + "&".join(needed) if needed else "")])
    line += _proof(operation["security"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        shown = json.dumps(_body_example(document, body), ensure_ascii=False)
        line += f" -H 'Content-Type: application/json' -d {shlex.quote(shown)}"
    return line


def _proof(security: Sequence[Mapping[str, Any]]) -> str:
    """Return the options with which a caller proves who calls; the cookie is kept in a file."""
    if not security:
        return " -c cookies"
    if "bearer" in security[0]:
        return ' -H "Authorization: Bearer $KEY"'
    return ' -b cookies -H "X-CSRF-Token: $CSRF"' if "csrf" in security[0] else " -b cookies"


def _parameter(document: Mapping[str, Any], found: Mapping[str, Any]) -> Field:
    said = found.get("description") or found["schema"].get("description", "")
    return Field(found["name"], _kind(document, found["schema"]), found.get("required", False), said)


def _fields(
    document: Mapping[str, Any], schema: Mapping[str, Any] | None, prefix: str = ""
) -> Iterator[Field]:
    """Yield the fields of an object, and of the objects in it: ``items[].name``."""
    if not schema:
        return
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        yield from _fields(document, schema["items"], f"{prefix}[].")
        return
    needed = schema.get("required", ())
    for name, found in schema.get("properties", {}).items():
        yield Field(prefix + name, _kind(document, found), name in needed, found.get("description", ""))
        inner = _object(document, found)
        if inner:
            mark = "[]." if "array" in (found.get("type"), _first(found).get("type")) else "."
            yield from _fields(document, inner, f"{prefix}{name}{mark}")


def _object(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the object in a field, in its list, or beside its null."""
    schema = _first(schema)
    schema = schema.get("items", schema) if schema.get("type") == "array" else schema
    schema = _resolved(document, schema)
    return schema if schema.get("properties") else None


def _first(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema["anyOf"][0] if "anyOf" in schema else schema
    return found


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return what a value is, in a few words."""
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(document, part) for part in schema[several]))
    if "$ref" in schema:
        return str(_resolved(document, schema).get("title", "object"))
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    words = {"string": "text", "integer": "number", "boolean": "true or false", "null": "null"}
    formats = {"date-time": "time", "date": "date", "password": "password"}
    name = str(schema.get("type", "anything"))
    return formats.get(schema.get("format", ""), words.get(name, name))


# Values that make sense to people, for the curl lines.
EXAMPLES: Mapping[str, Any] = {
    "address": "alice@example.org",
    "domain": "example.org",
    "id": "1",
    "name": "Alice Example",
    "password": "correct horse battery",
    "targets": ["alice@example.org"],
    "text": "The server is being upgraded tonight.",
    "items": [
        {
            "name": "Lists",
            "field": "list-id",
            "test": "contains",
            "value": "postfix",
            "action": "fileinto",
            "argument": "Lists",
        }
    ],
}


def _path_example(path: str, name: str) -> str:
    if "/alias-domains/" in path and name == "name":
        return "example.net"
    if path.startswith("/queue/"):
        return "4jXKWw2CfzzJbLW"
    if path.startswith("/aliases/"):
        return "sales@example.org"
    return str(EXAMPLES[name])


def _body_example(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Return the needed fields, and of those that are not needed the first."""
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        return EXAMPLES["items"]
    fields = schema.get("properties", {})
    shown = [name for name in fields if name in schema.get("required", ())] or list(fields)[:1]
    if "password" in fields and "password" not in shown:
        shown.append("password")
    return {name: _example(document, fields[name], name) for name in shown}


def _example(document: Mapping[str, Any], schema: Mapping[str, Any], name: str) -> Any:
    if name in EXAMPLES:
        return EXAMPLES[name]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _example(document, schema[several][0], name)
    if "default" in schema and schema["default"] not in ("", None):
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][-1]
    plain = {"integer": 1, "number": 6.0, "boolean": True, "array": []}
    return plain.get(schema.get("type", ""), "text")
