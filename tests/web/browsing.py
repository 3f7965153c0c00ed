"""The pages as browsers and plain HTTP clients meet them: through the gateway of a running suite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.running import Suite

AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Web:
    """The web side of a suite."""

    suite: Suite

    @property
    def host(self) -> str:
        """Host name and port, as browsers write them."""
        return f"mail.{self.suite.domain}:{self.suite.port('https')}"

    @property
    def url(self) -> str:
        """What all addresses begin with."""
        return f"https://{self.host}"

    def client(self) -> httpx.Client:
        """Return a client without JavaScript; it keeps cookies and follows nothing."""
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.suite.port('https')}",
            headers={"host": self.host},
            verify=False,
            timeout=60,
        )

    def signed_in(self, address: str, password: str) -> Person:
        """Sign in by the form."""
        client = self.client()
        answer = client.post("/login", data={"address": address, "password": password, "next": ""})
        assert answer.status_code == 303, answer.text
        return Person(self, address, password, client)

    def administrator(self) -> Person:
        """Sign in as the administrator whom ``keryx up`` made."""
        return self.signed_in(f"admin@{self.suite.domain}", self.suite.secret("administrator"))


@dataclass
class Person:
    """Somebody who is signed in."""

    web: Web
    address: str
    password: str
    client: httpx.Client
    _csrf: str = field(default="", repr=False)

    @property
    def csrf(self) -> str:
        """The token that forms of this session carry."""
        if not self._csrf:
            self._csrf = self.client.get("/api/v1/session").json()["csrf"]
        return self._csrf

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Get a page."""
        return self.client.get(path, headers=headers)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form, with the session's token."""
        return self.client.post(path, data={"csrf": self.csrf, **fields})

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Call the API with the session."""
        return self.client.request(method, f"/api/v1{path}", json=body, headers={"X-CSRF-Token": self.csrf})

    def context(self, browser: Browser, **options: Any) -> BrowserContext:
        """Return a browser's window that is signed in."""
        context = browser.new_context(ignore_https_errors=True, **options)
        cookie = self.client.cookies["__Host-keryx"]
        context.add_cookies([{"name": "__Host-keryx", "value": cookie, "url": self.web.url}])
        return context


@contextmanager
def chromium(web: Web) -> Iterator[Browser]:
    """Run a browser that finds the suite under its host name."""
    name = web.host.partition(":")[0]
    flags = [*FLAGS, f"--host-resolver-rules=MAP {name} 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def complaints(page: Page) -> list[str]:
    """Return a list that fills with what the browser complains about: scripts, policy, missing files."""
    found: list[str] = []

    def console(message: Any) -> None:
        if message.type in ("error", "warning"):
            found.append(f"{page.url}: {message.text}")

    page.on("console", console)
    page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
    return found


def barriers(page: Page) -> list[str]:
    """Return what axe finds serious or critical, or moderate: the rule and the element."""
    # By the debugger, which the page's own policy does not bind.
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE})
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{page.url}: {rule['id']} ({rule['impact']}): {node['html'][:120]}"
        for rule in found["violations"]
        if rule["impact"] in ("moderate", "serious", "critical")
        for node in rule["nodes"]
    ]


def inline(html: str) -> list[str]:
    """Return what the policy forbids: styles, scripts and handlers within the page."""
    return [
        *re.findall(r"<[^>]*\sstyle=[^>]*>", html),
        *re.findall(r"<[^>]*\son[a-z]+=[^>]*>", html),
        *re.findall(r"<style\b.*?>", html),
        *(tag for tag in re.findall(r"<script\b[^>]*>", html) if "src=" not in tag),
        *re.findall(r"(?:src|href|action)=\"(?:https?:)?//[^\"]*\"", html),
    ]


@dataclass
class Form:
    """A form of a page."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Forms(HTMLParser):
    """Collects the forms of a page, with their fields and buttons."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append(Form(given.get("action", ""), given.get("method", "get").lower()))
            self._open = True
        elif self._open and tag in ("input", "textarea", "select", "button") and given.get("name"):
            self.found[-1].fields.setdefault(given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
