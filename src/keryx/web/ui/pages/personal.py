"""What people set for their own mail; an administrator finds the same pages at each account of his.

``/account/…`` is who is signed in; ``/admin/accounts/{address}/…`` is somebody else.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Callable
from typing import Annotated, Any

import fastapi
import segno
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from keryx.admin import passwords
from keryx.web.ui import page as pages
from keryx.web.ui.client import Problem, segment
from keryx.web.ui.page import Form, MemberPage, Page

own = pages.router("/account")
others = pages.router("/admin/accounts/{address}")

FIELDS = ("from", "to", "subject", "list-id", "size")
TESTS = ("contains", "is", "matches", "over")
ACTIONS = ("fileinto", "redirect", "flag", "discard")


class Personal:
    """Whose settings, and where their pages stand."""

    def __init__(self, page: Page, address: str, base: str) -> None:
        self.page = page
        self.address = address
        self.base = base
        self.path = f"/accounts/{segment(address)}"
        self.own = base == "/account"

    def render(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """Return a page about this account."""
        return self.page.render(template, status, whose=self, **values)


async def _whose(page: MemberPage, request: fastapi.Request) -> Personal:
    address = request.path_params.get("address")
    if address is None:
        return Personal(page, page.address, "/account")
    return Personal(page, address, f"/admin/accounts/{segment(address)}")


Whose = Annotated[Personal, fastapi.Depends(_whose)]


def _both(path: str, method: str) -> Callable[[Any], Any]:
    """Put a handler at both places."""

    def add(handler: Any) -> Any:
        for router in (own, others):
            router.add_api_route(path, handler, methods=[method], name=f"{router.prefix}{path}")
        return handler

    return add


@own.get("")
@own.get("/")
async def overview(whose: Whose) -> Response:
    """Quota, addresses, what is switched on."""
    page, api = whose.page, whose.page.api
    account, quota, forwarding, vacation = await asyncio.gather(
        page.part(api.get(whose.path)),
        page.part(api.get(f"{whose.path}/quota")),
        page.part(api.get(f"{whose.path}/forwarding")),
        page.part(api.get(f"{whose.path}/vacation")),
    )
    return whose.render(
        "personal.html", account=account, quota=quota, forwarding=forwarding, vacation=vacation
    )


@own.get("/password")
async def password(whose: Whose) -> Response:
    """The form for a new password."""
    return whose.render("password.html")


@own.post("/password")
async def set_password(whose: Whose) -> Response:
    """Change the password."""
    page = whose.page
    form = await page.form()
    body = {"old": form.secret("old_password"), "password": form.secret("password")}
    try:
        if form.secret("password") != form.secret("password_again"):
            raise Problem(400, page._("The new password was typed in two different ways."))
        answer = await page.api.call("PUT", f"{whose.path}/password", body)
    except Problem as problem:
        if problem.status == 401:
            raise
        return whose.render("password.html", problem.status, problem=problem)
    notice = page._("The password is changed. Sign in with the new one on your devices.")
    return pages.with_cookies(page.go("/account/", notice), answer)


@own.post("/password/strength")
async def strength(page: MemberPage) -> Response:
    """Say while somebody types whether a password is hard to guess; nothing is kept."""
    form = await page.form()
    typed = form.secret("password")
    weakness = None
    if typed:
        weakness = await run_in_threadpool(passwords.weakness, typed, page.address)
    return page.render("strength.html", weakness=weakness)


@_both("/forwarding", "GET")
async def forwarding(whose: Whose) -> Response:
    """Where mail goes on to."""
    value = await whose.page.api.get(f"{whose.path}/forwarding")
    return whose.render("forwarding.html", value=value)


@_both("/forwarding", "POST")
async def set_forwarding(whose: Whose) -> Response:
    """Change where mail goes on to."""

    def body(form: Form) -> Any:
        return {
            "targets": form.words("targets"),
            "keep_copy": form.flag("keep_copy"),
            "active": form.flag("active"),
        }

    return await _save(whose, "forwarding", body)


@_both("/vacation", "GET")
async def vacation(whose: Whose) -> Response:
    """The answer while away."""
    value = await whose.page.api.get(f"{whose.path}/vacation")
    return whose.render("vacation.html", value=value)


@_both("/vacation", "POST")
async def set_vacation(whose: Whose) -> Response:
    """Change the answer while away."""

    def body(form: Form) -> Any:
        return {
            "active": form.flag("active"),
            "subject": form.text("subject"),
            "text": form.text("text"),
            "start": form.text("start") or None,
            "end": form.text("end") or None,
            "days": form.number("days"),
        }

    return await _save(whose, "vacation", body)


@_both("/spam", "GET")
async def spam(whose: Whose) -> Response:
    """Threshold, senders that are let in or kept out."""
    value = await whose.page.api.get(f"{whose.path}/spam")
    return whose.render("spam.html", value=value)


@_both("/spam", "POST")
async def set_spam(whose: Whose) -> Response:
    """Change the spam settings."""

    def body(form: Form) -> Any:
        own_threshold = form.text("which") == "own"
        return {
            "threshold": form.number("threshold") if own_threshold else None,
            "allow": form.words("allow"),
            "block": form.words("block"),
        }

    return await _save(whose, "spam", body)


@_both("/filters", "GET")
async def filters(whose: Whose) -> Response:
    """The rules, with an empty one at the end."""
    rules = _rules(await whose.page.api.get(f"{whose.path}/filters"))
    return whose.render("filters.html", rules=rules, **_choices())


@_both("/filters", "POST")
async def set_filters(whose: Whose) -> Response:
    """Save all rules; buttons move a rule, remove it or add one."""
    page = whose.page
    form = await page.form()
    rules, button = _sent_rules(form), form.text("button")
    what, _, at = button.partition(" ")
    if what in ("up", "down", "remove") and at.isdecimal() and int(at) < len(rules):
        _move(rules, what, int(at))
    wanted = [rule for rule in rules if rule["name"] or rule["value"] or rule["argument"]]
    try:
        await page.api.put(f"{whose.path}/filters", wanted)
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        return whose.render("filters.html", problem.status, rules=rules, problem=problem, **_choices())
    return page.go(f"{whose.base}/filters", page._("The rules are in force."))


def _choices() -> dict[str, Any]:
    return {"fields": FIELDS, "tests": TESTS, "actions": ACTIONS}


def _rules(answer: Any) -> list[dict[str, Any]]:
    return list(answer["items"] if isinstance(answer, dict) else answer)


def _sent_rules(form: Form) -> list[dict[str, Any]]:
    """Return the rules of the form, whose fields are numbered: name.0, field.0 …"""
    rules = []
    for number in form.all("rule"):
        rules.append(
            {
                "name": form.text(f"name.{number}"),
                "field": form.text(f"field.{number}"),
                "test": form.text(f"test.{number}"),
                "value": form.text(f"value.{number}"),
                "action": form.text(f"action.{number}"),
                "argument": form.text(f"argument.{number}"),
                "stop": form.flag(f"stop.{number}"),
                "active": form.flag(f"active.{number}"),
            }
        )
    return rules


def _move(rules: list[dict[str, Any]], what: str, at: int) -> None:
    rule = rules.pop(at)
    if what != "remove":
        rules.insert(max(0, at - 1) if what == "up" else at + 1, rule)


@own.get("/sessions")
async def sessions(whose: Whose) -> Response:
    """Who is signed in as me: browsers and mail programs."""
    page = whose.page
    browsers, programs = await asyncio.gather(
        page.part(page.api.get("/sessions")), page.part(page.api.get(f"{whose.path}/sessions"))
    )
    return whose.render("sessions.html", browsers=browsers, programs=programs, agent=agent)


def agent(text: str) -> str:
    """Return browser and system out of a User-Agent, as people call them; the whole text otherwise."""
    browsers = {
        "Edg/": "Edge",
        "OPR/": "Opera",
        "Firefox/": "Firefox",
        "Chrome/": "Chrome",
        "Safari/": "Safari",
    }
    systems = {
        "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows",
        "Mac OS X": "macOS", "CrOS": "ChromeOS", "Linux": "Linux",
    }  # fmt: skip
    browser = next((name for mark, name in browsers.items() if mark in text), "")
    system = next((name for mark, name in systems.items() if mark in text), "")
    return " · ".join(part for part in (browser, system) if part) or text[:60]


@own.post("/sessions/programs/end")
async def end_programs(whose: Whose) -> Response:
    """Close the connections of mail programs."""
    page = whose.page
    await page.form()
    await page.api.delete(f"{whose.path}/sessions")
    return page.go("/account/sessions", page._("All connections have been closed."))


@own.post("/sessions/{id}/end")
async def end_session(whose: Whose, id: str) -> Response:
    """Sign a browser out."""
    page = whose.page
    await page.form()
    await page.api.delete(f"/sessions/{segment(id)}")
    return page.go("/account/sessions", page._("That browser is signed out."))


@own.get("/setup")
async def setup(whose: Whose) -> Response:
    """How to set up a mail program or a phone."""
    value = await whose.page.api.get(f"{whose.path}/setup")
    public = f"{value['page']}?{urllib.parse.urlencode({'address': whose.address})}"
    return whose.render(
        "setup.html",
        value=value,
        service_host=urllib.parse.urlsplit(value["activesync"]).netloc,
        code=segno.make(public, error="m").svg_data_uri(scale=4, border=3, dark="#000", light="#fff"),
    )


@own.get("/language")
async def language(whose: Whose) -> Response:
    """Language and looks of these pages."""
    return whose.render("language.html")


async def _save(whose: Personal, name: str, body: Callable[[Form], Any]) -> Response:
    """Put the form to the API; what it refuses is said at the form, with what was typed."""
    page = whose.page
    form = await page.form()
    sent = body(form)
    try:
        await page.api.put(f"{whose.path}/{name}", sent)
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        return whose.render(f"{name}.html", problem.status, value=sent, problem=problem)
    return page.go(f"{whose.base}/{name}", page._("Saved."))
