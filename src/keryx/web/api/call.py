"""A call as handlers see it: the site, who calls, what it is about, the audit log for what was done.

Every route but the sign-in asks for its ``Call`` through one of the four ``over`` functions, which name
the action (``admin.permissions.ACTIONS``) and check it before anything else is looked at::

    def show(call: Annotated[Call, over_domain("domain.read")]) -> Domain: ...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Depends, Request

from keryx.admin import addresses, audit, permissions
from keryx.admin.permissions import Actor
from keryx.core import errors
from keryx.settings.site import Site
from keryx.web import auth
from keryx.web.api.models import AddressPath, AliasPath, DomainPath
from keryx.web.auth import Caller

ACTION = "keryx_action"
"""The attribute of a dependency that names its action, for the reference page."""


@dataclass(frozen=True)
class Call:
    """One call of somebody who is known and may make it."""

    site: Site
    caller: Caller
    domain: str = ""
    """The domain in the path, normalised."""
    address: str = ""
    """The account or alias in the path, normalised."""

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.caller.actor

    @property
    def own(self) -> bool:
        """Whether a person asks about the own account."""
        return self.caller.current is not None and self.address == self.actor.address

    def may(self, action: str, *, domain: str = "", account: str = "") -> None:
        """Raise Forbidden unless the caller may do this too."""
        permissions.check(self.site, self.actor, action, domain=domain, account=account)

    def did(
        self, action: str, subject: str, *, before: object | None = None, after: object | None = None
    ) -> None:
        """Write to the audit log what the caller has just done."""
        audit.record(self.site, self.actor, action, subject, before=before, after=after)


def over_nothing(action: str) -> Any:
    """Give the call when its caller may do this; it is about no domain or account."""

    def check(request: Request) -> Call:
        call = _call(request)
        call.may(action)
        return call

    return _named(check, action)


def over_domain(action: str) -> Any:
    """Give the call when its caller may do this to the domain in the path."""

    def check(request: Request, domain: DomainPath) -> Call:
        call = dataclasses.replace(_call(request), domain=addresses.domain_name(domain))
        call.may(action, domain=call.domain)
        return call

    return _named(check, action)


def over_account(action: str) -> Any:
    """Give the call when its caller may do this to the account in the path."""

    def check(request: Request, address: AddressPath) -> Call:
        call = dataclasses.replace(_call(request), address=addresses.own_address(address))
        call.may(action, account=call.address)
        return call

    return _named(check, action)


def over_alias(action: str) -> Any:
    """Give the call when its caller may do this in the domain of the alias in the path."""

    def check(request: Request, address: AliasPath) -> Call:
        call = dataclasses.replace(_call(request), address=addresses.group_address(address))
        call.may(action, domain=addresses.domain_of(call.address))
        return call

    return _named(check, action)


def site_of(request: Request) -> Site:
    """Return the site that the application serves."""
    return cast(Site, request.app.state.site)


def known_parameters(request: Request) -> None:
    """Raise BadInput for a query parameter that the call does not have."""
    template = request.scope["route"].path
    known = request.app.state.parameters.get((request.method, template), frozenset())
    strange = [name for name in request.query_params if name not in known]
    if strange:
        raise errors.BadInput(
            f'The query parameter "{strange[0][:64]}" is not known here.',
            remedy=f"Known are {', '.join(sorted(known))}." if known else "This call has none.",
        )


def _call(request: Request) -> Call:
    site = site_of(request)
    return Call(site, auth.caller(site, request))


def _named(check: Callable[..., Call], action: str) -> Any:
    # A misspelt action is found when the module is loaded, not when somebody calls.
    assert action in permissions.ACTIONS, action
    setattr(check, ACTION, action)
    return Depends(check)
