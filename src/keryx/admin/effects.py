"""What must follow a change of an account at once, in the running suite.

The directory is looked up live; only Dovecot remembers accounts for a while and keeps sessions.
A Dovecot that does not run has nothing to forget. The records know an account by its address: what they
hold goes with it. Neither stops a change when it is away; a sentence says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from keryx.admin import selfservice, spam, store
from keryx.core import errors
from keryx.records import removal, sessions
from keryx.settings.site import Site


def forget(site: Site, address: str, *others: str, disconnect: bool) -> tuple[str, ...]:
    """Make Dovecot and SOGo forget what they know of an account; with ``disconnect`` end its sessions.

    ``others`` are its aliases, old and new: what was looked up by one is remembered under it.
    Returns a sentence when that did not work, so that a person knows that it takes a while.
    """
    try:
        store.forget_in_webmail(site)
        store.forget(site, [address, *others])
        if disconnect:
            store.disconnect(site, address)
    except errors.NotReady:
        return ()
    except errors.KeryxError as error:
        return (f"Dovecot did not take it up at once, but will within minutes: {error.sentence}",)
    return ()


def sign_out(site: Site, address: str) -> tuple[str, ...]:
    """End an account's sessions in the browser. Returns a sentence when that did not work."""
    if not _has_records(site):
        return ()
    try:
        sessions.end_all(site, address)
    except errors.KeryxError as error:
        return (f"Sessions of {address} in the browser may go on: {error.sentence}",)
    return ()


def forget_records(site: Site, address: str) -> tuple[str, ...]:
    """Remove an account's roles, sessions, API keys and preferences, and the script made of them.

    Returns a sentence when that did not work: a new account of that address would find them.
    """
    if not _has_records(site):
        return ()
    try:
        judged = spam.has_any(site, address)
        removal.forget_account(site, address)
        if judged:
            spam.write_map(site)
    except errors.KeryxError as error:
        return (f"Roles and settings of {address} may still be on record: {error.sentence}",)
    try:
        store.forget_script(site, address)
    except errors.KeryxError as error:
        return (f"The vacation answer of {address} may still be there: {error.sentence}",)
    return ()


def forget_domain(site: Site, name: str) -> tuple[str, ...]:
    """Remove a domain's administrators, and the domain from API keys."""
    if not _has_records(site):
        return ()
    try:
        removal.forget_domain(site, name)
    except errors.KeryxError as error:
        return (f"Administrators of {name} may still be on record: {error.sentence}",)
    return ()


def refresh_script(site: Site, address: str) -> tuple[str, ...]:
    """Have the vacation answer and the filter know an account's addresses after they changed."""
    if not _has_records(site):
        return ()
    try:
        selfservice.refresh(site, address)
        if spam.has_any(site, address):
            spam.write_map(site)
    except errors.KeryxError as error:
        return (f"Vacation answer and filter do not know the addresses of {address} yet: {error.sentence}",)
    return ()


def _has_records(site: Site) -> bool:
    """Whether there can be records: a home whose own database was never made has none."""
    return not site.database("keryx").embedded or site.paths.data("postgresql").exists()


def forget_many(site: Site, addresses: Sequence[str]) -> None:
    """Make Dovecot forget all logins, and end the sessions of these accounts, in the browser as well."""
    # What Dovecot remembers ends by itself within minutes; a database that is away has no sessions.
    with contextlib.suppress(errors.KeryxError):
        store.forget(site, [])
        for address in addresses:
            store.disconnect(site, address)
    with contextlib.suppress(errors.KeryxError):
        for address in addresses if _has_records(site) else ():
            sessions.end_all(site, address)


def quota_use_mb(site: Site, address: str) -> float | None:
    """Return how full a mailbox is, in MiB; None when there is none or nobody can tell."""
    try:
        return store.quota_use_mb(site, address)
    except errors.KeryxError:
        return None


def purge(site: Site, address: str) -> bool:
    """Remove the mailbox for good; return whether there was one."""
    return store.purge(site, address)


def purge_webmail(site: Site, address: str) -> tuple[str, ...]:
    """Remove what Roundcube keeps of a removed account. Returns a sentence when that did not work."""
    try:
        store.purge_webmail(site, address)
    except errors.KeryxError as error:
        return (f"Contacts of {address} in Roundcube are still there: {error.sentence}",)
    return ()


def has_mailbox(site: Site, address: str) -> bool:
    """Whether mail of the address is kept on disk."""
    try:
        return store.has_mailbox(site, address)
    except errors.KeryxError:
        return False
