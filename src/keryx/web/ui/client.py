"""The API as the pages call it: in-process, as the person who asks.

Nothing leaves the process: httpx speaks ASGI to the very application that answers the browser. The
caller's cookie, address and browser go along, so permission, audit and rate limits are the API's
alone.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

import fastapi
import httpx

PASSED_ON = ("cookie", "user-agent", "accept-language", "x-forwarded-for", "x-forwarded-proto", "x-real-ip")
"""Headers of the browser's request that the API must know."""


TIMEOUT = 120.0
"""Seconds; the API has shorter limits of its own for everything it waits for."""


class Problem(Exception):
    """The API refused: its status, its sentence, its remedy."""

    def __init__(self, status: int, error: str, remedy: str = "", retry_after: int | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.remedy = remedy
        self.retry_after = retry_after
        """Seconds to wait, with status 429."""

    @classmethod
    def of(cls, response: httpx.Response) -> Problem:
        """Read a refusal."""
        try:
            said = response.json()
        except ValueError:
            said = {}
        if not isinstance(said, dict):
            said = {}
        wait = response.headers.get("retry-after", "")
        return cls(
            response.status_code,
            str(
                said.get("error") or said.get("detail") or f"{response.status_code} {response.reason_phrase}"
            ),
            str(said.get("remedy") or ""),
            int(wait) if wait.isascii() and wait.isdigit() else None,
        )


def segment(text: str) -> str:
    """Return a name or an address as one segment of a path."""
    return urllib.parse.quote(text, safe="@")


class Api:
    """The API as one caller. Every method raises Problem when the API refuses."""

    def __init__(self, request: fastapi.Request) -> None:
        self._request = request
        self.csrf = ""
        """The session's token against forged requests, as the form brought it."""

    async def get(self, path: str, **query: Any) -> Any:
        """Read; queries that are None or empty are left out."""
        return (await self.call("GET", path, query=query)).json()

    async def text(self, path: str, **query: Any) -> str:
        """Read what is not JSON, such as a zone file."""
        return (await self.call("GET", path, query=query)).text

    async def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """Make, or do."""
        return _content(await self.call("POST", path, body, query))

    async def put(self, path: str, body: Any = None, **query: Any) -> Any:
        """Make, or bring to this state."""
        return _content(await self.call("PUT", path, body, query))

    async def add(self, path: str, body: Any) -> Any:
        """Make something new; raises Problem (409) when it is there already, where PUT would change it."""
        try:
            await self.get(path)
        except Problem as problem:
            if problem.status != 404:
                raise
            return _content(await self.call("PUT", path, body, headers={"if-none-match": "*"}))
        name = urllib.parse.unquote(path.rpartition("/")[2])
        raise Problem(409, f"{name} exists already.")

    async def patch(self, path: str, body: Any, **query: Any) -> Any:
        """Change what the body names."""
        return _content(await self.call("PATCH", path, body, query))

    async def delete(self, path: str, **query: Any) -> Any:
        """Remove."""
        return _content(await self.call("DELETE", path, None, query))

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call the API and return its answer; raises Problem for a refusal."""
        request = self._request
        client = (request.client.host, request.client.port) if request.client else ("127.0.0.1", 0)
        transport = httpx.ASGITransport(request.app, raise_app_exceptions=False, client=client)
        sent = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        sent.update(headers or {})
        if self.csrf:
            sent["x-csrf-token"] = self.csrf.encode("ascii", "replace").decode()
        wanted = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        base = f"https://{request.url.hostname or 'localhost'}/api/v1"
        async with httpx.AsyncClient(transport=transport, base_url=base, timeout=TIMEOUT) as api:
            response = await api.request(method, path, json=body, params=wanted, headers=sent)
        if response.status_code >= 400:
            raise Problem.of(response)
        return response


def _content(response: httpx.Response) -> Any:
    return response.json() if response.content else None
