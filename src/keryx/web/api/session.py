"""Signing in and out, and the sessions of who is signed in."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response

from keryx.admin import announcements, audit, preferences, sessions, signin
from keryx.admin.permissions import Actor
from keryx.core import errors
from keryx.settings.site import Site
from keryx.web import auth
from keryx.web.api import announcements as announcing
from keryx.web.api.announcements import Announcement
from keryx.web.api.call import Call, over_nothing, site_of
from keryx.web.api.models import LINE, Address, Model, Page, PageQuery, Password, page_of

router = APIRouter(tags=["session"])


class SignIn(Model):
    """Who signs in."""

    address: Address
    """The account's address."""
    password: Password


class Session(Model):
    """Who is signed in, and what that means."""

    address: str
    name: str
    """The person's name; empty for an API key."""
    role: Literal["site", "domain", "user"]
    domains: list[str]
    """Domains that are administered; empty for the other roles."""
    access: Literal["read", "write"]
    """What the API key allows; a session may always write."""
    csrf: str
    """What calls that write must send in X-CSRF-Token; empty for an API key."""
    language: str
    """``en``, ``de``, or empty when the browser's wish decides."""
    writable: bool
    """False: the directory is somebody else's and read-only here; accounts are changed there."""
    announcements: list[Announcement]


class OwnSession(Model):
    """One of the caller's sessions."""

    id: str
    created: datetime.datetime
    expires: datetime.datetime
    last_seen: datetime.datetime
    client_ip: str
    user_agent: str
    current: bool
    """Whether it is the one that asks."""


@router.post("/session")
def sign_in(
    body: SignIn, request: Request, response: Response, site: Annotated[Site, Depends(site_of)]
) -> Session:
    """Sign in: gives the session cookie.

    Wrong passwords are counted by address and client, and by client; too many give 429.
    """
    ip = auth.client_ip(request)
    found = signin.sign_in(site, body.address, body.password.get_secret_value(), ip=ip)
    address = found.account.address
    agent = request.headers.get("user-agent", "")
    token = sessions.start(site, address, ip=ip, user_agent=agent)
    current = sessions.look_up(site, token, ip=ip)
    if current is None:
        raise errors.Unreachable("The session just made is gone.", remedy="Sign in again.")
    auth.set_cookie(site, response, token)
    audit.record(site, current.actor, "session.start", address)
    return _shown(site, current.actor, current.name, current.csrf)


@router.get("/session")
def show(call: Annotated[Call, over_nothing("session.read")]) -> Session:
    """Show who is signed in."""
    current = call.caller.current
    return _shown(call.site, call.actor, current.name if current else "", current.csrf if current else "")


@router.delete("/session", status_code=204)
def sign_out(call: Annotated[Call, over_nothing("session.end")], response: Response) -> None:
    """Sign out: the session ends, the cookie goes."""
    assert call.caller.current is not None
    sessions.end(call.site, call.actor.address, call.caller.current.session.id)
    auth.clear_cookie(response)
    call.did("session.end", call.actor.address)


@router.get("/sessions")
def list_(call: Annotated[Call, over_nothing("session.read")], paging: PageQuery) -> Page[OwnSession]:
    """List the caller's sessions in browsers."""
    current = call.caller.current
    own = current.session.id if current else ""
    return page_of(
        sessions.all_of(call.site, call.actor.address),
        paging,
        lambda found: _own(found, own),
        sorts={
            "last_seen": lambda found: found.last_seen,
            "created": lambda found: found.created,
            "expires": lambda found: found.expires,
        },
        text=lambda found: f"{found.client_ip} {found.user_agent}",
    )


@router.delete("/sessions/{id}", status_code=204)
def end(
    call: Annotated[Call, over_nothing("session.end")],
    id: Annotated[str, Path(max_length=100, pattern=LINE, description="As the list gives it.")],
) -> None:
    """End one of the caller's sessions."""
    sessions.end(call.site, call.actor.address, id)
    call.did("session.end", call.actor.address)


def _shown(site: Site, actor: Actor, name: str, csrf: str) -> Session:
    return Session(
        address=actor.address,
        name=name,
        role=actor.role,
        domains=sorted(actor.domains),
        access=actor.access,
        csrf=csrf,
        language=preferences.show(site, actor.address).language,
        writable=site.directory_writable,
        announcements=[announcing.shown(found) for found in announcements.current(site)],
    )


def _own(found: sessions.Session, own: str) -> OwnSession:
    return OwnSession(
        id=found.id,
        created=found.created,
        expires=found.expires,
        last_seen=found.last_seen,
        client_ip=found.client_ip,
        user_agent=found.user_agent,
        current=found.id == own,
    )
