"""Every page in a browser, as each role sees it: it renders without complaint, stands in nobody's way
(axe), and fits a phone; and it holds nothing that the policy forbids."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, expect

from tests.web import browsing
from tests.web.browsing import Person, Web
from tests.web.conftest import People

OWN = (
    "/account/",
    "/account/password",
    "/account/forwarding",
    "/account/vacation",
    "/account/filters",
    "/account/spam",
    "/account/sessions",
    "/account/setup",
    "/account/language",
    "/logout",
)
DOMAIN = (
    "/admin/domains",
    "/admin/domains/{domain}",
    "/admin/domains/{domain}/dns",
    "/admin/accounts",
    "/admin/accounts?search=bob&domain={domain}",
    "/admin/accounts/new",
    "/admin/accounts/{bob}",
    "/admin/accounts/{bob}/remove",
    "/admin/accounts/{bob}/forwarding",
    "/admin/accounts/{bob}/vacation",
    "/admin/accounts/{bob}/filters",
    "/admin/accounts/{bob}/spam",
    "/admin/aliases",
    "/admin/aliases/new",
    "/admin/aliases/team@{domain}",
    "/admin/aliases/team@{domain}/remove",
    "/admin/trace?address=team@{domain}",
    "/admin/api-keys",
)
SITE = (
    "/admin/",
    "/admin/figures?period=day",
    "/admin/figures?period=month",
    "/admin/domains/new",
    "/admin/domains/{domain}/remove",
    "/admin/domains/{domain}/administrators/{dora}/remove",
    "/admin/queue",
    "/admin/queue/delete-all",
    "/admin/dkim",
    "/admin/settings",
    "/admin/audit",
    "/admin/administrators",
    "/admin/administrators/{admin}/remove",
    "/admin/announcements",
)


def paths(people: People, templates: tuple[str, ...]) -> list[str]:
    """Return the paths with the names of this suite."""
    names = {
        "domain": people.domain,
        "admin": people.admin.address,
        "dora": people.dora.address,
        "bob": people.bob.address,
    }
    return [template.format(**names) for template in templates]


def look_at(browser: Browser, web: Web, who: Person, wanted: list[str]) -> list[str]:
    """Open pages and return what is wrong with them: in light, in dark, and at 360 pixels."""
    # Without motion: a colour on its way from light to dark is neither.
    context = who.context(
        browser, color_scheme="light", reduced_motion="reduce", viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    wrong = browsing.complaints(page)
    for path in wanted:
        answer = page.goto(web.url + path, wait_until="load")
        assert answer is not None
        if answer.status != 200:
            wrong.append(f"{path}: {answer.status}")
        wrong += browsing.barriers(page)
        page.emulate_media(color_scheme="dark")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        wrong += [f"dark: {barrier}" for barrier in browsing.barriers(page)]
        page.set_viewport_size({"width": 360, "height": 740})
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wrong.append(f"{path}: wider than 360 pixels")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
    context.close()
    return wrong


def test_the_site_administrators_pages(browser: Browser, web: Web, people: People) -> None:
    assert look_at(browser, web, people.admin, paths(people, SITE + DOMAIN)) == []


def test_the_domain_administrators_pages(browser: Browser, web: Web, people: People) -> None:
    assert look_at(browser, web, people.dora, paths(people, DOMAIN[:7])) == []


def test_everybodys_own_pages(browser: Browser, web: Web, people: People) -> None:
    assert look_at(browser, web, people.bob, list(OWN)) == []


def test_the_sign_in_page(browser: Browser, web: Web) -> None:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    wrong = browsing.complaints(page)
    for path in ("/login", "/setup"):
        page.goto(web.url + path)
        wrong += browsing.barriers(page)
    assert wrong == []
    context.close()


def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(people: People) -> None:
    for who, wanted in ((people.admin, SITE + DOMAIN), (people.bob, OWN)):
        for path in paths(people, wanted):
            answer = who.get(path)
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy, path
            assert "default-src 'none'" in policy, path
            assert browsing.inline(answer.text.replace(who.web.url, "")) == [], path


@pytest.mark.parametrize("role", ["dora", "bob"])
def test_a_role_sees_no_page_above_it(people: People, role: str) -> None:
    who: Person = getattr(people, role)
    # Of DKIM keys she sees those of her domains.
    above = [path for path in SITE if path != "/admin/dkim"] if role == "dora" else [*SITE, *DOMAIN]
    for path in paths(people, tuple(above)):
        answer = who.get(path)
        if answer.status_code == 303:
            # The way to the pages of one's own.
            assert answer.headers["location"] in ("/account/", "/admin/domains"), path
        elif "/remove" in path or (path.endswith(("/new", "/delete-all")) and answer.status_code == 200):
            # Asking is no doing: what the form would do is refused (the matrix of the API's tests).
            assert "csrf" in answer.text
        else:
            assert answer.status_code in (403, 404), f"{path}: {answer.status_code}"


def test_strangers_are_sent_to_sign_in_and_back(web: Web, people: People) -> None:
    with web.client() as stranger:
        for path in paths(people, SITE + DOMAIN + OWN):
            answer = stranger.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login?next=%2F"), path
        answer = stranger.post(
            "/login",
            data={
                "address": people.bob.address,
                "password": people.bob.password,
                "next": "/account/spam",
            },
        )
        assert answer.headers["location"] == "/account/spam"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.test/", "//evil.test", "/\\evil.test", "/\t/evil.test", "javascript:x"]
)
def test_the_sign_in_leads_nowhere_else(web: Web, people: People, elsewhere: str) -> None:
    answer = people.bob.get("/login?next=" + elsewhere.replace("\t", "%09"))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/account/"


def test_pages_speak_german(people: People) -> None:
    answer = people.bob.get("/account/password", **{"accept-language": "de-AT,de;q=0.9,en;q=0.5"})
    assert '<html lang="de"' in answer.text
    assert "Jetziges Passwort" in answer.text


def test_a_chosen_language_stays(web: Web) -> None:
    with web.client() as visitor:
        visitor.post("/account/appearance", data={"language": "de", "back": "/login"})
        page = visitor.get("/login", headers={"accept-language": "en"}).text
    assert "Mailadresse" in page


def test_an_account_is_added_by_keyboard_alone(browser: Browser, web: Web, people: People) -> None:
    context = people.admin.context(browser)
    page = context.new_page()
    page.goto(f"{web.url}/admin/accounts?domain={people.domain}")

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "(document.activeElement.labels?.[0]?.textContent"
                " || document.activeElement.getAttribute('aria-label')"
                " || document.activeElement.textContent || '').trim()"
            )
            if focused == name:
                return
        raise AssertionError(f"no way to “{name}” by the Tab key")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    tab_to("Add an account")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new?domain=*")
    # The first field has the focus already.
    name = f"keys{time.time_ns()}"
    page.keyboard.type(name)
    tab_to("Name")
    page.keyboard.type("Key Board")
    tab_to("Password")
    page.keyboard.type("heron lantern quarry 27")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{name}@{people.domain} can sign in")).to_be_visible()
    context.close()


def test_accounts_are_found_while_typing(browser: Browser, web: Web, people: People) -> None:
    context = people.admin.context(browser)
    page = context.new_page()
    page.goto(f"{web.url}/admin/accounts")
    name = people.bob.address.partition("@")[0]
    page.get_by_role("searchbox").press_sequentially(f"example {name}")
    rows = page.locator("#rows tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(people.bob.address)
    assert "search=example" in page.url
    context.close()


def test_the_graphs_are_drawn_or_say_that_there_is_nothing(
    browser: Browser, web: Web, people: People
) -> None:
    context = people.admin.context(browser)
    page = context.new_page()
    page.goto(f"{web.url}/admin/")
    drawn = page.locator("canvas[data-period=day]:visible, [data-chart-problem]:visible")
    expect(drawn.first).to_be_visible()
    context.close()
