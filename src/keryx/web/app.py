"""The web process's application: every part plugs in here.

A part is a function ``(app, site)`` that adds its routes; errors of all of them leave as one
sentence. ``python -m keryx.web`` serves it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.routing import Mount

import keryx
from keryx.core import errors
from keryx.settings.site import Site
from keryx.web import clients, sso, tasks, ui
from keryx.web.api import application, problems

log = logging.getLogger("keryx.web")

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]


def create(site: Site) -> FastAPI:
    """Return the application that serves a site."""
    app = FastAPI(
        title="Keryx",
        version=keryx.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=tasks.running,
    )
    app.state.site = site
    app.add_exception_handler(errors.KeryxError, _told)
    app.add_exception_handler(Exception, _unexpected)
    for part in PARTS:
        part(app, site)
    return app


async def _told(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.KeryxError)
    status = problems.status_of(error)
    if status == 500:
        log.error("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"error": error.sentence, "remedy": error.remedy}, status)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # The traceback is in the log: Starlette hands the error on to the server, which writes it.
    return JSONResponse(
        {"error": "Something failed that should not.", "remedy": "See keryx logs admin."}, 500
    )


class Proxied:
    """Takes the client's address and scheme from the gateway, the only one who opens our socket.

    The gateway overwrites X-Real-IP and X-Forwarded-Proto, whatever a client sends.
    """

    def __init__(self, inner: Asgi) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            if address := headers.get(b"x-real-ip"):
                scope["client"] = (address, 0)
            if headers.get(b"x-forwarded-proto") in ("http", "https"):
                scope["scheme"] = headers[b"x-forwarded-proto"]
        await self._inner(scope, receive, send)


def _health(app: FastAPI, site: Site) -> None:
    begun = time.time()

    @app.get("/internal/health", include_in_schema=False)
    async def health() -> dict[str, object]:
        """Whether the process answers: no question about its neighbours."""
        return {"status": "ok", "version": keryx.__version__, "uptime": int(time.time() - begun)}


def _api(app: FastAPI, site: Site) -> None:
    # An application of its own: other errors, limits and documents than the pages have.
    mount = Mount("/api/v1", application.create(site))
    # Whatever a path holds, a line end too, belongs to the API, which answers in its own way.
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    app.router.routes.append(mount)


PARTS: tuple[Callable[[FastAPI, Site], None], ...] = (_health, _api, sso.add, ui.add, clients.add)
"""What the application consists of."""
