"""The API as a program or a browser calls it: over TLS through the gateway."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.running import Suite

Params = dict[str, str | int | bool]


@dataclass
class Caller:
    """Somebody who calls the API: nobody, a person with a session, a program with a key."""

    http: httpx.Client
    name: str = "anonymous"
    key: str = field(default="", repr=False)
    csrf: str = field(default="", repr=False)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Params | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Call, with what proves who calls."""
        sent: dict[str, str | bytes] = {}
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        if self.csrf:
            sent["X-CSRF-Token"] = self.csrf
        sent.update(headers or {})
        raw = {name: value if isinstance(value, bytes) else value.encode() for name, value in sent.items()}
        url = path if path.startswith("/static/") else f"/api/v1{path}"
        request = self.http.build_request(
            method,
            url,
            json=body,
            content=content,
            params=params,
            headers=[(name.encode(), value) for name, value in raw.items()],
        )
        request.extensions["sni_hostname"] = self.http.headers["Host"].partition(":")[0]
        return self.http.send(request)

    def get(self, path: str, **params: str | int | bool) -> Any:
        """Read; it has to work."""
        return self._good(self.call("GET", path, params=params or None))

    def put(self, path: str, body: Any = None) -> Any:
        """Make or change; it has to work."""
        return self._good(self.call("PUT", path, body))

    def patch(self, path: str, body: Any) -> Any:
        """Change; it has to work."""
        return self._good(self.call("PATCH", path, body))

    def post(self, path: str, body: Any = None) -> Any:
        """Make or do; it has to work."""
        return self._good(self.call("POST", path, body))

    def delete(self, path: str, **params: str | int | bool) -> Any:
        """Remove; it has to work."""
        return self._good(self.call("DELETE", path, params=params or None))

    @staticmethod
    def _good(answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
        if not answer.content:
            return None
        if answer.headers.get("content-type", "").startswith("application/json"):
            return answer.json()
        return answer.text


@dataclass
class Api:
    """The API of a running suite."""

    suite: Suite
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _opened: list[httpx.Client] = field(default_factory=list)

    def client(self, source: str = "127.0.0.1") -> httpx.Client:
        """Return a fresh client, without cookies, that calls from an address; TLS is verified."""
        context = ssl.create_default_context(cafile=str(self.suite.home / "tls" / "ca.pem"))
        opened = httpx.Client(
            base_url=f"https://127.0.0.1:{self.suite.port('https')}",
            headers={"Host": f"mail.example.org:{self.suite.port('https')}"},
            transport=httpx.HTTPTransport(verify=context, local_address=source),
            timeout=60,
        )
        self._opened.append(opened)
        return opened

    def anonymous(self, source: str = "127.0.0.1") -> Caller:
        """Return nobody, who calls from an address."""
        return Caller(self.client(source))

    def sign_in(self, address: str, password: str) -> Caller:
        """Return a person with a session of its own."""
        caller = Caller(self.client(), address)
        answer = caller.call("POST", "/session", {"address": address, "password": password})
        assert answer.status_code == 200, answer.text
        caller.csrf = answer.json()["csrf"]
        return caller

    def administrator(self) -> Caller:
        """Return the site's administrator."""
        return self.sign_in(f"admin@{self.suite.domain}", self.suite.secret("administrator"))

    def with_key(self, key: str, name: str = "key") -> Caller:
        """Return a program."""
        return Caller(self.client(), name, key=key)

    def new_key(self, *domains: str, write: bool = False, owner: str = "", days: int | None = None) -> Caller:
        """Make a key on the command line and return a program that has it."""
        options: Sequence[str] = [
            *(f"--domain={domain}" for domain in domains),
            *(["--write"] if write else []),
            *([f"--owner={owner}"] if owner else []),
            *([f"--days={days}"] if days is not None else []),
        ]
        name = f"test {next(self._numbers)}"
        made = self.suite.json("api-key", "add", name, *options)
        return self.with_key(made["key"], f"key {'write' if write else 'read'} {' '.join(domains) or 'site'}")

    def close(self) -> None:
        """Close all connections."""
        for opened in self._opened:
            opened.close()


@contextmanager
def calling(suite: Suite) -> Iterator[Api]:
    """Give the API of a suite for the time of a block."""
    api = Api(suite)
    try:
        yield api
    finally:
        api.close()
