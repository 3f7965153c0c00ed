"""One request for a page: who asks, in which language; forms, rendering, redirects."""

from __future__ import annotations

import datetime
import json
import urllib.parse
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import fastapi
import httpx
import starlette.datastructures
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

from keryx.web.ui import language
from keryx.web.ui.client import Api, Problem
from keryx.web.ui.rendering import HEADERS, Renderer

NOTICE = "__Host-keryx-notice"
"""Cookie with the sentence that the next page shows once."""
LANGUAGE = "keryx-language"
THEME = "keryx-theme"
THEMES = ("auto", "light", "dark")


class Sent(dict[str, str]):
    """What was typed into a form; a field that it has not is empty."""

    def __missing__(self, name: str) -> str:
        return ""


class Form:
    """A posted form. Nothing is judged here: what is no number goes to the API as it is."""

    def __init__(self, fields: starlette.datastructures.FormData) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Return a field's text; empty when it is missing or a file."""
        value = self._fields.get(name)
        return value.strip() if isinstance(value, str) else ""

    def secret(self, name: str) -> str:
        """Return a password as it was typed, blanks included."""
        value = self._fields.get(name)
        return value if isinstance(value, str) else ""

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [value for value in self._fields.getlist(name) if isinstance(value, str)]

    def words(self, name: str) -> list[str]:
        """Return what stands on the lines of a field, or between its blanks and commas."""
        return self.text(name).replace(",", " ").split()

    def flag(self, name: str) -> bool:
        """Return whether a box is ticked."""
        return name in self._fields

    def number(self, name: str) -> int | float | str | None:
        """Return a number, None for an empty field, or the text that is none."""
        text = self.text(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            pass
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return text

    def last_day(self, name: str) -> str | None:
        """Return the end of a day as a moment with its zone; what is no day goes as it is."""
        text = self.text(name)
        try:
            day = datetime.date.fromisoformat(text)
        except ValueError:
            return text or None
        end = datetime.datetime.combine(day, datetime.time(23, 59, 59))
        return end.astimezone().isoformat()

    def values(self) -> Sent:
        """Return all texts but passwords, to fill the form in again."""
        return Sent(
            {
                name: value
                for name, value in self._fields.items()
                if isinstance(value, str) and "password" not in name and name != "csrf"
            }
        )


@dataclass(frozen=True)
class Part:
    """One part of a page: its value, or why there is none."""

    value: Any = None
    problem: Problem | None = None


class Page:
    """A request for a page."""

    def __init__(self, request: fastapi.Request, session: dict[str, Any] | None) -> None:
        self.request = request
        self.session = session
        self.api = Api(request)
        preference = session.get("language") if session else None
        cookies = request.cookies
        accept = request.headers.get("accept-language", "")
        self.language = language.choose(preference, cookies.get(LANGUAGE), accept)
        self.theme = cookies.get(THEME, "auto") if cookies.get(THEME) in THEMES else "auto"
        self.partial = request.headers.get("hx-request") == "true" and "hx-boosted" not in request.headers
        """Whether htmx asks for a part of the page."""

    def _(self, text: str, **values: object) -> str:
        """Return a text in the page's language."""
        translated = language.catalogue(self.language).gettext(text)
        return translated % values if values else translated

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return a text with a number in it, in the page's language."""
        return language.catalogue(self.language).ngettext(one, many, count) % {"count": count}

    @property
    def address(self) -> str:
        """The address of who is signed in."""
        return str(self.session["address"]) if self.session else ""

    @property
    def role(self) -> str:
        """``site``, ``domain`` or ``user``; empty for a stranger."""
        return str(self.session["role"]) if self.session else ""

    async def form(self) -> Form:
        """Read the posted form, and hand its token to the API calls that follow."""
        form = Form(await self.request.form())
        self.api.csrf = form.text("csrf")
        return form

    async def part(self, call: Awaitable[Any]) -> Part:
        """Wait for one part of a page; when the API refuses it, the rest of the page still stands."""
        try:
            return Part(await call)
        except Problem as problem:
            if problem.status == 401:
                raise
            return Part(problem=problem)

    def render(self, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """Return a page."""
        renderer: Renderer = self.request.app.state.renderer
        shared = {
            "page": self,
            "session": self.session,
            "language": self.language,
            "theme": self.theme,
            "path": self.request.url.path,
            "notice": _read_notice(self.request.cookies.get(NOTICE)),
            "problem": None,
            "writable": bool(self.session and self.session.get("writable", True)),
            "sent": Sent(),
        }
        text = renderer.render(template, self.language, {**shared, **values})
        response = HTMLResponse(text, status, HEADERS)
        if shared["notice"]:
            response.delete_cookie(NOTICE, path="/", secure=True, httponly=True, samesite="lax")
        return response

    def go(self, url: str, notice: str = "") -> Response:
        """Send the browser on (303), with a sentence for the page it comes to."""
        response = RedirectResponse(url, 303, {"Cache-Control": "no-store"})
        if notice:
            value = urllib.parse.quote(json.dumps(notice))
            response.set_cookie(NOTICE, value, 60, path="/", secure=True, httponly=True, samesite="lax")
        return response

    def sign_in(self) -> Response:
        """Send a stranger to the sign-in page, and from there back here."""
        here = self.request.url.path
        if self.request.method == "GET" and self.request.url.query:
            here += f"?{self.request.url.query}"
        target = "/login?" + urllib.parse.urlencode({"next": here})
        if self.partial:
            return Response(status_code=204, headers={"HX-Redirect": target})
        return RedirectResponse(target, 303, {"Cache-Control": "no-store"})

    def failure(self, problem: Problem) -> Response:
        """Return the page that says what the API refused."""
        if problem.status == 401:
            return self.sign_in()
        return self.render("problem.html", problem.status, problem=problem)


class PageRoute(APIRoute):
    """A route whose refusals by the API become pages."""

    def get_route_handler(self) -> Callable[[fastapi.Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handler = super().get_route_handler()

        async def handle(request: fastapi.Request) -> Response:
            try:
                return await handler(request)
            except Problem as problem:
                page = getattr(request.state, "page", None) or Page(request, None)
                return page.failure(problem)

        return handle


async def visitor(request: fastapi.Request) -> Page:
    """Return the page of anybody, signed in or not."""
    try:
        session = await Api(request).get("/session")
    except Problem as problem:
        if problem.status != 401:
            raise
        session = None
    page = Page(request, session)
    request.state.page = page
    return page


async def member(request: fastapi.Request) -> Page:
    """Return the page of who is signed in; a stranger is sent to sign in."""
    page = await visitor(request)
    if page.session is None:
        raise Problem(401, "")
    path = request.url.path.rstrip("/")
    if page.role == "user" and path.startswith("/admin/"):
        # Some of it the API would show, such as the own account; its place is below /account/.
        raise Problem(403, page._("These pages are for administrators."))
    return page


AnyPage = Annotated[Page, fastapi.Depends(visitor)]
MemberPage = Annotated[Page, fastapi.Depends(member)]


def router(prefix: str = "") -> fastapi.APIRouter:
    """Return a router for pages."""
    return fastapi.APIRouter(prefix=prefix, route_class=PageRoute, default_response_class=HTMLResponse)


def local_path(text: str, otherwise: str) -> str:
    """Return a path of this site that was given in a query, or ``otherwise`` when it leads away."""
    path = text.strip()
    strange = not path.startswith("/") or path[1:2] in ("/", "\\")
    if strange or any(ord(letter) < 33 or letter == "\\" for letter in path):
        return otherwise
    return path


def pager(listing: Mapping[str, Any], **query: Any) -> dict[str, Any]:
    """Return what the pager under a list shows: pages, and the addresses before and after."""
    page = int(listing.get("page", 1))
    per_page = max(1, int(listing.get("per_page", 50)))
    total = int(listing.get("total", 0))
    pages = max(1, -(-total // per_page))

    def address(number: int) -> str:
        kept = {name: value for name, value in query.items() if value not in (None, "")}
        return "?" + urllib.parse.urlencode({**kept, "page": number})

    return {
        "page": page,
        "pages": pages,
        "total": total,
        "before": address(page - 1) if page > 1 else "",
        "after": address(page + 1) if page < pages else "",
    }


def with_cookies(response: Response, answer: httpx.Response) -> Response:
    """Hand the API's cookies to the browser."""
    for cookie in answer.headers.get_list("set-cookie"):
        response.headers.append("set-cookie", cookie)
    return response


def _read_notice(cookie: str | None) -> str:
    try:
        notice = json.loads(urllib.parse.unquote(cookie or '""'))
    except ValueError:
        return ""
    return notice if isinstance(notice, str) else ""
