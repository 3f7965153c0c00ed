"""DKIM private keys of releases whose filters stand in pods of their own: each pod copies them to files."""

from __future__ import annotations

from dataclasses import dataclass

from keryx.records import engine
from keryx.settings.site import Site


@dataclass(frozen=True)
class Kept:
    """A key as it is kept."""

    domain: str
    selector: str
    content: str
    """As the filter reads it."""


@dataclass(frozen=True)
class Choice:
    """Which of a domain's keys signs, where it is not the one of the settings' selector."""

    domain: str
    algorithm: str
    selector: str


def every(site: Site) -> list[Kept]:
    """Return all keys, by domain and selector."""
    return engine.rows(site, Kept, "SELECT domain, selector, content FROM dkim_key ORDER BY domain, selector")


def of(site: Site, domain: str) -> list[Kept]:
    """Return a domain's keys, by selector."""
    query = "SELECT domain, selector, content FROM dkim_key WHERE domain = %(domain)s ORDER BY selector"
    return engine.rows(site, Kept, query, {"domain": domain})


def add(site: Site, key: Kept) -> None:
    """Keep a key unless there is one of that name, which stays."""
    query = """INSERT INTO dkim_key (domain, selector, content)
        VALUES (%(domain)s, %(selector)s, %(content)s) ON CONFLICT DO NOTHING"""
    engine.execute(site, query, {"domain": key.domain, "selector": key.selector, "content": key.content})


def put(site: Site, key: Kept) -> None:
    """Keep a key, in the place of one of that name."""
    query = """INSERT INTO dkim_key (domain, selector, content)
        VALUES (%(domain)s, %(selector)s, %(content)s)
        ON CONFLICT (domain, selector) DO UPDATE SET content = EXCLUDED.content"""
    engine.execute(site, query, {"domain": key.domain, "selector": key.selector, "content": key.content})


def remove(site: Site, domain: str, selector: str) -> None:
    """Forget a key."""
    query = "DELETE FROM dkim_key WHERE domain = %(domain)s AND selector = %(selector)s"
    engine.execute(site, query, {"domain": domain, "selector": selector})


def choices(site: Site) -> list[Choice]:
    """Return all choices, by domain."""
    query = "SELECT domain, algorithm, selector FROM dkim_choice ORDER BY domain, algorithm"
    return engine.rows(site, Choice, query)


def choose(site: Site, choice: Choice) -> None:
    """Keep a choice, in the place of the one before."""
    query = """INSERT INTO dkim_choice (domain, algorithm, selector)
        VALUES (%(domain)s, %(algorithm)s, %(selector)s)
        ON CONFLICT (domain, algorithm) DO UPDATE SET selector = EXCLUDED.selector"""
    values = {"domain": choice.domain, "algorithm": choice.algorithm, "selector": choice.selector}
    engine.execute(site, query, values)


def forget_choice(site: Site, domain: str, algorithm: str) -> None:
    """Let the settings say which key signs."""
    query = "DELETE FROM dkim_choice WHERE domain = %(domain)s AND algorithm = %(algorithm)s"
    engine.execute(site, query, {"domain": domain, "algorithm": algorithm})
