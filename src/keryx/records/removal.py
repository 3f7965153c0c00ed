"""What goes when an account or a domain goes.

Otherwise a later account of the same address would find itself administrator, signed in, or with
somebody's rules.
"""

from __future__ import annotations

from keryx.records import engine
from keryx.settings.site import Site


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
