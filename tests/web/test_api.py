"""The API on the whole suite, through the gateway: what it promises to programs, and what it refuses."""

from __future__ import annotations

import datetime
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from keryx.core import process
from keryx.records import engine
from tests.running import Suite, wait_for
from tests.web.calling import Api, Caller, calling

PASSWORD = "correct horse battery staple"
DOMAIN = "api.test"
names = itertools.count(int(time.time()))


@pytest.fixture(scope="module")
def api(suite: Suite) -> Iterator[Api]:
    with calling(suite) as found:
        yield found


@pytest.fixture(scope="module")
def site(api: Api) -> Iterator[Caller]:
    found = api.administrator()
    found.put(f"/domains/{DOMAIN}", {})
    yield found
    found.call("DELETE", f"/domains/{DOMAIN}", params={"force": True, "purge_mail": True})


@pytest.fixture
def alice(site: Caller) -> str:
    """A fresh account with PASSWORD."""
    address = f"alice{next(names)}@{DOMAIN}"
    site.put(f"/accounts/{address}", {"password": PASSWORD, "name": "Alice"})
    return address


def events(site: Caller, subject: str, action: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.get("/audit", subject=subject, action=action, per_page=200)["items"]
    return found


# --- errors


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/accounts/", 404),
        ("GET", "/accounts/a%2Fb@api.test", 404),
        ("DELETE", "/status", 405),
        ("PUT", "/accounts", 405),
        ("GET", "/accounts/nobody@api.test", 404),
        ("GET", "/accounts/not-an-address", 400),
        ("GET", "/accounts/a%01b@api.test", 400),
        ("GET", "/domains/no..dots", 400),
        ("GET", "/queue/ALL", 400),
        ("GET", "/queue/-d", 400),
        ("GET", "/accounts?per_page=201", 400),
        ("GET", "/accounts?per_page=0", 400),
        ("GET", "/accounts?page=many", 400),
        ("GET", "/accounts?pagesize=5", 400),
        ("GET", "/accounts?sort=password", 400),
        ("GET", "/accounts?search=a%00b", 400),
        ("GET", "/audit?who=%00", 400),
        ("GET", "/statistics?period=century", 400),
        ("DELETE", "/api-keys/999999999999999999999", 400),
    ],
)
def test_refusals_are_one_sentence(site: Caller, method: str, path: str, status: int) -> None:
    answer = site.call(method, path)
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert set(said) == {"error", "remedy"}
    assert said["error"].endswith(".")
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_unknown_method_is_told_which_there_are(site: Caller) -> None:
    answer = site.call("POST", "/accounts/alice@api.test")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "DELETE, GET, PATCH, PUT"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"name": "x", "colour": "red"}', '"colour" is not known'),
        (b'{"quota_mb": "much"}', '"quota_mb"'),
        (b'{"quota_mb": -1}', '"quota_mb"'),
        (b'{"quota_mb": 1e400}', ""),
        (b'{"quota_mb": NaN}', ""),
        (b'{"quota_mb": 999999999999999999999999}', '"quota_mb"'),
        (b'{"name": "a\\u0000b"}', '"name"'),
        (b'{"name": "\\ud800"}', '"name"'),
        (b'{"name": "' + b"x" * 300 + b'"}', '"name"'),
        (b'{"aliases": "a@api.test"}', '"aliases"'),
        (b'{"aliases": [1]}', '"aliases.0"'),
        (b'{"name"', "not JSON"),
        (b"\xff\xfe\xfd", ""),
        (b"[]", "JSON object"),
        (b"[" * 100_000, ""),
        (b'{"a":' * 50_000, ""),
        (b"null", ""),
        (b"", ""),
    ],
)
def test_bodies_that_make_no_sense_are_refused_by_name(
    site: Caller, alice: str, body: bytes, named: str
) -> None:
    before = site.get(f"/accounts/{alice}")
    headers = {"Content-Type": "application/json"}
    answer = site.call("PATCH", f"/accounts/{alice}", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert named in answer.json()["error"]
    assert site.get(f"/accounts/{alice}") == before


def test_a_huge_body_is_refused_and_only_that(site: Caller, alice: str) -> None:
    body = json.dumps({"name": "x" * 2_000_000}).encode()
    headers = {"Content-Type": "application/json"}
    answer = site.call("PATCH", f"/accounts/{alice}", content=body, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"]
    assert site.get(f"/accounts/{alice}")["name"] == "Alice"


def test_a_form_of_another_site_is_no_body(site: Caller, alice: str) -> None:
    """What a browser sends across sites without asking first is never taken."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = site.call(
            "PATCH", f"/accounts/{alice}", content=b'{"name": "Eve"}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 400
    assert site.get(f"/accounts/{alice}")["name"] == "Alice"


# --- idempotence


def test_put_makes_then_keeps_then_changes(site: Caller) -> None:
    path = f"/accounts/put{next(names)}@{DOMAIN}"
    body = {"name": "Put", "password": PASSWORD, "quota_mb": 100, "aliases": [f"other{next(names)}@{DOMAIN}"]}
    first = site.call("PUT", path, body)
    again = site.call("PUT", path, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == site.get(path)
    changed = site.call("PUT", path, {**body, "name": "Changed", "aliases": []})
    assert changed.status_code == 200
    assert changed.json() == {**first.json(), "name": "Changed", "aliases": []}
    assert "password" not in first.text
    assert [event["action"] for event in events(site, path.rpartition("/")[2])] == [
        "account.change",
        "account.add",
    ]


def test_patch_changes_what_is_given(site: Caller, alice: str) -> None:
    before = site.get(f"/accounts/{alice}")
    site.patch(f"/accounts/{alice}", {"quota_mb": 77})
    assert site.get(f"/accounts/{alice}") == {**before, "quota_mb": 77}
    site.patch(f"/accounts/{alice}", {})
    assert site.get(f"/accounts/{alice}") == {**before, "quota_mb": 77}
    assert site.call("PATCH", f"/accounts/{alice}", {"name": None}).status_code == 400


def test_delete_happens_once(site: Caller, alice: str) -> None:
    for path in (f"/accounts/{alice}", f"/aliases/list{next(names)}@{DOMAIN}"):
        if path.startswith("/aliases"):
            site.put(path, {"targets": ["far@ext.test"]})
        assert [site.call("DELETE", path).status_code for _ in range(2)] == [204, 404]
        assert site.call("GET", path).status_code == 404


def test_put_only_if_there_is_none(site: Caller, alice: str) -> None:
    answer = site.call("PUT", f"/accounts/{alice}", {"name": "Other"}, headers={"If-None-Match": "*"})
    assert answer.status_code == 409
    assert site.get(f"/accounts/{alice}")["name"] == "Alice"


def test_names_mean_the_same_however_they_are_written(site: Caller, alice: str) -> None:
    local, _, domain = alice.partition("@")
    assert site.get(f"/accounts/{local.upper()}@{domain.upper()}.")["address"] == alice
    site.put("/domains/käse.test", {})
    try:
        assert site.get("/domains/xn--kse-qla.test")["name"] == "xn--kse-qla.test"
    finally:
        site.delete("/domains/käse.test")


# --- lists


def test_pages_together_are_the_list(site: Caller) -> None:
    domain = "pages.test"
    site.put(f"/domains/{domain}", {})
    try:
        made = [f"list{number:02}@{domain}" for number in range(25)]
        for address in made:
            site.put(f"/aliases/{address}", {"targets": ["far@ext.test"], "description": f"No. {address}"})
        wanted = sorted([*made, f"abuse@{domain}", f"postmaster@{domain}"])
        seen: list[str] = []
        for page in range(1, 5):
            found = site.get("/aliases", domain=domain, page=page, per_page=8)
            assert (found["total"], found["page"], found["per_page"]) == (27, page, 8)
            seen += [alias["address"] for alias in found["items"]]
        assert seen == wanted
        assert site.get("/aliases", domain=domain, page=5, per_page=8)["items"] == []
        back = site.get("/aliases", domain=domain, sort="-address", per_page=200)["items"]
        assert [alias["address"] for alias in back] == wanted[::-1]
        assert site.get("/aliases", domain=domain, search="no. LIST07")["total"] == 1
    finally:
        site.delete(f"/domains/{domain}", force=True)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "*)(mail=*",
        ")(|(mail=*",
        "\\2a",
        "%",
        "_",
        "'; DROP TABLE session; --",
        "\\",
        "$1",
        "{}",
        '"',
        "ß\u202e",
    ],
)
def test_search_texts_are_only_texts(site: Caller, alice: str, text: str) -> None:
    # Other tests' accounts may have such signs in their names; whoever is found has them all.
    for found in site.get("/accounts", search=text)["items"]:
        assert text in " ".join((found["address"], found["name"], *found["aliases"]))
    assert site.get("/aliases", search=text)["total"] == 0
    assert site.get("/domains", search=text)["total"] == 0
    for part in ("who", "subject", "action"):
        assert site.get("/audit", **{part: text})["total"] == 0
    assert site.call("GET", f"/accounts/{alice.partition('@')[0]}*@{DOMAIN}").status_code == 400
    assert site.get(f"/accounts/{alice}")["address"] == alice


# --- sessions


def test_the_cookie_is_closed_to_scripts_and_other_sites(api: Api, suite: Suite) -> None:
    anonymous = api.anonymous()
    body = {"address": f"admin@{suite.domain}", "password": suite.secret("administrator")}
    answer = anonymous.call("POST", "/session", body)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-keryx=")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= attributes
    assert not any(attribute.startswith("domain") for attribute in attributes)
    token = cookie.partition("=")[2].partition(";")[0]
    assert token not in answer.text
    with engine.connection(suite.site) as opened:
        kept = opened.execute("SELECT id_hash FROM session").fetchall()
    assert token not in str(kept)


def test_who_is_signed_in(api: Api, site: Caller, alice: str) -> None:
    person = api.sign_in(alice, PASSWORD)
    shown = person.get("/session")
    assert (shown["address"], shown["name"], shown["role"]) == (alice, "Alice", "user")
    assert shown["domains"] == []
    assert shown["writable"] is True
    assert site.get("/session")["role"] == "site"


def test_writes_by_cookie_need_the_sessions_token(api: Api, site: Caller, alice: str) -> None:
    person, other = api.sign_in(alice, PASSWORD), api.sign_in(alice, PASSWORD)
    path, body = f"/accounts/{alice}/preferences", {"language": "de"}
    for token in ("", "0" * 64, other.csrf, person.csrf[:-1], "ä"):
        headers = {"X-CSRF-Token": token} if token else {}
        answer = Caller(person.http).call("PUT", path, body, headers=headers)
        assert answer.status_code == 403, token
    assert person.get(path) == {"language": ""}
    assert person.put(path, body) == {"language": "de"}
    assert person.get("/session")["language"] == "de"


def test_a_session_ends_when_told(api: Api, alice: str) -> None:
    first, second = api.sign_in(alice, PASSWORD), api.sign_in(alice, PASSWORD)
    listed = first.get("/sessions")["items"]
    assert len(listed) == 2
    assert [found["current"] for found in listed].count(True) == 1
    assert {found["client_ip"] for found in listed} == {"127.0.0.1"}
    other = next(found for found in listed if not found["current"])
    assert first.call("DELETE", f"/sessions/{other['id']}").status_code == 204
    assert second.call("GET", "/session").status_code == 401
    cookies = dict(first.http.cookies)
    assert first.call("DELETE", "/session").status_code == 204
    again = api.anonymous()
    again.http.cookies.update(cookies)
    assert again.call("GET", "/session").status_code == 401


def test_nobody_ends_anothers_session(api: Api, site: Caller, alice: str) -> None:
    person = api.sign_in(alice, PASSWORD)
    own = person.get("/sessions")["items"][0]["id"]
    assert site.call("DELETE", f"/sessions/{own}").status_code == 404
    assert person.get("/session")["address"] == alice


def test_a_new_password_ends_all_sessions(api: Api, site: Caller, alice: str) -> None:
    person = api.sign_in(alice, PASSWORD)
    site.put(f"/accounts/{alice}", {"name": "Alice", "password": PASSWORD})
    assert person.get("/session")["address"] == alice, "the same password ends nothing"
    made = site.put(f"/accounts/{alice}/password", {"generate": True})["password"]
    assert person.call("GET", "/session").status_code == 401
    assert (
        api.anonymous().call("POST", "/session", {"address": alice, "password": PASSWORD}).status_code == 401
    )
    assert api.sign_in(alice, made).get("/session")["address"] == alice


def test_the_own_password_needs_the_old_one(api: Api, alice: str) -> None:
    here, there = api.sign_in(alice, PASSWORD), api.sign_in(alice, PASSWORD)
    path, new = f"/accounts/{alice}/password", "wholly different words 7"
    assert here.call("PUT", path, {"password": new}).status_code == 400
    assert here.call("PUT", path, {"password": new, "old": "wrong"}).status_code == 400
    assert here.call("PUT", path, {"password": "password1234", "old": PASSWORD}).status_code in (400, 409)
    assert there.get("/session")["address"] == alice
    here.put(path, {"password": new, "old": PASSWORD})
    assert there.call("GET", "/session").status_code == 401
    assert here.get("/session")["address"] == alice, "who changed it stays signed in"


def test_administrators_cannot_skip_the_old_password_of_their_own(
    api: Api, site: Caller, suite: Suite
) -> None:
    own = f"/accounts/admin@{suite.domain}"
    assert site.call("PUT", f"{own}/password", {"password": PASSWORD}).status_code == 400
    assert site.call("PUT", own, {"password": PASSWORD}).status_code == 400


def test_who_is_switched_off_or_gone_is_out(api: Api, site: Caller, alice: str) -> None:
    person = api.sign_in(alice, PASSWORD)
    site.patch(f"/accounts/{alice}", {"active": False})
    assert person.call("GET", "/session").status_code == 401
    site.patch(f"/accounts/{alice}", {"active": True})
    person = api.sign_in(alice, PASSWORD)
    site.delete(f"/accounts/{alice}")
    assert person.call("GET", "/session").status_code == 401
    site.put(f"/accounts/{alice}", {"password": PASSWORD})
    assert person.call("GET", "/session").status_code == 401, "the next of that name is somebody else"


def test_sessions_expire(api: Api, suite: Suite, site: Caller, alice: str) -> None:
    person = api.sign_in(alice, PASSWORD)
    with engine.connection(suite.site) as opened:
        opened.execute("UPDATE session SET expires = now() WHERE address = %s", [alice])
    assert person.call("GET", "/session").status_code == 401


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "x" * 100_000, "' OR '1'='1", "%00", "null", "é"])
def test_forged_cookies_are_nobody(api: Api, token: str) -> None:
    answer = api.anonymous().call("GET", "/session", headers={"Cookie": f"__Host-keryx={token}"})
    assert answer.status_code in ((400, 431) if len(token) > 10_000 else (401,))


def test_what_the_gateway_says_cannot_be_said_from_outside(api: Api, alice: str) -> None:
    claims = {
        "X-Real-IP": "192.0.2.99",
        "X-Forwarded-For": "192.0.2.99",
        "X-Keryx-User": "admin@example.org",
        "Authorization": "Basic YWRtaW5AZXhhbXBsZS5vcmc6eA==",
    }
    assert api.anonymous().call("GET", "/session", headers=claims).status_code == 401
    person = api.sign_in(alice, PASSWORD)
    claims.pop("Authorization")
    person.call("GET", "/session", headers=claims)
    assert {found["client_ip"] for found in person.get("/sessions")["items"]} == {"127.0.0.1"}


# --- guessing


def test_guessing_is_stopped_for_the_guesser_only(api: Api, site: Caller, alice: str) -> None:
    guesser = api.anonymous("127.0.0.66")
    wrong = {"address": alice, "password": "wrong"}
    answers = [guesser.call("POST", "/session", wrong).status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    right = guesser.call("POST", "/session", {"address": alice, "password": PASSWORD})
    assert right.status_code == 429
    assert 0 < int(right.headers["Retry-After"]) <= 600
    assert api.sign_in(alice, PASSWORD).get("/session")["address"] == alice


def test_guessing_at_many_accounts_is_stopped(api: Api) -> None:
    guesser = api.anonymous("127.0.0.67")
    statuses = []
    for number in range(62):
        body = {"address": f"nobody{number}@{DOMAIN}", "password": "wrong"}
        statuses.append(guesser.call("POST", "/session", body).status_code)
    assert statuses == [401] * 60 + [429] * 2


def test_a_wrong_address_is_answered_as_a_wrong_password(api: Api, site: Caller, alice: str) -> None:
    site.patch(f"/accounts/{alice}", {"active": False})
    anonymous = api.anonymous("127.0.0.68")
    answers = [
        anonymous.call("POST", "/session", {"address": address, "password": password}).json()
        for address, password in (
            (alice, PASSWORD),
            (alice, "wrong"),
            (f"nobody@{DOMAIN}", "wrong"),
            ("nobody@elsewhere.test", "wrong"),
            ("no address", "wrong"),
            ("*@api.test", "wrong"),
        )
    ]
    assert all(answer == answers[0] for answer in answers)


# --- keys


def test_a_key_is_shown_once_and_works_until_revoked(api: Api, site: Caller, suite: Suite) -> None:
    made = site.post("/api-keys", {"name": "once", "role": "site", "access": "write"})
    program = api.with_key(made["key"])
    assert program.get("/session")["access"] == "write"
    assert program.put(f"/aliases/key{next(names)}@{DOMAIN}", {"targets": ["far@ext.test"]})
    assert made["key"] not in json.dumps(site.get("/api-keys", per_page=200))
    assert made["key"] not in json.dumps(events(site, str(made["id"]), "api-key"))
    assert made["key"] not in suite.keryx("api-key", "list").stdout
    site.delete(f"/api-keys/{made['id']}")
    assert program.call("GET", "/session").status_code == 401
    assert site.call("DELETE", f"/api-keys/{made['id']}").status_code == 404


def test_keys_expire(api: Api, site: Caller, suite: Suite) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    made = site.post("/api-keys", {"name": "soon", "role": "site", "expires": soon.isoformat()})
    program = api.with_key(made["key"])
    assert program.get("/domains")["total"]
    with engine.connection(suite.site) as opened:
        opened.execute("UPDATE api_key SET expires = now() WHERE id = %s", [made["id"]])
    assert program.call("GET", "/domains").status_code == 401
    past = soon - datetime.timedelta(days=1)
    refused = site.call("POST", "/api-keys", {"name": "past", "role": "site", "expires": past.isoformat()})
    assert refused.status_code == 400


def test_a_key_may_no_more_than_its_owner(api: Api, site: Caller, alice: str) -> None:
    site.put(f"/domains/{DOMAIN}/administrators/{alice}")
    person = api.sign_in(alice, PASSWORD)
    body = {"name": "hers", "domains": [DOMAIN], "access": "write"}
    program = api.with_key(person.post("/api-keys", body)["key"])
    assert program.get("/accounts")["total"]
    site.delete(f"/domains/{DOMAIN}/administrators/{alice}")
    assert program.call("GET", "/accounts").status_code == 401
    assert program.call("GET", f"/accounts/{alice}").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "bearer keryx_",
        "Basic eDp5",
        "Bearer " + "k" * 10_000,
        "Bearer ' OR 1=1",
    ],
)
def test_forged_keys_are_nobody(api: Api, site: Caller, header: str) -> None:
    answer = api.anonymous().call("GET", "/domains", headers={"Authorization": header})
    assert answer.status_code in ((400, 401, 431) if len(header) > 8000 else (401,))
    with_cookie = site.call("GET", "/domains", headers={"Authorization": header})
    assert with_cookie.status_code != 200, "a bad key is not made good by a cookie"


def test_keys_on_the_command_line(suite: Suite, site: Caller) -> None:
    made = suite.json("api-key", "add", "by root", f"--domain={DOMAIN}", "--days=30")
    listed = next(key for key in suite.json("api-key", "list") if key["id"] == made["id"])
    assert (listed["role"], listed["domains"], listed["access"]) == ("domain", [DOMAIN], "read")
    assert made["key"].startswith(listed["prefix"])
    suite.keryx("api-key", "revoke", str(made["id"]))
    assert made["id"] not in [key["id"] for key in suite.json("api-key", "list")]
    again = suite.keryx("api-key", "revoke", str(made["id"]), check=False)
    assert again.returncode == 2
    assert "There is no API key" in again.stderr
    event = events(site, str(made["id"]), "api-key.add")[0]
    assert (event["who"], event["via"]) == ("root", "cli")


# --- the audit log


def test_every_change_is_on_record_without_secrets(api: Api, site: Caller, suite: Suite, alice: str) -> None:
    secret = "unmistakable secret words 42"
    site.put(f"/accounts/{alice}/password", {"password": secret})
    site.patch(f"/accounts/{alice}", {"quota_mb": 55})
    found = events(site, alice)
    assert [event["action"] for event in found] == ["account.change", "account.password", "account.add"]
    change = found[0]
    assert (change["before"]["quota_mb"], change["after"]["quota_mb"]) == (5120, 55)
    assert (change["who"], change["via"], change["from_ip"]) == (
        f"admin@{suite.domain}",
        "session",
        "127.0.0.1",
    )
    assert secret not in json.dumps(found)
    assert PASSWORD not in json.dumps(found)
    assert secret not in suite.log("admin") + suite.log("privileged") + suite.log("nginx")


def test_refused_calls_are_not_on_record(api: Api, site: Caller, alice: str) -> None:
    before = events(site, alice, "account")
    site.call("PATCH", f"/accounts/{alice}", {"colour": "red"})
    api.sign_in(alice, PASSWORD).call("PATCH", f"/accounts/{alice}", {"quota_mb": 0})
    assert events(site, alice, "account") == before


# --- what the calls do


def test_domains_with_records_keys_and_zone(site: Caller) -> None:
    domain = site.get(f"/domains/{DOMAIN}")
    assert domain["name"] == DOMAIN
    keys = site.get(f"/domains/{DOMAIN}/dkim")["items"]
    assert {key["algorithm"] for key in keys} == {"rsa", "ed25519"}
    records = site.get(f"/domains/{DOMAIN}/dns", per_page=200)["items"]
    published = {(record["name"], record["type"]): record["value"] for record in records}
    assert published[DOMAIN, "MX"] == "10 mail.example.org."
    assert published[keys[0]["record_name"], "TXT"] == keys[0]["record_text"]
    zone = site.get(f"/domains/{DOMAIN}/zone")
    assert all(f"{record['name']}. " in zone for record in records)
    assert site.call("POST", f"/domains/{DOMAIN}/dkim").status_code == 200, "they are all there"
    assert site.call("GET", "/domains/nobody.test/dns").status_code == 404


def test_limits_of_a_domain_hold(site: Caller) -> None:
    site.put("/domains/small.test", {"max_accounts": 1, "default_quota_mb": 10})
    try:
        site.put("/accounts/one@small.test", {"password": PASSWORD})
        assert site.get("/accounts/one@small.test")["quota_mb"] == 10
        refused = site.call("PUT", "/accounts/two@small.test", {"password": PASSWORD})
        assert refused.status_code == 409
        assert "small.test" in refused.json()["error"]
        assert site.get("/domains/small.test")["accounts"] == 1
        site.patch("/domains/small.test", {"default_quota_mb": None})
        assert site.get("/domains/small.test")["default_quota_mb"] is None
    finally:
        site.delete("/domains/small.test", force=True)


def test_a_taken_address_is_a_conflict(site: Caller, alice: str) -> None:
    taken = site.call("PUT", f"/aliases/{alice}", {"targets": ["far@ext.test"]})
    assert taken.status_code == 409
    assert alice in taken.json()["error"]
    weak = site.call("PUT", f"/accounts/weak@{DOMAIN}", {"password": "password123"})
    assert weak.status_code in (400, 409)
    assert site.call("GET", f"/accounts/weak@{DOMAIN}").status_code == 404


def test_self_service_by_the_person(api: Api, site: Caller, alice: str) -> None:
    person = api.sign_in(alice, PASSWORD)
    base = f"/accounts/{alice}"
    wanted: dict[str, Any] = {
        "forwarding": {"targets": ["far@ext.test"], "keep_copy": True, "active": True},
        "vacation": {
            "active": True,
            "subject": "Away",
            "text": "Until Monday.\n\nA.",
            "start": "2030-01-01",
            "end": "2030-01-08",
            "days": 3,
        },
        "filters": [
            {
                "name": "Lists",
                "field": "list-id",
                "test": "contains",
                "value": "postfix",
                "action": "fileinto",
                "argument": "Lists",
                "stop": True,
                "active": True,
            }
        ],
        "spam": {"threshold": 4.5, "allow": ["@good.test", "friend@ext.test"], "block": ["@bad.test"]},
        "preferences": {"language": "de"},
    }
    for name, body in wanted.items():
        assert person.put(f"{base}/{name}", body) == body
        assert person.get(f"{base}/{name}") == body
        assert person.put(f"{base}/{name}", body) == body
        assert len(events(site, alice, f"{name}.change")) == 1
    setup = person.get(f"{base}/setup")
    assert setup["user"] == alice
    assert {"imap", "smtp"} <= {server["protocol"] for server in setup["servers"]}
    assert person.get(f"{base}/quota")["quota_mb"] == 5120
    assert person.get(f"{base}/sessions")["items"] == []
    # What is the administrator's stays his.
    changes: list[dict[str, Any]] = [{"quota_mb": 0}, {"active": False}, {"super_user": True}]
    for change in [*changes, {"aliases": []}, {"name": "X"}]:
        assert person.call("PATCH", base, change).status_code == 403


def test_trace_and_aliases(site: Caller, alice: str) -> None:
    address = f"sales{next(names)}@{DOMAIN}"
    site.put(f"/aliases/{address}", {"targets": [alice, "far@ext.test"]})
    ends = {(end["kind"], end["address"]) for end in site.get("/trace", address=address)["destinations"]}
    assert ends == {("mailbox", alice), ("external", "far@ext.test")}
    site.put(f"/aliases/@{DOMAIN}", {"targets": [alice]})
    assert site.get(f"/aliases/@{DOMAIN}")["targets"] == [alice]
    caught = site.get("/trace", address=f"whoever@{DOMAIN}")["destinations"]
    assert [end["address"] for end in caught] == [alice]
    site.delete(f"/aliases/@{DOMAIN}")


def test_who_is_on_a_list_of_another_domain_is_not_told(api: Api, site: Caller, alice: str) -> None:
    number = next(names)
    here, there = f"sales{number}@{DOMAIN}", f"board{number}@{api.suite.domain}"
    site.put(f"/aliases/{there}", {"targets": [alice, "director@ext.test"]})
    site.put(f"/aliases/{here}", {"targets": [alice, there]})
    told = api.new_key(DOMAIN).get("/trace", address=here)
    assert {(end["kind"], end["address"]) for end in told["destinations"]} == {
        ("mailbox", alice),
        ("elsewhere", there),
    }
    assert "director" not in json.dumps(told)
    site.delete(f"/aliases/{here}")
    site.delete(f"/aliases/{there}")


def test_the_suite_at_a_glance(site: Caller, suite: Suite) -> None:
    status = site.get("/status")
    states = {part["name"]: part["state"] for part in status["components"]}
    assert states["postfix"] == states["admin"] == "running"
    assert status["queue"]["count"] >= 0
    assert status["disk"]["free_mb"] > 0
    assert (status["directory"], status["database"]) == (True, True)
    settings = {found["key"]: found for found in site.get("/settings", per_page=200)["items"]}
    assert settings["domain"]["value"] == suite.domain
    assert settings["ports.smtp.enabled"]["value"] is True
    assert settings["port_offset"]["changed"] is True
    assert suite.secret("ldap-admin") not in json.dumps(settings)
    for period in ("day", "month"):
        assert {"accepted", "rejected", "spam", "queue"} <= set(
            site.get("/statistics", period=period)["series"]
        )


def test_announcements_are_seen_by_whoever_signs_in(api: Api, site: Caller, alice: str) -> None:
    made = site.post("/announcements", {"text": "The server moves tonight.", "level": "warning"})
    try:
        shown = api.sign_in(alice, PASSWORD).get("/session")["announcements"]
        assert ("The server moves tonight.", "warning") in [(one["text"], one["level"]) for one in shown]
    finally:
        site.delete(f"/announcements/{made['id']}")
    assert site.call("DELETE", f"/announcements/{made['id']}").status_code == 404


def test_the_queue(site: Caller, suite: Suite, alice: str) -> None:
    sender = alice
    sendmail = ["/usr/sbin/sendmail", "-C", str(suite.site.paths.etc("postfix")), "-f", sender]
    message = f"From: {sender}\nTo: far@ext.test\nSubject: waiting\n\nHello.\n"
    process.run([*sendmail, "far@ext.test"], input=message)

    def waiting(queue: str) -> list[dict[str, Any]]:
        return [one for one in site.get("/queue", search=sender)["items"] if one["queue"] == queue]

    found = wait_for(lambda: waiting("deferred"), "the message waits")[0]
    path = f"/queue/{found['id']}"
    assert site.call("POST", f"{path}/hold").status_code == 204
    assert wait_for(lambda: waiting("hold"), "it is held")[0]["sender"] == sender
    assert "Subject: waiting" in site.get(path)
    assert site.call("POST", f"{path}/release").status_code == 204
    assert site.call("POST", f"{path}/hold").status_code == 204
    assert site.delete("/queue", sender=sender) == {"count": 1}
    assert site.call("DELETE", path).status_code == 404
    assert site.call("DELETE", "/queue").status_code == 400
    assert [event["action"] for event in events(site, found["id"])] == [
        "queue.hold",
        "queue.release",
        "queue.hold",
    ]


def test_the_reference_page_needs_nothing_from_elsewhere(api: Api) -> None:
    answer = api.anonymous().call("GET", "/")
    assert answer.status_code == 200
    assert "PUT" in answer.text
    assert "<script" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert api.anonymous().call("GET", "/static/reference.css").status_code == 200


# --- neighbours away


@pytest.mark.parametrize("component", ["openldap", "postgresql"])
def test_with_a_neighbour_away_the_answer_is_a_sentence_and_quick(
    api: Api, site: Caller, suite: Suite, alice: str, component: str
) -> None:
    program = api.new_key(write=True)
    with suite.without(component):
        for caller, method, path, body in (
            (site, "GET", "/domains", None),
            (program, "GET", f"/accounts/{alice}", None),
            (program, "PATCH", f"/accounts/{alice}", {"quota_mb": 99}),
            (api.anonymous(), "POST", "/session", {"address": alice, "password": PASSWORD}),
        ):
            begun = time.monotonic()
            answer = caller.call(method, path, body)
            assert answer.status_code == 503, f"{method} {path}: {answer.text}"
            assert answer.json()["error"].endswith(".")
            assert time.monotonic() - begun < 8
    assert wait_for(lambda: site.call("GET", "/domains").status_code == 200, "the API recovers", 15)
    assert site.get(f"/accounts/{alice}")["quota_mb"] == 5120
    assert api.sign_in(alice, PASSWORD).get("/session")["address"] == alice
