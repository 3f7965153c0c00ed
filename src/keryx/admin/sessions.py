"""Sessions of people in the browser: a random token in a cookie, of which only the hash is kept."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from keryx.admin.permissions import Actor
from keryx.core.secret import Secret
from keryx.settings.site import Site


@dataclass(frozen=True)
class Session:
    """A session, without what would let somebody use it."""

    id: str
    """For people and the API; no secret."""
    address: str
    created: datetime.datetime
    expires: datetime.datetime
    last_seen: datetime.datetime
    client_ip: str
    user_agent: str


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
    raise NotImplementedError


def look_up(site: Site, token: str, *, ip: str) -> Current | None:
    """Return the session of a token; None when it is unknown or expired, or its account gone or inactive."""
    raise NotImplementedError


def csrf(token: str) -> str:
    """Return the token against forged requests that belongs to a session's token."""
    raise NotImplementedError


def all_of(site: Site, address: str) -> Sequence[Session]:
    """Return an account's sessions, the latest first."""
    raise NotImplementedError


def end(site: Site, address: str, id: str) -> None:
    """End one session of an account; raises NotFound."""
    raise NotImplementedError


def end_all(site: Site, address: str, *, but: str = "") -> int:
    """End all sessions of an account (but the one of that id); return how many."""
    raise NotImplementedError
