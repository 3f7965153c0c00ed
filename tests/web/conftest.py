"""The running suite's web side, people of each role, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from tests.running import Suite
from tests.web import browsing
from tests.web.browsing import Person, Web

# A machine that runs the whole suite beside the browser may take its time.
expect.set_options(timeout=30_000)


@dataclass(frozen=True)
class People:
    """One of each role; Bob has an account in the domain that Dora administers."""

    admin: Person
    dora: Person
    bob: Person
    domain: str


@pytest.fixture(scope="session")
def web(suite: Suite) -> Web:
    """The web side of the session's suite."""
    return Web(suite)


@pytest.fixture(scope="session")
def people(web: Web) -> Iterator[People]:
    """Somebody of each role."""
    suite = web.suite
    domain = "pages.test"
    admin = web.administrator()
    suite.keryx("domain", "add", domain, check=False)
    dora = suite.account("dora", "--name", "Dora Domain", domain=domain)
    bob = suite.account("bob", "--name", "Bob Example", domain=domain)
    suite.keryx("alias", "add", f"team@{domain}", "--to", bob[0], check=False)
    granted = admin.api("PUT", f"/domains/{domain}/administrators/{dora[0]}")
    assert granted.is_success, granted.text
    everybody = People(admin, web.signed_in(*dora), web.signed_in(*bob), domain)
    yield everybody
    for person in (everybody.admin, everybody.dora, everybody.bob):
        person.client.close()


# Of a module, not of the session: while a browser is open, its event loop counts as running in this
# thread, and other tests that use asyncio could not.
@pytest.fixture(scope="module")
def browser(web: Web) -> Iterator[Browser]:
    """A browser."""
    with browsing.chromium(web) as running:
        yield running
