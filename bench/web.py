"""The web side: account search and writes through the API, SOGo through the gateway and without it.

Every call goes over TLS through the gateway, on a connection that is kept, as a browser or a program
does; ``at the socket`` asks the web process itself. Search is measured with few and with many accounts in
the directory: words that fit one account, some, and all. SOGo is signed in to and shows an inbox: through
the gateway with Keryx's session, and at its own port with its own login.
"""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench import provision
from bench.daemons import BenchError
from bench.delivery import say, working_folder
from bench.directory import PASSWORD
from bench.load import DOMAIN
from bench.machine import sender_address
from bench.ports import Ports
from bench.suite import EXTRA, Suite
from bench.table import table
from bench.variant import Place

TARGET_MS = 50
"""What a search among many accounts may take, 99 times out of 100."""
WEBMAIL = EXTRA + "webmail: sogo\n"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    few: int = 100
    many: int = 100000
    searches: int = 1000
    writes: int = 200
    hashed: int = 30
    """Accounts added with a password, which the web process must hash."""
    logins: int = 20
    port: int = 14000


QUICK = Plan(few=20, many=200, searches=40, writes=10, hashed=3, logins=2)


@dataclass
class Web:
    """What was found."""

    searches: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds of each search, by where and among how many."""
    writes: dict[str, float] = field(default_factory=dict)
    """Calls per second."""
    sogo: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Milliseconds by what is done and by which way."""


def measure(plan: Plan) -> Web:
    """Start a suite with few accounts, ask it, fill it with many, ask it again."""
    found = Web()
    with sender_address() as sender, working_folder() as folder:
        suite = Suite("web", "web", filtered=True, extra=WEBMAIL)
        try:
            say("starting a suite")
            suite.start(Place(folder / "w", sender, plan.few, Ports(plan.port).take()))
            made = json.loads(suite.keryx("api-key", "add", "bench", "--write", "--json").stdout)
            _search(suite, made["key"], plan.few, plan.searches, found)
            _sogo(suite, plan, found)
            provision.fill(suite, plan.many, first=plan.few + 1)
            _search(suite, made["key"], plan.many, plan.searches, found)
            _write(suite, made["key"], plan, found)
        finally:
            suite.stop()
    return found


