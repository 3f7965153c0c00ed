"""Who calls: the session cookie of the pages, or an API key.

Cookie ``__Host-keryx``: HttpOnly, Secure, SameSite=Lax, for this host only (RFC 6265bis, 4.1.3.2). A
request that writes must also carry the session's CSRF token in ``X-CSRF-Token``. An API key comes as
``Authorization: Bearer KEY`` (RFC 6750), which no foreign page can make a browser send, so it needs none.
Where both are given the key counts alone.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from keryx.admin import keys, sessions
from keryx.admin.permissions import Actor
from keryx.admin.sessions import Current
from keryx.core import errors
from keryx.settings.site import Site

COOKIE = "__Host-keryx"
CSRF_HEADER = "X-CSRF-Token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""
LONGEST = 512
"""Characters of a cookie or key that are looked at; ours are shorter."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from."""

    actor: Actor
    current: Current | None
    """The session; None for an API key."""


def caller(site: Site, request: Request) -> Caller:
    """Return who calls; raises NotSignedIn, and Forbidden for a write without its CSRF token."""
    header = request.headers.get("authorization")
    if header is not None:
        return Caller(_owner(site, header, client_ip(request)), None)
    found = current(site, request)
    if found is None:
        raise errors.NotSignedIn(
            "Nobody is signed in, or the session has ended.",
            remedy="Sign in, or send an API key: Authorization: Bearer KEY.",
        )
    if request.method not in READING:
        check_csrf(found, request.headers.get(CSRF_HEADER, ""))
    return Caller(found.actor, found)


def current(site: Site, request: Request) -> Current | None:
    """Return the session of the request's cookie; None when there is none, or none any more."""
    token = request.cookies.get(COOKIE, "")
    if not 0 < len(token) <= LONGEST or not token.isascii():
        return None
    return sessions.look_up(site, token, ip=client_ip(request))


def check_csrf(current: Current, given: str) -> None:
    """Raise Forbidden unless the token given with a form or in the header is the session's."""
    if not hmac.compare_digest(current.csrf.encode(), given.encode(errors="replace")):
        raise errors.Forbidden(
            "The request does not carry the session's CSRF token.",
            remedy=f"Send csrf of GET /api/v1/session in the header {CSRF_HEADER}, or use an API key.",
        )


def client_ip(request: Request) -> str:
    """Return the client's address, which the gateway told (``web.app.Proxied``); empty when unknown."""
    try:
        return str(ipaddress.ip_address(request.client.host if request.client else ""))
    except ValueError:
        return ""


def set_cookie(site: Site, response: Response, token: str) -> None:
    """Give the browser its session."""
    seconds = site.settings.web.session_hours * 3600
    response.set_cookie(COOKIE, token, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def clear_cookie(response: Response) -> None:
    """Take the browser's session away."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def _owner(site: Site, header: str, ip: str) -> Actor:
    scheme, _, key = header.partition(" ")
    key = key.strip()
    actor = None
    if scheme.lower() == "bearer" and 0 < len(key) <= LONGEST and key.isascii():
        actor = keys.look_up(site, key, ip=ip)
    if actor is None:
        raise errors.NotSignedIn(
            "The API key is unknown, or it has expired or been revoked.",
            remedy="Send Authorization: Bearer KEY with a good one; keryx api-key add makes it.",
        )
    return actor
