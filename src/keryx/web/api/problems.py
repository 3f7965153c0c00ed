"""Errors as the API answers them: a status, a sentence, a remedy.

The sentences are those of ``core.errors``, the same as on the command line. Nothing that was sent
is repeated unless a use case says so: it might be a password.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import fastapi
from fastapi import exceptions
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from keryx.core import errors
from keryx.web.api.models import Model

log = logging.getLogger(__name__)

STATUS: tuple[tuple[type[errors.KeryxError], int], ...] = (
    # The first that fits: the special ones stand before what they derive from.
    (errors.NotSignedIn, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Exists, 409),
    (errors.Refused, 409),
    (errors.BadInput, 400),
    (errors.TooManyAttempts, 429),
    (errors.Unreachable, 503),
    (errors.NotReady, 503),
)
REFERENCE = "See /api/v1/ for every call with its fields."


class Problem(Model):
    """Why a call was not done; nothing was changed."""

    error: str
    """What is wrong, in one sentence."""
    remedy: str = ""
    """What to do about it; may be empty."""


def status_of(error: errors.KeryxError) -> int:
    """Return the HTTP status that says what the error says."""
    for kind, status in STATUS:
        if isinstance(error, kind):
            return status
    return 503 if error.temporary else 500


def install(app: fastapi.FastAPI) -> None:
    """Let every error of the application leave as a Problem."""
    app.add_exception_handler(errors.KeryxError, _known)
    app.add_exception_handler(exceptions.RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(status: int, error: str, remedy: str = "", **headers: str) -> JSONResponse:
    """Return a problem as a response; header names are written with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": error, "remedy": remedy}, status, named)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.KeryxError)
    status = status_of(error)
    if status == 500:
        log.error("%s %s: %s", request.method, request.url.path, error)
    if status == 503:
        return answer(status, error.sentence, error.remedy, Retry_After="10")
    if isinstance(error, errors.TooManyAttempts):
        return answer(status, error.sentence, error.remedy, Retry_After=str(error.retry_after))
    if status == 401:
        return answer(status, error.sentence, error.remedy, WWW_Authenticate='Bearer realm="keryx"')
    return answer(status, error.sentence, error.remedy)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, exceptions.RequestValidationError)
    return answer(400, sentence(error.errors()), REFERENCE)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 404:
        return answer(404, f"There is no {path} in the API.", REFERENCE)
    if error.status_code == 405:
        allowed = ", ".join(allowed_methods(request)) or (error.headers or {}).get("Allow", "")
        return answer(405, f"{path} does not know {request.method}.", f"It knows {allowed}.", Allow=allowed)
    if error.status_code == 413:
        return too_large()
    return answer(error.status_code, f"{str(error.detail).rstrip('.')}.", REFERENCE)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # The server logs the traceback; the caller learns where.
    return answer(500, "Keryx made a mistake here and wrote it down.", "See keryx logs admin.")


def too_large() -> JSONResponse:
    """Return the answer to a body that is too long."""
    return answer(413, "The body is larger than the API takes.", "Send less in one call.")


def allowed_methods(request: Request) -> list[str]:
    """Return the methods of the called path: Starlette names those of the first route only."""
    app = request.app
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return sorted({method for pattern, method in app.state.table if pattern.fullmatch(path)})


def sentence(found: Sequence[Any]) -> str:
    """Return what a validator found as one sentence that names every field."""
    said = dict.fromkeys(_clause(problem) for problem in found)
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def _clause(problem: Any) -> str:
    kind, place = problem["type"], [str(part) for part in problem["loc"]]
    where, name = place[0], ".".join(place[1:])
    if kind == "json_invalid":
        return "the body is not JSON"
    if not name:
        return "the body must be a JSON object, sent as application/json"
    shown = f'the query parameter "{name}"' if where == "query" else f'"{name}"'
    if kind == "missing":
        return f"{shown} is missing"
    if kind == "extra_forbidden":
        return f"{shown} is not known here"
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{shown}: {message[0].lower()}{message[1:]}"
