"""The OpenAPI 3.1 document: made by FastAPI from the routes, then completed.

What FastAPI cannot know is added here: how callers prove who they are, which errors every call may
answer with, which role it needs. Its own 422 goes: bad input is 400 here.
https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import fastapi
from fastapi.openapi import utils

import keryx
from keryx.admin import permissions
from keryx.web import auth
from keryx.web.api import call
from keryx.web.api.problems import Problem

METHODS = ("get", "put", "post", "patch", "delete")
PUBLIC = frozenset({("post", "/session")})
"""Calls that need nobody to be signed in."""

DESCRIPTION = """\
Everything that the pages of Keryx do, for programs.

**Who calls.** An API key, `Authorization: Bearer KEY`, made with `keryx api-key add` or below
/admin/; it is bound to domains, to reading or writing, and may expire. Or the session cookie of
the pages; then calls that write need the session's token in `X-CSRF-Token`.

**Bodies** are JSON objects (`Content-Type: application/json`) of at most 1 MiB. A field that a call
does not know is an error that names it, and so is an unknown query parameter.

**Errors** are `{"error": "one sentence", "remedy": "what to do"}`; nothing was changed then.

**Lists** come in pages: `{"items": [...], "total": n, "page": 1, "per_page": 50}`, with
`?page=`, `?per_page=` (at most 200), `?search=` and `?sort=` (`-` in front for the other way round).

**PUT** may be repeated: 201 says that it made something, 200 that it was there (and is so now).
**PATCH** changes what is given. **DELETE** answers 204, and 404 when there is nothing any more.

Amounts of storage are MiB; times are RFC 3339 in UTC.
"""

WHO = {
    "site": "Site administrators.",
    "domain": "Site administrators; administrators of the domain.",
    "account": "The account's owner; administrators of its domain; site administrators.",
    "anyone": "Whoever is signed in or has a key.",
}

ERRORS: Mapping[str, str] = {
    "400": "Something that was sent is wrong; the sentence names it.",
    "401": "Nobody is signed in, or the key or session is not good (any more).",
    "403": "The caller may not do this.",
    "404": "There is no such thing.",
    "409": "It exists already, or a rule forbids it as things stand; the directory may be read-only.",
    "413": "The body is larger than 1 MiB.",
    "429": "Too many attempts failed; `Retry-After` says how many seconds to wait.",
    "503": "The directory, the database or a daemon does not answer; the same call may succeed later.",
}


def describe(app: fastapi.FastAPI) -> dict[str, Any]:
    """Return the document."""
    found = utils.get_openapi(
        title="Keryx",
        version=keryx.__version__,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/api/v1"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    actions = {place: action for place, action in _actions(app)}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _complete(method, path, operation, actions.get((method, path), ""))
    schemas = found["components"]["schemas"]
    for needless in ("HTTPValidationError", "ValidationError"):
        schemas.pop(needless, None)
    schemas["Problem"] = Problem.model_json_schema()
    found["components"]["securitySchemes"] = _schemes()
    return found


def parameters(document: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    """Return the names of every call's query parameters, by method and path."""
    return {
        (method.upper(), path): frozenset(
            parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"
        )
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def _actions(app: fastapi.FastAPI) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the action of every route: the one that its dependency checks."""
    from fastapi.routing import APIRoute

    for router in app.state.routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for dependency in route.dependant.dependencies:
                action = getattr(dependency.call, call.ACTION, "")
                for method in (route.methods or ()) if action else ():
                    yield (method.lower(), route.path), action


def _complete(method: str, path: str, operation: dict[str, Any], action: str) -> None:
    lines = operation.get("description", "").strip().split("\n", 1)
    operation["summary"] = lines[0].rstrip(".")
    rest = lines[1].strip() if len(lines) > 1 else ""
    operation["description"] = f"{rest}\n\n{_who(method, action)}".strip()
    operation["responses"].pop("422", None)
    for status in _statuses(method, path, operation):
        operation["responses"].setdefault(status, _problem(ERRORS[status]))
    operation["security"] = _security(method, path, action)


def _who(method: str, action: str) -> str:
    if not action:
        return "Needs nobody to be signed in."
    wanted = permissions.ACTIONS[action]
    said = f"May: {WHO[wanted.scope]}"
    if wanted.people:
        said += " Not with an API key."
    elif wanted.writes:
        said += " A key needs write access."
    return said


def _statuses(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield "400"
    yield "401"
    if (method, path) not in PUBLIC:
        yield "403"
    if "{" in path:
        yield "404"
    if method != "get":
        yield "409"
    if "requestBody" in operation:
        yield "413"
    if (method, path) in PUBLIC or path.endswith("/password"):
        yield "429"
    yield "503"


def _problem(description: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def _security(method: str, path: str, action: str) -> list[dict[str, list[str]]]:
    if (method, path) in PUBLIC:
        return []
    cookie: dict[str, list[str]] = {"cookie": []} if method == "get" else {"cookie": [], "csrf": []}
    return [cookie] if permissions.ACTIONS[action].people else [{"bearer": []}, cookie]


def _schemes() -> dict[str, dict[str, str]]:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key (RFC 6750)."},
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": auth.COOKIE,
            "description": "The session of the pages; POST /session gives it.",
        },
        "csrf": {
            "type": "apiKey",
            "in": "header",
            "name": auth.CSRF_HEADER,
            "description": "The session's token, from GET /session; only with the cookie, to write.",
        },
    }
