"""Who may call what: every role at every route of the API, on the whole suite through the gateway.

The table says for every route who may call it; a route without an entry fails the test, and so does an
entry without a route. Who may not is answered 403 (or 401 without a session), and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from tests.running import Suite
from tests.web.calling import Api, Caller, calling

A, B = "roles-a.test", "roles-b.test"
PASSWORD = "correct horse battery staple"

Over = Literal["site", "domain", "account", "anyone", "public"]


@dataclass(frozen=True)
class Entry:
    """Who may call a route, and how a call of it looks."""

    over: Over
    """``site``: site administrators. ``domain``: also administrators of the domain in the path (any, when
    there is none). ``account``: also the account's owner. ``anyone``: who is known. ``public``: everybody."""
    writes: bool = False
    people: bool = False
    """Not with a key."""
    body: Any = None
    query: str = ""


READ, WRITE = Entry("site"), Entry("site", writes=True)
ROUTES: dict[str, Entry] = {
    "POST /session": Entry("public", body={"address": "nobody@roles-a.test", "password": "wrong"}),
    "GET /session": Entry("anyone"),
    "DELETE /session": Entry("anyone", writes=True, people=True),
    "GET /sessions": Entry("anyone"),
    "DELETE /sessions/{id}": Entry("anyone", writes=True, people=True),
    "GET /domains": Entry("domain"),
    "GET /domains/{domain}": Entry("domain"),
    "PUT /domains/{domain}": Entry("domain", writes=True, body={"description": "changed"}),
    "PATCH /domains/{domain}": Entry("domain", writes=True, body={"description": "changed"}),
    "DELETE /domains/{domain}": WRITE,
    "GET /domains/{domain}/dns": Entry("domain"),
    "GET /domains/{domain}/zone": Entry("domain"),
    "GET /domains/{domain}/dkim": Entry("domain"),
    "POST /domains/{domain}/dkim": Entry("domain", writes=True),
    "GET /domains/{domain}/alias-domains": Entry("domain"),
    "PUT /domains/{domain}/alias-domains/{name}": WRITE,
    "DELETE /domains/{domain}/alias-domains/{name}": WRITE,
    "GET /domains/{domain}/administrators": Entry("domain"),
    "PUT /domains/{domain}/administrators/{address}": Entry("domain", writes=True),
    "DELETE /domains/{domain}/administrators/{address}": Entry("domain", writes=True),
    "GET /accounts": Entry("domain"),
    "GET /accounts/{address}": Entry("account"),
    "PUT /accounts/{address}": Entry("domain", writes=True, body={"name": "Changed"}),
    "PATCH /accounts/{address}": Entry("domain", writes=True, body={"name": "Changed"}),
    "DELETE /accounts/{address}": Entry("domain", writes=True),
    "PUT /accounts/{address}/password": Entry("account", writes=True, body={"password": "x", "old": "x"}),
    "GET /accounts/{address}/quota": Entry("account"),
    "GET /accounts/{address}/setup": Entry("account"),
    "GET /accounts/{address}/forwarding": Entry("account"),
    "PUT /accounts/{address}/forwarding": Entry("account", writes=True, body={}),
    "GET /accounts/{address}/vacation": Entry("account"),
    "PUT /accounts/{address}/vacation": Entry("account", writes=True, body={}),
    "GET /accounts/{address}/filters": Entry("account"),
    "PUT /accounts/{address}/filters": Entry("account", writes=True, body=[]),
    "GET /accounts/{address}/spam": Entry("account"),
    "PUT /accounts/{address}/spam": Entry("account", writes=True, body={}),
    "GET /accounts/{address}/preferences": Entry("account"),
    "PUT /accounts/{address}/preferences": Entry("account", writes=True, body={}),
    "GET /accounts/{address}/sessions": Entry("account"),
    "DELETE /accounts/{address}/sessions": Entry("account", writes=True),
    "GET /aliases": Entry("domain"),
    "GET /aliases/{address}": Entry("domain"),
    "PUT /aliases/{address}": Entry("domain", writes=True, body={"targets": ["far@ext.test"]}),
    "PATCH /aliases/{address}": Entry("domain", writes=True, body={"description": "changed"}),
    "DELETE /aliases/{address}": Entry("domain", writes=True),
    "GET /trace": Entry("domain", query="address=plain@{domain}"),
    "GET /queue": READ,
    "DELETE /queue": Entry("site", writes=True, query="sender=nobody@nowhere.test"),
    "POST /queue/flush": WRITE,
    "GET /queue/{id}": READ,
    "DELETE /queue/{id}": WRITE,
    "POST /queue/{id}/hold": WRITE,
    "POST /queue/{id}/release": WRITE,
    "POST /queue/{id}/retry": WRITE,
    "GET /status": READ,
    "GET /checks": READ,
    "POST /checks/run": WRITE,
    "GET /statistics": READ,
    "GET /settings": READ,
    "GET /administrators": READ,
    "PUT /administrators/{address}": WRITE,
    "DELETE /administrators/{address}": WRITE,
    "GET /api-keys": Entry("domain", people=True),
    "POST /api-keys": Entry(
        "domain", writes=True, people=True, body={"name": "matrix", "domains": ["{domain}"]}
    ),
    "DELETE /api-keys/{id}": Entry("domain", writes=True, people=True),
    "GET /audit": READ,
    "GET /announcements": Entry("anyone"),
    "POST /announcements": Entry("site", writes=True, body={"text": "matrix"}),
    "DELETE /announcements/{id}": WRITE,
}


