"""Pages over an API that answers as it is told to: what they show when it refuses or is read-only."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import fastapi
import httpx
import pytest
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from keryx.core.secret import SecretStore
from keryx.settings.model import SiteSettings
from keryx.settings.site import Paths, Site
from keryx.web import ui
from keryx.web.ui import page as pages
from keryx.web.ui import rendering
from keryx.web.ui.pages.dashboard import table
from keryx.web.ui.pages.personal import agent

SESSION = {
    "address": "ann@example.org",
    "name": "Ann",
    "role": "site",
    "domains": [],
    "csrf": "token",
    "language": "",
    "writable": True,
    "announcements": [],
}
DOMAIN = {
    "name": "example.org", "description": "", "default_quota_mb": None, "max_accounts": 0, "max_aliases": 0,
    "max_quota_mb": 0, "accounts": 2, "aliases": 0, "quota_given_mb": 0,
}  # fmt: skip
ACCOUNT = {
    "address": "bob@example.org", "name": "Bob", "aliases": [], "active": True, "quota_mb": 0,
    "send_only": False, "super_user": False, "host": "", "administrator": None,
}  # fmt: skip
EMPTY: dict[str, Any] = {"items": [], "total": 0, "page": 1, "per_page": 50}
AWAY = (503, {"error": "The directory does not answer.", "remedy": "See keryx status."})


class Client:
    """A browser without JavaScript: it keeps cookies and follows nothing."""

    def __init__(self, app: fastapi.FastAPI) -> None:
        self._app = app
        self.cookies = httpx.Cookies()

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, None, headers))

    def post(self, path: str, data: dict[str, str]) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, data, None))

    async def _ask(
        self, method: str, path: str, data: dict[str, str] | None, headers: dict[str, str] | None
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        base = "https://mail.example.org"
        async with httpx.AsyncClient(transport=transport, base_url=base, cookies=self.cookies) as client:
            answer = await client.request(method, path, data=data, headers=headers)
            self.cookies = client.cookies
        return answer


@dataclasses.dataclass
class Stage:
    """The pages, over answers that a test sets."""

    client: Client
    answers: dict[str, Any]
    """By path below /api/v1: a body, or a status with a body."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """The pages with an empty site behind them."""
    site = Site(
        SiteSettings(domain="example.org", hostname="mail.example.org"),
        Paths(tmp_path),
        SecretStore(tmp_path / "secrets"),
    )
    answers: dict[str, Any] = {
        "/session": SESSION,
        "/domains": {**EMPTY, "items": [DOMAIN], "total": 1},
        "/domains/example.org": DOMAIN,
        "/accounts": {**EMPTY, "items": [ACCOUNT], "total": 1},
        "/accounts/bob@example.org": ACCOUNT,
        "/accounts/bob@example.org/quota": {"used_mb": 1.5, "quota_mb": 100},
        "/aliases/@example.org": (404, {"error": "There is no alias @example.org."}),
    }
    app = fastapi.FastAPI()

    @app.get("/api/v1{path:path}")
    def answer(path: str) -> JSONResponse:
        found = answers.get(path, EMPTY)
        status, body = found if isinstance(found, tuple) else (200, found)
        return JSONResponse(body, status, {"retry-after": "90"} if status == 429 else {})

    app.post("/api/v1{path:path}")(answer)
    ui.add(app, site)
    return Stage(Client(app), answers)


def test_a_read_only_directory_says_why_and_offers_nothing_to_edit(stage: Stage) -> None:
    for path in (
        "/admin/domains",
        "/admin/domains/example.org",
        "/admin/accounts",
        "/admin/accounts/bob@example.org",
    ):
        assert "Keryx may only read it" not in stage.client.get(path).text
    stage.answers["/session"] = {**SESSION, "writable": False}
    for path in (
        "/admin/domains",
        "/admin/domains/example.org",
        "/admin/accounts",
        "/admin/accounts/bob@example.org",
    ):
        text = stage.client.get(path).text
        assert "Keryx may only read it" in text
        for way in ('/new"', "/new?", '/remove"', 'action="/admin/accounts/bob@example.org"'):
            assert way not in text, path


def test_a_page_without_the_directory_says_so_and_that_mail_flows(stage: Stage) -> None:
    stage.answers["/accounts"] = AWAY
    answer = stage.client.get("/admin/accounts")
    assert answer.status_code == 503
    assert "The directory does not answer. See keryx status." in answer.text
    assert "Mail keeps flowing" in answer.text


def test_what_still_works_of_a_page_is_shown(stage: Stage) -> None:
    stage.answers["/accounts/bob@example.org/quota"] = AWAY
    stage.answers["/accounts/bob@example.org/sessions"] = AWAY
    answer = stage.client.get("/admin/accounts/bob@example.org")
    assert answer.status_code == 200
    assert "The directory does not answer." in answer.text
    assert 'value="Bob"' in answer.text


def test_the_dashboard_says_what_could_not_be_found_out(stage: Stage) -> None:
    stage.answers["/checks"] = {"items": [], "at": None, "running": False}
    nothing = {"components": None, "disk": None, "queue": None, "directory": True, "database": True}
    stage.answers["/status"] = {**nothing, "problems": ["The privileged process does not answer."]}
    for path in ("/admin/", "/admin/dashboard/state"):
        answer = stage.client.get(path)
        assert answer.status_code == 200, answer.text
        assert "The privileged process does not answer." in answer.text
        assert answer.text.count("Not known") == 3
        assert "Their state is not known now." in answer.text
        assert "1 problem" in answer.text


def test_the_webmails_are_where_people_reach_them(tmp_path: Path) -> None:
    site = Site(
        SiteSettings.model_validate(
            {"domain": "example.org", "web": {"webmail_host": "webmail.example.org", "port": 8443}}
        ),
        Paths(tmp_path),
        SecretStore(tmp_path / "secrets"),
    )
    assert rendering.Renderer(site)._webmails() == [
        ("SOGo", "https://webmail.example.org:8443/SOGo/"),
        ("Roundcube", "https://webmail.example.org:8443/roundcube/"),
    ]


def test_without_the_records_even_the_sign_in_page_says_so(stage: Stage) -> None:
    stage.answers["/session"] = (503, {"error": "PostgreSQL does not answer.", "remedy": ""})
    answer = stage.client.get("/login")
    assert answer.status_code == 503
    assert "PostgreSQL does not answer." in answer.text


def test_who_tried_too_often_is_told_how_long_to_wait(stage: Stage) -> None:
    stage.answers["/session"] = (401, {})
    assert stage.client.get("/login").status_code == 200
    stage.answers["/session"] = (429, {"error": "Too many attempts.", "remedy": ""})
    # GET asks who is there, POST signs in; both are refused here.
    answer = stage.client.post("/login", data={"address": "a@example.org", "password": "x"})
    assert "Try again in 1 min" in answer.text


def test_what_others_wrote_is_text(stage: Stage) -> None:
    nasty = '<script>alert(1)</script>"onload=x'
    stage.answers["/session"] = {**SESSION, "name": nasty, "announcements": [{"level": nasty, "text": nasty}]}
    stage.answers["/accounts/bob@example.org"] = {**ACCOUNT, "name": nasty, "aliases": [nasty]}
    text = stage.client.get("/admin/accounts/bob@example.org").text
    assert "<script>alert" not in text
    assert '"onload' not in text


def test_part_of_a_page_for_who_has_been_signed_out_brings_to_the_sign_in(stage: Stage) -> None:
    stage.answers["/session"] = (401, {})
    answer = stage.client.get("/admin/accounts?search=b", headers={"hx-request": "true"})
    assert answer.headers["hx-redirect"] == "/login?next=%2Fadmin%2Faccounts%3Fsearch%3Db"


def test_looks_are_chosen_without_javascript(stage: Stage) -> None:
    answer = stage.client.post("/account/appearance", data={"theme": "dark", "back": "/login"})
    assert answer.headers["location"] == "/login"
    assert 'data-bs-theme="dark"' in stage.client.get("/admin/accounts").text
    stage.client.post("/account/appearance", data={"theme": "pink", "back": "//evil.test"})
    assert 'data-bs-theme="dark"' in stage.client.get("/admin/accounts").text


def test_a_notice_is_shown_once(stage: Stage) -> None:
    stage.client.cookies.set(pages.NOTICE, "%22Done%20%3Cb%3E%22", domain="mail.example.org", path="/")
    assert "Done &lt;b&gt;" in stage.client.get("/admin/accounts").text
    assert "Done" not in stage.client.get("/admin/accounts").text


@pytest.mark.parametrize("path", ["https://evil.test", "//evil.test", "/\\evil", "evil", "", "/a\nb", "/a b"])
def test_a_way_that_leads_elsewhere_is_not_taken(path: str) -> None:
    assert pages.local_path(path, "/home") == "/home"


def test_a_way_on_this_site_is_taken() -> None:
    assert pages.local_path("/admin/queue?sender=a@b", "/") == "/admin/queue?sender=a@b"


def test_numbers_of_forms() -> None:
    form = pages.Form(FormData([("a", "7"), ("b", "6,5"), ("c", " "), ("d", "many")]))
    assert [form.number(name) for name in "abcde"] == [7, 6.5, None, "many", None]


def test_the_last_day_of_something_ends_at_its_end() -> None:
    form = pages.Form(FormData([("a", "2026-05-01"), ("b", "soon"), ("c", "")]))
    last = form.last_day("a")
    assert last is not None
    assert last.startswith("2026-05-01T23:59:59")
    assert last[19] in "+-"
    assert (form.last_day("b"), form.last_day("c")) == ("soon", None)


def test_pages_of_a_list() -> None:
    shown = pages.pager({"page": 2, "per_page": 50, "total": 120}, search="a&b", domain="")
    assert (shown["pages"], shown["before"], shown["after"]) == (
        3,
        "?search=a%26b&page=1",
        "?search=a%26b&page=3",
    )


def test_series_become_a_table() -> None:
    series: dict[str, list[list[float]]] = {
        "accepted": [[3600, 1], [4200, 4], [7200, 2]],
        "spam": [[4200, 3]],
        "queue": [[3600, 9], [4200, 2]],
    }
    rows = table(series, "day")
    assert rows == [{"at": 7200, "accepted": 2}, {"at": 3600, "accepted": 2, "spam": 3, "queue": 9}]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox · Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
            "Safari · iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0",
            "Edge · Windows",
        ),
        ("curl/8.0", "curl/8.0"),
    ],
)
def test_browsers_by_the_names_that_people_use(text: str, wanted: str) -> None:
    assert agent(text) == wanted
