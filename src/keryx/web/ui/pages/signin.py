"""Signing in and out; language and looks."""

from __future__ import annotations

import contextlib
import urllib.parse

from fastapi.responses import Response

from keryx.web.ui import page as pages
from keryx.web.ui.client import Problem, segment
from keryx.web.ui.language import LANGUAGES
from keryx.web.ui.page import AnyPage, MemberPage, Page

router = pages.router()
YEAR = 365 * 86400


@router.get("/login")
async def login(page: AnyPage, next: str = "") -> Response:
    """The sign-in form; who is signed in already goes on."""
    if page.session is not None:
        return page.go(pages.local_path(next, home(page.role)))
    return page.render("login.html", next=next)


@router.post("/login")
async def sign_in(page: AnyPage) -> Response:
    """Sign in and go to where the person wanted to be."""
    form = await page.form()
    wanted = form.text("next")
    if _foreign(page):
        problem = Problem(403, page._("This form was sent from another site. Sign in here."))
        return page.render("login.html", 403, next=wanted, problem=problem, sent=form.values())
    body = {"address": form.text("address"), "password": form.secret("password")}
    try:
        answer = await page.api.call("POST", "/session", body)
    except Problem as problem:
        return page.render("login.html", problem.status, next=wanted, problem=problem, sent=form.values())
    first = home(answer.json().get("role", "user"))
    return pages.with_cookies(page.go(pages.local_path(wanted, first)), answer)


@router.get("/logout")
async def ask_sign_out(page: MemberPage) -> Response:
    """Ask before signing out: a link alone must not do it."""
    return page.render("logout.html")


@router.post("/logout")
async def sign_out(page: AnyPage) -> Response:
    """End the session."""
    await page.form()
    response = page.go("/login")
    try:
        return pages.with_cookies(response, await page.api.call("DELETE", "/session"))
    except Problem as problem:
        if problem.status != 401:
            raise
        return response


@router.post("/account/appearance")
async def appearance(page: AnyPage) -> Response:
    """Choose language and looks; works on the sign-in page too."""
    form = await page.form()
    back = pages.local_path(form.text("back"), "/login")
    response = page.go(back)
    language, theme = form.text("language"), form.text("theme")
    if language in LANGUAGES:
        response.set_cookie(pages.LANGUAGE, language, YEAR, secure=True, samesite="lax")
        if page.session is not None:
            # With the database away the cookie alone remembers it.
            with contextlib.suppress(Problem):
                await page.api.put(f"/accounts/{segment(page.address)}/preferences", {"language": language})
    if theme in pages.THEMES:
        response.set_cookie(pages.THEME, theme, YEAR, secure=True, samesite="lax")
    return response


def home(role: str) -> str:
    """Return the first page of a role."""
    return "/account/" if role == "user" else "/admin/"


def _foreign(page: Page) -> bool:
    """Whether another site's page sent the form (there is no session yet to hold a token)."""
    headers = page.request.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin", "null")
    return origin != "null" and urllib.parse.urlsplit(origin).netloc != headers.get("host", "")