def client(suite: Suite, key: str = "") -> httpx.Client:
    """Return a client of the gateway, which verifies its certificate."""
    port = suite.site.port("https")
    host = f"{suite.site.settings.host}:{port}"
    context = ssl.create_default_context(cafile=str(suite.home / "tls" / "ca.pem"))
    headers = {"Host": host, "Sec-Fetch-Site": "same-origin"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return httpx.Client(
        base_url=f"https://{suite.smtp[0]}:{port}", headers=headers, verify=context, timeout=60
    )


def call(
    web: httpx.Client, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Call; it has to work."""
    request = web.build_request(method, path, json=body, headers=headers)
    request.extensions["sni_hostname"] = web.headers.get("Host", "localhost").partition(":")[0]
    answer = web.send(request)
    if not answer.is_success:
        raise BenchError(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
    return answer


def _since(began: float) -> float:
    """Return the milliseconds since then."""
    return (time.perf_counter() - began) * 1000


def _search(suite: Suite, key: str, accounts: int, searches: int, found: Web) -> None:
    say(f"searching among {accounts} accounts")
    chance = random.Random(accounts)
    words = [
        [f"{chance.randint(1, accounts)}u", f"{chance.randint(1, max(1, accounts // 100))}", "bench"][
            number % 3
        ]
        for number in range(searches)
    ]
    socket = str(suite.site.admin_web.path)
    transport = httpx.HTTPTransport(uds=socket)
    with (
        client(suite, key) as gateway,
        httpx.Client(
            transport=transport,
            base_url="http://localhost",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        ) as direct,
    ):
        _await_index(gateway)
        for word in words:
            path = f"/api/v1/accounts?search={word}&page={chance.randint(1, 3)}"
            for title, web in (("through the gateway", gateway), ("at the socket", direct)):
                began = time.perf_counter()
                call(web, "GET", path)
                took = _since(began)
                found.searches.setdefault(f"{accounts} accounts, {title}", []).append(took)


def _await_index(web: httpx.Client) -> None:
    """Wait for the index that the first search has made; people wait for it once after a start."""
    deadline = time.monotonic() + 300
    while True:
        try:
            call(web, "GET", "/api/v1/accounts")
            return
        except BenchError:
            if time.monotonic() > deadline:
                raise
        time.sleep(1)


def _write(suite: Suite, key: str, plan: Plan, found: Web) -> None:
    say("writing")
    with client(suite, key) as web:
        found.writes["change an account (PATCH)"] = _rate(
            plan.writes,
            lambda number: call(
                web, "PATCH", f"/api/v1/accounts/{number + 1}u@{DOMAIN}", {"name": f"Person {number}"}
            ),
        )
        found.writes["add an alias (PUT)"] = _rate(
            plan.writes,
            lambda number: call(
                web, "PUT", f"/api/v1/aliases/list{number}@{DOMAIN}", {"targets": ["far@ext.test"]}
            ),
        )
        found.writes["the same again, nothing to do"] = _rate(
            plan.writes,
            lambda number: call(
                web, "PUT", f"/api/v1/aliases/list{number}@{DOMAIN}", {"targets": ["far@ext.test"]}
            ),
        )
        found.writes["add an account with its password"] = _rate(
            plan.hashed,
            lambda number: call(
                web, "PUT", f"/api/v1/accounts/new{number}@{DOMAIN}", {"password": f"{PASSWORD} {number}"}
            ),
        )


def _rate(times: int, function: Callable[[int], object]) -> float:
    began = time.perf_counter()
    for number in range(times):
        function(number)
    return times / (time.perf_counter() - began)


def _sogo(suite: Suite, plan: Plan, found: Web) -> None:
    say("SOGo")
    ways: tuple[tuple[str, Callable[[Suite, int], tuple[httpx.Client, float]]], ...] = (
        ("through the gateway", _through),
        ("without it", _without),
    )
    for number in range(plan.logins):
        for title, sign_in in ways:
            web, took = sign_in(suite, number % plan.few + 1)
            with contextlib.closing(web):
                _keep(found, "sign in and open the webmail", title, took)
                inbox = f"/SOGo/so/{number % plan.few + 1}u@{DOMAIN}/Mail/0/folderINBOX/view"
                sort = {"sortingAttributes": {"sort": "arrival", "asc": 0, "noHeaders": 1}}
                token = {"X-XSRF-TOKEN": web.cookies.get("XSRF-TOKEN") or ""}
                call(web, "POST", inbox, sort, token)
                began = time.perf_counter()
                call(web, "POST", inbox, sort, token)
                took = _since(began)
                _keep(found, "list the inbox", title, took)


def _keep(found: Web, what: str, way: str, took: float) -> None:
    found.sogo.setdefault(what, {}).setdefault(way, []).append(took)


def _through(suite: Suite, number: int) -> tuple[httpx.Client, float]:
    web = client(suite)
    address = f"{number}u@{DOMAIN}"

    began = time.perf_counter()
    call(web, "POST", "/api/v1/session", {"address": address, "password": PASSWORD})
    call(web, "GET", f"/SOGo/so/{address}/Mail/view")
    return web, _since(began)


def _without(suite: Suite, number: int) -> tuple[httpx.Client, float]:
    port, host = suite.site.port("https"), suite.site.settings.host
    # What the gateway tells SOGo with every request; SOGo makes its addresses of it.
    headers = {
        "x-webobjects-server-url": f"https://{host}:{port}",
        "x-webobjects-server-name": host,
        "x-webobjects-server-port": str(port),
        "x-webobjects-server-protocol": "HTTP/1.0",
    }
    # sogod closes connections as it likes, which nginx bears: a new one for each request.
    fresh = httpx.Limits(max_keepalive_connections=0)
    web = httpx.Client(base_url=f"http://{suite.site.sogo}", headers=headers, timeout=60, limits=fresh)
    address = f"{number}u@{DOMAIN}"

    began = time.perf_counter()
    answer = call(web, "POST", "/SOGo/connect", {"userName": address, "password": PASSWORD})
    # The cookies are for https only, and this is not.
    given = [line.partition(";")[0] for line in answer.headers.get_list("set-cookie")]
    web.headers["Cookie"] = "; ".join(cookie for cookie in given if not cookie.endswith("="))
    call(web, "GET", f"/SOGo/so/{address}/Mail/view")
    return web, _since(began)


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and what 99 of 100 stay below."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def report(found: Web) -> str:
    """Return the tables."""
    searches = [
        [title, *(f"{value:.1f}" for value in quantiles(times))] for title, times in found.searches.items()
    ]
    writes = [[title, f"{rate:.1f}"] for title, rate in found.writes.items()]
    sogo = [
        [what, *(f"{quantiles(times)[0]:.0f}" for times in ways.values()), f"{_ratio(ways):.2f}"]
        for what, ways in found.sogo.items()
    ]
    return "\n\n".join(
        [
            table(["account search", "p50 ms", "p99 ms"], searches),
            table(["API, one client", "calls/s"], writes),
            table(["SOGo, median", *next(iter(found.sogo.values()), {}), "ratio"], sogo),
        ]
    )


def _ratio(ways: Mapping[str, Sequence[float]]) -> float:
    through, without = (statistics.median(times) for times in ways.values())
    return through / without


def as_json(found: Web) -> dict[str, object]:
    """Return the results for --json."""
    return {
        "search_ms": {
            title: dict(zip(("p50", "p99"), quantiles(times), strict=True))
            for title, times in found.searches.items()
        },
        "search_target_p99_ms": TARGET_MS,
        "writes_per_second": found.writes,
        "sogo_ms": {
            what: {way: statistics.median(times) for way, times in ways.items()}
            for what, ways in found.sogo.items()
        },
        "sogo_ratio": {what: _ratio(ways) for what, ways in found.sogo.items()},
    }
