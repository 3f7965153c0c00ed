"""What goes when an account or a domain goes, and what goes with time.

Otherwise a later account of the same address would find itself administrator, signed in, or with
somebody's rules.
"""

from __future__ import annotations

import contextlib
import datetime

from keryx.records import announcements, audit, engine, sessions
from keryx.settings.site import Site

AUDIT_DAYS = 730
"""How long the audit log is kept: it names people and the addresses they came from."""


def forget_account(site: Site, address: str) -> None:
    """Remove an account's roles, sessions, keys and preferences. The audit log stays."""
    with engine.connection(site) as opened:
        for statement in (
            "DELETE FROM role WHERE address = %s",
            "DELETE FROM session WHERE address = %s",
            "DELETE FROM api_key WHERE owner = %s",
            "DELETE FROM preference WHERE address = %s",
        ):
            opened.execute(statement, [address])


def forget_domain(site: Site, domain: str) -> None:
    """Remove a domain's administrators, and the domain from every key; a key for no domain goes, too."""
    with engine.connection(site) as opened:
        opened.execute("DELETE FROM role WHERE domain = %s", [domain])
        opened.execute("DELETE FROM api_key WHERE role = 'domain' AND domains = ARRAY[%s]", [domain])
        opened.execute(
            "UPDATE api_key SET domains = array_remove(domains, %s) WHERE %s = ANY(domains)",
            [domain, domain],
        )


def forget_in_roundcube(site: Site, address: str) -> None:
    """Remove what Roundcube keeps of a person in its own database: contacts, identities, preferences."""
    access = site.database("roundcube")
    with contextlib.closing(engine.connect(access, autocommit=True)) as opened, engine.translated(access):
        opened.execute("DELETE FROM users WHERE lower(username) = lower(%s)", [address])


def tidy(site: Site) -> None:
    """Remove what is over: sessions, announcements, the oldest of the audit log. Once an hour will do."""
    sessions.forget_expired(site)
    announcements.forget_expired(site)
    audit.forget_before(site, datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=AUDIT_DAYS))
