"""The API as an application of its own: routes, errors, limits, the OpenAPI document.

``web/app.py`` mounts it: ``app.mount("/api/v1", application.create(site))``.
"""

from __future__ import annotations

import fastapi
from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keryx.settings.site import Site
from keryx.web.api import (
    accounts,
    administrators,
    aliases,
    announcements,
    audit,
    call,
    checks,
    document,
    domains,
    keys,
    problems,
    queue,
    reference,
    self_service,
    session,
    settings,
    statistics,
    status,
    trace,
)

BODY_LIMIT = 1024 * 1024
"""Bytes of a request's body. Lists of addresses are the longest that anybody sends."""

NOUNS = (
    session,
    domains,
    accounts,
    self_service,
    aliases,
    trace,
    queue,
    status,
    checks,
    statistics,
    settings,
    administrators,
    keys,
    audit,
    announcements,
)
"""The order of the reference page."""


def create(site: Site) -> fastapi.FastAPI:
    """Return the API of a site."""
    app = fastapi.FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.site = site
    app.state.routers = [noun.router for noun in NOUNS]
    for router in app.state.routers:
        app.include_router(router, dependencies=[Depends(call.known_parameters)])
    described = document.describe(app)
    app.openapi_schema = described
    app.state.parameters = document.parameters(described)
    app.state.table = [
        (compile_path(path)[0], method.upper())
        for path, operations in described["paths"].items()
        for method in operations
    ]
    reference.install(app)
    problems.install(app)
    app.add_middleware(Limited)
    app.add_middleware(NeverStored)
    return app


class Limited:
    """Takes no body longer than BODY_LIMIT, whether its length is told before or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_LIMIT:
                raise HTTPException(413)
            return message

        if scope["type"] == "http" and _told_length(scope) > BODY_LIMIT:
            await problems.too_large()(scope, receive, send)
            return
        await self._app(scope, counted, send)


class NeverStored:
    """Answers are about one person at one moment: no cache keeps them (RFC 9111, 5.2.2.5)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, marked)


def _told_length(scope: Scope) -> int:
    told = Headers(scope=scope).get("content-length", "")
    return int(told) if told.isdecimal() else 0


def _operation_id(route: APIRoute) -> str:
    """Return a name for the call that stays, such as ``accounts-set_password``."""
    return f"{route.tags[0]}-{route.name.strip('_')}"
