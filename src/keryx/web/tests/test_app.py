"""What the application does with errors, and whom it believes the client's address."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest
from fastapi import FastAPI, Request

from keryx.components.testing import site
from keryx.core import errors
from keryx.web import app, tasks

SECRET = "correct horse"


def get(application: FastAPI, path: str, **headers: str) -> httpx.Response:
    """Ask the application as the gateway does."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app.Proxied(application), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://mail.example.org") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.get(path, headers=named)

    return asyncio.run(ask())


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr(app, "PARTS", app.PARTS[:1])
    return app.create(site())


def test_it_is_well_without_asking_anybody(application: FastAPI) -> None:
    assert get(application, "/internal/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotSignedIn("Nobody."), 401),
        (errors.Forbidden("No."), 403),
        (errors.NotFound("None."), 404),
        (errors.Exists("Twice."), 409),
        (errors.Refused("No."), 409),
        (errors.BadInput("What?"), 400),
        (errors.BadSettings(["one"]), 400),
        (errors.TooManyAttempts("Slowly.", retry_after=7), 429),
        (errors.Unreachable("Away."), 503),
        (errors.NotReady("Not yet."), 503),
        (errors.CommandFailed(["x"], 1, "", "broken"), 500),
    ],
)
def test_an_error_is_a_status_and_a_sentence(
    application: FastAPI, error: errors.KeryxError, status: int
) -> None:
    error.remedy = "Do this."

    @application.get("/fail")
    def fail() -> None:
        raise error

    answer = get(application, "/fail")
    assert answer.status_code == status
    assert answer.json() == {"error": error.sentence, "remedy": "Do this."}


def test_what_was_not_expected_stays_in_the_log(
    application: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    @application.get("/fail")
    def fail() -> None:
        raise RuntimeError(SECRET)

    answer = get(application, "/fail")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something failed that should not.", "remedy": "See keryx logs admin."}
    assert SECRET not in answer.text


def test_the_client_is_who_the_gateway_says(application: FastAPI) -> None:
    @application.get("/who")
    def who(request: Request) -> list[str]:
        assert request.client is not None
        return [request.client.host, request.url.scheme]

    headers = {"X_Real_IP": "192.0.2.7", "X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.9"}
    assert get(application, "/who", **headers).json() == ["192.0.2.7", "https"]
    assert get(application, "/who", X_Forwarded_Proto="file").json()[1] == "http"


def test_a_neighbour_that_is_away_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([errors.Unreachable("Away."), errors.Unreachable("Away."), None, ValueError("odd"), None])

    def action() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    async def attempts() -> list[bool]:
        teller = tasks.Teller()
        return [await teller.attempt("sampling", action) for _ in range(5)]

    with caplog.at_level(logging.INFO, "keryx.web"):
        assert asyncio.run(attempts()) == [False, False, True, False, True]
    said = [record.getMessage() for record in caplog.records]
    assert said[:2] == ["sampling has to wait: Away.", "sampling works again"]
    assert said[2] == "sampling failed"
    assert len(said) == 3
