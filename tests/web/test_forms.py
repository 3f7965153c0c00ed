"""Forms as they arrive without JavaScript: done, refused with the API's sentence, forged, garbled."""

from __future__ import annotations

import html
import random
import time
import urllib.parse

import httpx
import pytest

from tests.web.browsing import Forms, Person, Web
from tests.web.conftest import People
from tests.web.test_pages import DOMAIN, OWN, SITE, paths

GARBAGE = (
    "", " ", "\x00", "0", "-1", "1e99", "9" * 400, "NaN", "true", "null", "a" * 5000, "ä@ö.ü", "'\"<script>",
    "../../etc/passwd", "%00%0d%0aX: y", "{{ 7*7 }}", "@", "a@b@c", "\u202e", "\U0001f600", "[]", "a\r\nb",
    "*)(uid=*", "$(id)", "; drop table role; --", "2026-02-31", "up 99999999999999999999",
)  # fmt: skip
SPARED = ("/logout", "/account/password", "/account/sessions", "/admin/checks", "/account/appearance")
"""What would sign the tester out, or make him wait."""


def fresh(name: str, domain: str) -> str:
    return f"{name}{time.time_ns()}@{domain}"


def said(answer: httpx.Response) -> str:
    """Return the text of a page."""
    return html.unescape(answer.text)


def test_an_account_lives_without_javascript(people: People) -> None:
    admin, address = people.admin, fresh("plain", people.domain)
    local_part = address.partition("@")[0]
    path = f"/admin/accounts/{address}"
    fields = {
        "address": local_part,
        "domain": people.domain,
        "name": "Plain",
        "password": "heron lantern 27 x",
    }
    made = admin.post("/admin/accounts/new", **fields)
    assert (made.status_code, made.headers["location"]) == (303, path)
    assert f"{address} can sign in" in said(admin.get(path))
    changed = admin.post(path, name="Plainer", quota_mb="77", aliases=f"other.{address}", active="on")
    assert changed.status_code == 303
    found = admin.api("GET", f"/accounts/{address}").json()
    assert (found["name"], found["quota_mb"], found["aliases"]) == ("Plainer", 77, [f"other.{address}"])
    asked = said(admin.get(f"{path}/remove"))
    assert "What is lost" in asked
    assert f"other.{address}" in asked
    assert admin.post(f"{path}/remove").status_code == 303
    assert admin.get(path).status_code == 404


def test_a_domain_with_all_that_belongs_to_it(people: People) -> None:
    admin, domain = people.admin, f"d{time.time_ns()}.test"
    path = f"/admin/domains/{domain}"
    made = admin.post("/admin/domains/new", name=domain, description="Trial", max_accounts="1")
    assert made.headers["location"] == f"{path}/dns"
    shown = said(admin.get(f"{path}/dns"))
    assert f"_dmarc.{domain}" in shown
    zone = admin.get(f"{path}/zone")
    assert zone.headers["content-disposition"] == f'attachment; filename="{domain}.zone"'
    assert "MX" in zone.text
    assert admin.post(f"{path}/catch-all", targets=people.bob.address).status_code == 303
    assert people.bob.address in said(admin.get(path))
    assert admin.post(f"{path}/catch-all", targets="").status_code == 303
    assert admin.post(f"{path}/administrators", address=people.dora.address).status_code == 303
    assert people.dora.address in said(admin.get(path))
    assert admin.post(f"{path}/administrators/{people.dora.address}/remove").status_code == 303
    first = {"address": "one", "domain": domain, "password": "heron lantern 27 x"}
    assert admin.post("/admin/accounts/new", **first).status_code == 303
    refused = admin.post("/admin/accounts/new", **{**first, "address": "two"})
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    assert "1 account can no longer sign in" in said(admin.get(f"{path}/remove"))
    assert admin.post(f"{path}/remove", force="on").status_code == 303
    assert admin.get(path).status_code == 404


def test_what_the_api_refuses_is_said_at_the_form_with_what_was_typed(people: People) -> None:
    address = fresh("weak", people.domain)
    body = {"name": "Weak", "password": "password12"}
    told = people.admin.api("PUT", f"/accounts/{address}", body)
    refused = people.admin.post("/admin/accounts/new", address=address, name="Weak", password="password12")
    assert refused.status_code == told.status_code
    assert told.json()["error"] in said(refused)
    assert 'value="Weak"' in refused.text
    assert "password12" not in refused.text


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        ("/admin/domains/new", {"name": "no dots"}),
        ("/admin/domains/new", {"name": ""}),
        ("/admin/accounts/new", {"address": "", "password": "x"}),
        ("/admin/accounts/new", {"address": "a b", "domain": "pages.test", "password": "heron lantern 27"}),
        ("/admin/aliases/new", {"address": "sales@pages.test", "targets": ""}),
        ("/admin/aliases/new", {"address": "sales@elsewhere.test", "targets": "a@b.test"}),
        ("/admin/administrators", {"address": "nobody@pages.test"}),
        ("/admin/api-keys", {"name": "", "access": "read"}),
        ("/admin/api-keys", {"name": "k", "access": "everything"}),
        ("/admin/announcements", {"text": ""}),
        ("/admin/announcements", {"text": "x", "expires": "tomorrow"}),
        ("/account/forwarding", {"active": "on", "targets": "not an address"}),
        ("/account/vacation", {"active": "on", "days": "0", "text": "Away"}),
        ("/account/vacation", {"active": "on", "days": "many"}),
        ("/account/spam", {"which": "own", "threshold": "high"}),
        ("/account/spam", {"which": "site", "allow": "x"}),
        (
            "/account/filters",
            {"rule": "0", "name.0": "n", "field.0": "moon", "test.0": "is", "action.0": "flag"},
        ),
    ],
)
def test_bad_input_comes_back_with_a_sentence(people: People, page: str, fields: dict[str, str]) -> None:
    answer = people.admin.post(page, **fields)
    assert answer.status_code in (400, 404, 409), answer.text
    assert 'role="alert"' in answer.text
    # The form is there again, to be put right.
    assert "<form" in answer.text