@pytest.fixture(scope="module")
def api(suite: Suite) -> Iterator[Api]:
    with calling(suite) as found:
        yield found


@pytest.fixture(scope="module")
def site(api: Api) -> Caller:
    return api.administrator()


@pytest.fixture(scope="module")
def cast(api: Api, site: Caller) -> Iterator[dict[str, Caller]]:
    """Every kind of caller, in two domains with accounts of every standing."""
    for domain in (A, B):
        site.put(f"/domains/{domain}", {})
        for name in ("plain", "other", "chief", "victim"):
            site.put(f"/accounts/{name}@{domain}", {"password": PASSWORD})
        site.put(f"/accounts/sender@{domain}", {"password": PASSWORD, "super_user": True})
        site.put(f"/accounts/top@{domain}", {"password": PASSWORD})
        site.put(f"/administrators/top@{domain}")
        site.put(f"/domains/{domain}/administrators/chief@{domain}")
        site.put(f"/aliases/list@{domain}", {"targets": [f"plain@{domain}"]})
    site.put(f"/accounts/both@{A}", {"password": PASSWORD})
    for domain in (A, B):
        site.put(f"/domains/{domain}/administrators/both@{A}")
    yield {
        "anonymous": api.anonymous(),
        "user": api.sign_in(f"plain@{A}", PASSWORD),
        "domain": api.sign_in(f"chief@{A}", PASSWORD),
        "site": site,
        "key domain read": api.new_key(A, owner=f"chief@{A}"),
        "key domain write": api.new_key(A, owner=f"chief@{A}", write=True),
        "key site read": api.new_key(),
        "key site write": api.new_key(write=True),
    }
    for domain in (A, B):
        for name in ("top", "chief"):
            site.call("DELETE", f"/administrators/{name}@{domain}")
        site.call("DELETE", f"/domains/{domain}", params={"force": True, "purge_mail": True})


def expected(entry: Entry, who: str, domain: str, address: str, *, has_domain: bool) -> bool:
    """Return whether this caller may: written without a look at the code that decides."""
    if entry.over == "public":
        return True
    if who == "anonymous":
        return False
    if who.startswith("key") and (entry.people or (entry.writes and who.endswith("read"))):
        return False
    if "site" in who or entry.over == "anyone":
        return True
    if entry.over == "site":
        return False
    if who == "user":
        return entry.over == "account" and address == f"plain@{A}"
    return domain == A or not has_domain


def names_a_domain(route: str) -> bool:
    """Whether a call of the route is about one domain, or an account or alias in it."""
    entry = ROUTES[route]
    return "{domain}" in f"{route} {entry.query} {entry.body}" or "{address}" in route


def path_of(route: str, domain: str, address: str) -> str:
    """Return the path of a call; ``{address}`` is the account that the call is about."""
    path = route.partition(" ")[2]
    if path.startswith("/aliases/"):
        address = f"list@{domain}"
    identifier = "4jXKWw2CfzzJbLW" if path.startswith("/queue") else "999999999"
    return path.format(domain=domain, address=address, name="alias.roles.test", id=identifier)


def call(who: Caller, route: str, domain: str, address: str) -> int:
    """Call a route and return the status."""
    entry = ROUTES[route]
    body = entry.body
    if isinstance(body, dict) and "domains" in body:
        body = {**body, "domains": [domain]}
    path = path_of(route, domain, address)
    if entry.query:
        path += "?" + entry.query.format(domain=domain)
    answer = who.call(route.partition(" ")[0], path, body)
    if answer.status_code >= 400:
        said = answer.json()
        assert set(said) == {"error", "remedy"}, route
        assert said["error"].endswith("."), said
    return answer.status_code


def state(site: Caller) -> Any:
    """Return what denied calls might have changed."""
    return {
        path: [{**found, "last_used": None} for found in site.get(path, per_page=200)["items"]]
        for path in ("/accounts", "/aliases", "/domains", "/administrators", "/api-keys", "/announcements")
    } | {
        f"{domain} {path}": site.get(f"/domains/{domain}{path}")["items"]
        for domain in (A, B)
        for path in ("/administrators", "/dkim", "/alias-domains")
    }


def routes(api: Api) -> set[str]:
    """Return the routes that the running process has."""
    found = api.anonymous().get("/openapi.json")["paths"]
    return {f"{method.upper()} {path}" for path, operations in found.items() for method in operations}


