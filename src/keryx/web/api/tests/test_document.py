"""The OpenAPI document says what the routes do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastapi
import pytest

from keryx.admin import permissions
from keryx.components import registry
from keryx.core.secret import PlaceholderSecrets
from keryx.settings.site import Paths, Site
from keryx.web.api import application, document, reference


@pytest.fixture(scope="module")
def app() -> fastapi.FastAPI:
    settings = registry.settings_model()(domain="example.org")
    return application.create(Site(settings, Paths(Path("/var/lib/keryx")), PlaceholderSecrets()))


@pytest.fixture(scope="module")
def described(app: fastapi.FastAPI) -> dict[str, Any]:
    assert app.openapi_schema is not None
    return app.openapi_schema


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in described["paths"].items():
        for method, operation in found.items():
            yield method, path, operation


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "$ref":
                    yield inner
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    known = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert set(references(described)) <= known
    assert "ValidationError" not in json.dumps(described)


def test_every_route_is_in_it_and_nothing_else(app: fastapi.FastAPI, described: dict[str, Any]) -> None:
    routes = {
        (method.lower(), route.path)
        for router in app.state.routers
        for route in router.routes
        for method in route.methods
    }
    assert routes == {(method, path) for method, path, _ in operations(described)}


def test_every_call_but_the_sign_in_names_a_known_action(described: dict[str, Any]) -> None:
    without = {
        (method, path) for method, path, operation in operations(described) if operation["security"] == []
    }
    assert without == document.PUBLIC
    for method, path, operation in operations(described):
        if (method, path) not in document.PUBLIC:
            assert "May: " in operation["description"], f"{method} {path} checks no permission"


def test_no_action_is_forgotten(app: fastapi.FastAPI) -> None:
    """What no route checks is checked by the gateway's question or by check_account_change."""
    checked = {action for _, action in document._actions(app)}
    source = "".join(path.read_text() for path in Path(application.__file__).parent.glob("*.py"))
    also = {action for action in permissions.ACTIONS if f'"{action}"' in source}
    elsewhere = {"rspamd.use", "account.host", "account.super-user"}
    assert set(permissions.ACTIONS) - checked - also <= elsewhere


def test_writing_with_the_cookie_needs_the_csrf_token(described: dict[str, Any]) -> None:
    for method, path, operation in operations(described):
        if (method, path) in document.PUBLIC:
            continue
        cookie = next(way for way in operation["security"] if "cookie" in way)
        assert ("csrf" in cookie) == (method != "get"), f"{method} {path}"


def test_errors_are_one_model(described: dict[str, Any]) -> None:
    for method, path, operation in operations(described):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, f"{method} {path} {status}"
        assert {"400", "401", "503"} <= set(operation["responses"])


def test_bodies_refuse_unknown_fields(described: dict[str, Any]) -> None:
    for name, schema in described["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema.get("additionalProperties") is False or name in ("Problem",), name


def test_every_call_is_explained_with_a_curl_line(described: dict[str, Any]) -> None:
    text = reference.page(described, "mail.example.org")
    for method, path, operation in operations(described):
        assert operation["summary"], f"{method} {path}"
        assert f'id="{operation["operationId"]}"' in text
    assert text.count("<code>curl ") == sum(1 for _ in operations(described))
    assert "<script" not in text
    assert "http://" not in text.replace("http://127", "")


def test_the_markdown_has_every_call(described: dict[str, Any]) -> None:
    text = reference.markdown(described)
    for method, path, _ in operations(described):
        assert f"### {method.upper()} {path}\n" in text
