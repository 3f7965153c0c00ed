"""Sessions of people in the browser: a random token in a cookie, of which only the hash is kept.

Every request looks the account and its roles up anew: who is switched off, or loses a role, has lost it
with the next click.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from keryx.admin import roles
from keryx.admin.access import reading
from keryx.admin.permissions import Actor
from keryx.core import errors
from keryx.core.secret import Secret
from keryx.records import sessions as kept
from keryx.records.sessions import Session
from keryx.settings.site import Site

__all__ = ["Current", "Session", "all_of", "csrf", "end", "end_all", "look_up", "start"]

BYTES = 32
"""Random bytes of a token."""


@dataclass(frozen=True)
class Current:
    """The session of a request: who acts, and the token that forms must carry."""

    session: Session
    actor: Actor
    name: str
    """The person's name."""
    csrf: str


def start(site: Site, address: str, *, ip: str, user_agent: str) -> Secret:
    """Start a session for who has signed in; return the token for the cookie (256 bit)."""
    token = secrets.token_urlsafe(BYTES)
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=site.settings.web.session_hours)
    kept.add(site, _hash(token), address, expires, client_ip=ip, user_agent=user_agent)
    return Secret(token)


def look_up(site: Site, token: str, *, ip: str) -> Current | None:
    """Return the session of a token; None when it is unknown or expired, or its account gone or inactive."""
    session = kept.find(site, _hash(token))
    if session is None:
        return None
    with reading(site) as directory:
        account = directory.accounts.get(session.address)
    if account is None or not account.active:
        return None
    standing = roles.of(site, account.address)
    actor = Actor(account.address, standing.role, standing.domains, "write", "session", ip)
    return Current(session, actor, account.name, csrf(token))


def csrf(token: str) -> str:
    """Return the token against forged requests that belongs to a session's token."""
    return hmac.new(token.encode(), b"keryx csrf", hashlib.sha256).hexdigest()


def all_of(site: Site, address: str) -> Sequence[Session]:
    """Return an account's sessions, the latest first."""
    return kept.all_of(site, address)


def end(site: Site, address: str, id: str) -> None:
    """End one session of an account; raises NotFound."""
    if not kept.end(site, address, id):
        raise errors.NotFound(f"{address} has no session {id}.")


def end_all(site: Site, address: str, *, but: str = "") -> int:
    """End all sessions of an account (but the one of that id); return how many."""
    return kept.end_all(site, address, but=but)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