def test_a_form_without_the_sessions_token_does_nothing(people: People) -> None:
    address = fresh("forged", people.domain)
    fields = {"address": address, "password": "heron lantern 27 x"}
    for token in ({}, {"csrf": ""}, {"csrf": people.bob.csrf}):
        answer = people.admin.client.post("/admin/accounts/new", data={**fields, **token})
        assert answer.status_code == 403, token
    assert people.admin.get(f"/admin/accounts/{address}").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.test"}],
)
def test_another_site_cannot_sign_somebody_in(web: Web, people: People, headers: dict[str, str]) -> None:
    bob = people.bob
    with web.client() as victim:
        fields = {"address": bob.address, "password": bob.password}
        answer = victim.post("/login", data=fields, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_a_wrong_password_is_said_and_too_many_wait(web: Web) -> None:
    address, _ = web.suite.account("guessed")
    with web.client() as stranger:
        fields = {"address": address, "password": "wrong"}
        answer = stranger.post("/login", data=fields)
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
        assert f'value="{address}"' in answer.text
        for _ in range(60):
            answer = stranger.post("/login", data=fields)
            if answer.status_code == 429:
                break
        assert answer.status_code == 429
        assert "Try again in" in said(answer)


def test_self_service_is_kept(people: People) -> None:
    bob = people.bob
    fields = {"active": "on", "targets": "bob@ext.test", "keep_copy": "on"}
    assert bob.post("/account/forwarding", **fields).status_code == 303
    found = bob.api("GET", f"/accounts/{bob.address}/forwarding").json()
    assert found == {"targets": ["bob@ext.test"], "keep_copy": True, "active": True}
    assert "bob@ext.test" in said(bob.get("/account/"))
    assert bob.post("/account/forwarding", targets="bob@ext.test").status_code == 303
    rule = {"rule": "0", "name.0": "Lists", "field.0": "list-id", "test.0": "contains", "value.0": "dev"}
    rule |= {"action.0": "fileinto", "argument.0": "Lists", "stop.0": "on", "active.0": "on"}
    assert bob.post("/account/filters", **rule).status_code == 303
    assert 'value="Lists"' in bob.get("/account/filters").text
    assert bob.post("/account/filters", **rule, button="remove 0").status_code == 303
    assert 'value="Lists"' not in bob.get("/account/filters").text


def test_an_administrator_helps_somebody_with_the_same_pages(people: People) -> None:
    base = f"/admin/accounts/{people.bob.address}"
    assert people.dora.post(f"{base}/vacation", subject="Away", text="Later.", days="3").status_code == 303
    assert 'value="Away"' in people.dora.get(f"{base}/vacation").text


def test_a_key_is_shown_once(people: People) -> None:
    made = people.admin.post("/admin/api-keys", name="once", access="read", domains=people.domain)
    assert made.status_code == 200
    key = said(made).partition('data-copy="')[2].partition('"')[0]
    assert len(key) > 20
    assert key not in people.admin.get("/admin/api-keys").text


def test_garbage_in_every_form_is_refused_or_taken_and_breaks_nothing(people: People) -> None:
    chance = random.Random(7)
    scrap, _ = people.admin.web.suite.account("scrap", domain=people.domain)
    for who, templates in ((people.admin, SITE + DOMAIN), (people.bob, OWN)):
        for path in paths(people, templates):
            path = path.replace(people.bob.address, scrap)
            if "/remove" in path or "delete-all" in path or path.startswith(SPARED):
                continue
            for form in Forms(who.get(path).text).found:
                send_garbage(who, path, form.action, form.method, form.fields, chance)


def send_garbage(
    who: Person, path: str, action: str, method: str, fields: dict[str, str], chance: random.Random
) -> None:
    target = urllib.parse.urljoin(path, action)
    spared = target.startswith(SPARED) or "/remove" in target or target.endswith(("/password", "/end"))
    if spared:
        return
    for _ in range(4):
        sent = {name: chance.choice([value, *GARBAGE]) for name, value in fields.items() if name != "csrf"}
        answer = who.client.get(target, params=sent) if method == "get" else who.post(target, **sent)
        assert answer.status_code < 500, (target, sent, answer.text[-2000:])
        assert "<script>" not in answer.text.replace("&lt;script&gt;", ""), (target, sent)
        assert "\n49" not in answer.text