def test_every_route_has_its_entry(api: Api) -> None:
    assert routes(api) == set(ROUTES)


def test_who_may_not_is_refused_and_nothing_changes(api: Api, site: Caller, cast: dict[str, Caller]) -> None:
    before = state(site)
    wrong = []
    for route, entry in ROUTES.items():
        has_domain = names_a_domain(route)
        for who, caller in cast.items():
            for domain, name in ((A, "plain"), (A, "other"), (B, "plain")):
                address = f"{name}@{domain}"
                if expected(entry, who, domain, address, has_domain=has_domain):
                    continue
                if "{" not in route and domain != A:
                    continue
                status = call(caller, route, domain, address)
                if status != (401 if who == "anonymous" else 403):
                    wrong.append(f"{who}: {route} about {address}: {status}")
    # A domain administrator's key for a domain that is not his.
    refused = cast["domain"].call("POST", "/api-keys", {"name": "x", "domains": [B]})
    assert refused.status_code == 403
    assert not wrong, "\n".join(wrong)
    assert state(site) == before


@pytest.mark.parametrize("target", [f"top@{A}", f"sender@{A}", f"both@{A}"])
def test_nobody_reaches_above_himself(site: Caller, cast: dict[str, Caller], target: str) -> None:
    """Who administers the domain has no hold over those who may more than he."""
    before = state(site)
    wrong = []
    for who in ("domain", "key domain write"):
        for route, entry in ROUTES.items():
            if not entry.writes or not route.partition(" ")[2].startswith("/accounts/"):
                continue
            status = call(cast[who], route, A, target)
            if status != 403:
                wrong.append(f"{who}: {route} about {target}: {status}")
    assert not wrong, "\n".join(wrong)
    assert state(site) == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/accounts/plain@{A}", {"super_user": True}),
        ("PUT", f"/accounts/plain@{A}", {"super_user": True}),
        ("PUT", f"/accounts/fresh@{A}", {"super_user": True, "password": PASSWORD}),
        ("PATCH", f"/accounts/plain@{A}", {"aliases": [f"taken@{B}"]}),
        ("PUT", f"/accounts/fresh@{A}", {"aliases": [f"taken@{B}"], "password": PASSWORD}),
        ("PATCH", f"/accounts/plain@{A}", {"host": "elsewhere"}),
        ("PATCH", f"/domains/{A}", {"max_accounts": 1000}),
        ("PUT", f"/domains/{A}", {"max_quota_mb": 1}),
        ("PUT", "/domains/new.roles.test", {}),
        ("POST", "/api-keys", {"name": "x", "role": "site", "access": "write"}),
        ("POST", "/api-keys", {"name": "x", "domains": [A, B]}),
        ("POST", "/api-keys", {"name": "x"}),
    ],
)
def test_a_domain_administrator_gives_no_more_than_he_has(
    site: Caller, cast: dict[str, Caller], method: str, path: str, body: Any
) -> None:
    before = state(site)
    assert cast["domain"].call(method, path, body).status_code == 403
    assert state(site) == before


def test_lists_show_only_what_is_theirs(cast: dict[str, Caller]) -> None:
    for who in ("domain", "key domain read", "key domain write"):
        caller = cast[who]
        assert [found["name"] for found in caller.get("/domains")["items"]] == [A]
        assert {found["address"].split("@")[1] for found in caller.get("/accounts")["items"]} == {A}
        assert {found["address"].split("@")[1] for found in caller.get("/aliases")["items"]} == {A}
        assert caller.get("/accounts", search=B)["total"] == 0
        assert caller.call("GET", "/accounts", params={"domain": B}).status_code == 403
        assert caller.call("GET", "/aliases", params={"domain": B}).status_code == 403
    keys = {found["owner"] for found in cast["domain"].get("/api-keys")["items"]}
    assert keys <= {f"chief@{A}"}


def test_who_may_is_let_through(api: Api, site: Caller, cast: dict[str, Caller]) -> None:
    """After the refusals, since this changes and removes."""
    wrong = []
    for route, entry in ROUTES.items():
        if route in ("POST /session", "DELETE /session"):
            continue
        has_domain = names_a_domain(route)
        for who, caller in cast.items():
            for domain, name in ((A, "plain"), (A, "victim"), (B, "victim")):
                address = f"{name}@{domain}"
                if name == "plain" and who != "user":
                    continue
                if not expected(entry, who, domain, address, has_domain=has_domain):
                    continue
                status = call(caller, route, domain, address)
                if status >= 500 or status in (401, 403, 405):
                    wrong.append(f"{who}: {route} about {address}: {status}")
    assert not wrong, "\n".join(wrong)
    for found in site.get("/announcements")["items"]:
        if found["text"] == "matrix":
            site.delete(f"/announcements/{found['id']}")
    leaving = api.sign_in(f"other@{A}", PASSWORD)
    assert leaving.call("DELETE", "/session").status_code == 204
    assert leaving.call("GET", "/session").status_code == 401
