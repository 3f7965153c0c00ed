"""From an empty domain to a filter that has learnt, all in a browser.

An administrator adds a domain and two people; one of them signs in, writes to the other from SOGo
with an attachment; the other reads it in Roundcube and files it to Junk; the filter has learnt it.
"""

from __future__ import annotations

import re
import time
import urllib.parse
from pathlib import Path

from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests.running import wait_for
from tests.scenarios.test_store import learnt, prose
from tests.web.browsing import Web

PASSWORD = "heron lantern quarry 27"
TIMEOUT = 60_000
"""Milliseconds for a page of the webmails on a machine that does other things too."""


def test_two_people_write_to_each_other(web: Web, browser: Browser, tmp_path: Path) -> None:
    domain = f"people{int(time.time())}.test"
    alice, bob = f"alice@{domain}", f"bob@{domain}"
    page = window(browser, web)
    sign_in(page, web, f"admin@{web.suite.domain}", web.suite.secret("administrator"))
    add_domain(page, web, domain)
    add_account(page, web, domain, "alice", "Alice Example")
    add_account(page, web, domain, "bob", "Bob Example")
    page.context.close()

    subject = f"The minutes {time.time_ns()}"
    attachment = tmp_path / "minutes.txt"
    attachment.write_text("Present: everybody.\n")
    page = window(browser, web)
    sign_in(page, web, alice, PASSWORD)
    text = prose()
    write_in_sogo(page, bob, subject, text, attachment)
    page.context.close()

    learned = learnt(web.suite)["spam"]
    page = window(browser, web)
    sign_in(page, web, bob, PASSWORD)
    read_in_roundcube(page, subject, text, attachment)
    file_to_junk(page, subject)
    page.context.close()
    wait_for(lambda: learnt(web.suite)["spam"] > learned, "the filter has learnt the message as spam", 60)


def window(browser: Browser, web: Web) -> Page:
    """Return a page of a fresh browser window."""
    context = browser.new_context(
        ignore_https_errors=True, viewport={"width": 1280, "height": 800}, locale="en-US"
    )
    context.set_default_timeout(TIMEOUT)
    return context.new_page()


def sign_in(page: Page, web: Web, address: str, password: str) -> None:
    page.goto(f"{web.url}/login")
    page.get_by_label("Mail address").fill(address)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/(admin|account)/$"))


def add_domain(page: Page, web: Web, domain: str) -> None:
    page.goto(f"{web.url}/admin/domains")
    page.get_by_role("link", name="Add a domain").click()
    page.get_by_label("Domain", exact=True).fill(domain)
    page.get_by_role("button", name="Add the domain").click()
    expect(page.get_by_text(f"{domain} is ready for accounts")).to_be_visible()
    # It comes to the records that are to be published.
    expect(page.get_by_role("cell", name=f"{domain}").first).to_be_visible()


def add_account(page: Page, web: Web, domain: str, local_part: str, name: str) -> None:
    page.goto(f"{web.url}/admin/accounts/new?domain={domain}")
    page.get_by_label("Address", exact=True).fill(local_part)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Add the account").click()
    expect(page.get_by_text(f"{local_part}@{domain} can sign in")).to_be_visible()


def write_in_sogo(page: Page, recipient: str, subject: str, text: str, attachment: Path) -> None:
    page.get_by_role("link", name="SOGo").click()
    # Signed in once: no second password is asked for.
    page.get_by_label("Write a new message", exact=True).first.click()
    page.locator('button[ng-click="mailbox.newMessage($event)"]').click()
    dialog = page.locator("md-dialog")
    to = dialog.locator('input[placeholder="Add a recipient"]').first
    to.fill(recipient)
    to.press("Enter")
    dialog.locator('input[name="subject"]').fill(subject)
    # The editor of SOGo 5.8 is in a frame, that of 5.12 is not.
    dialog.locator("iframe, .ck-editor__editable").first.wait_for()
    editor = dialog.locator(".ck-editor__editable")
    body = editor if editor.count() else dialog.locator("iframe").content_frame.locator("body")
    body.fill(text)
    with page.expect_response(re.compile("/save$")):
        dialog.locator('input[type="file"]:not(.ck-hidden)').set_input_files(attachment)
    expect(dialog.get_by_text(attachment.name)).to_be_visible()
    with page.expect_response(re.compile("/send$")) as answer:
        dialog.locator('button[ng-click="editor.send()"]').click()
    assert answer.value.ok, answer.value.text()
    expect(dialog).to_be_hidden()


def read_in_roundcube(page: Page, subject: str, text: str, attachment: Path) -> None:
    page.get_by_role("link", name="Roundcube").click()
    row = page.locator("#messagelist tr", has_text=subject)

    def arrived() -> bool:
        page.reload()
        try:
            # The page comes first, its list after it.
            row.wait_for(timeout=10_000)
        except TimeoutError:
            return False
        return True

    wait_for(arrived, "Bob's inbox shows the message", 60)
    row.locator("td.subject").click()
    shown = page.frame_locator("#messagecontframe")
    expect(shown.locator("#messagebody")).to_contain_text(text[:30])
    part = shown.get_by_role("link", name=attachment.name).first.get_attribute("href")
    assert part is not None
    url = urllib.parse.urljoin(page.url, part) + "&_download=1"
    # By the browser itself: it knows the suite's host names.
    fetched = page.evaluate("url => fetch(url).then(answer => answer.text())", url)
    # Text comes with the line ends of mail.
    assert fetched.split() == attachment.read_text().split()


def file_to_junk(page: Page, subject: str) -> None:
    page.locator("#messagelist tr", has_text=subject).locator("td.subject").click()
    with page.expect_response(re.compile("plugin.markasjunk")):
        page.locator("a.junk:visible, a.markasjunk:visible").first.click()
    expect(page.locator("#messagelist tr", has_text=subject)).to_be_hidden()
