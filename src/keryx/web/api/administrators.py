"""Administrators: of the whole site, and of single domains."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from keryx.admin import addresses, permissions, roles
from keryx.web.api.call import Call, over_domain, over_nothing
from keryx.web.api.models import AddressPath, Model, Page, PageQuery, page_of

router = APIRouter(tags=["administrators"])


class Administrator(Model):
    """Who administers."""

    address: str
    domain: str
    """Which domain; empty for the whole site."""


ADDED: dict[int | str, dict[str, Any]] = {201: {"model": Administrator, "description": "It was added."}}


@router.get("/administrators")
def list_(
    call: Annotated[Call, over_nothing("administrators.read")], paging: PageQuery
) -> Page[Administrator]:
    """List the site's administrators."""
    return _page(call, "", paging)


@router.put("/administrators/{address}", responses=ADDED)
def add(
    call: Annotated[Call, over_nothing("administrators.change")], address: AddressPath, response: Response
) -> Administrator:
    """Make an account administrator of the whole site."""
    return _add(call, address, "", response)


@router.delete("/administrators/{address}", status_code=204)
def remove(call: Annotated[Call, over_nothing("administrators.change")], address: AddressPath) -> None:
    """Take the role of a site administrator away; the last one keeps it."""
    _remove(call, address, "")


@router.get("/domains/{domain}/administrators")
def list_of_domain(
    call: Annotated[Call, over_domain("domain.administrators.read")], paging: PageQuery
) -> Page[Administrator]:
    """List a domain's administrators."""
    return _page(call, call.domain, paging)


@router.put("/domains/{domain}/administrators/{address}", responses=ADDED)
def add_to_domain(
    call: Annotated[Call, over_domain("domain.administrators.change")],
    address: AddressPath,
    response: Response,
) -> Administrator:
    """Make an account administrator of a domain."""
    return _add(call, address, call.domain, response)


@router.delete("/domains/{domain}/administrators/{address}", status_code=204)
def remove_from_domain(
    call: Annotated[Call, over_domain("domain.administrators.change")], address: AddressPath
) -> None:
    """Take the role of a domain's administrator away."""
    _remove(call, address, call.domain)


def _page(call: Call, domain: str, paging: PageQuery) -> Page[Administrator]:
    return page_of(
        roles.all_of(call.site, domain),
        paging,
        _shown,
        sorts={"address": lambda grant: grant.address},
        text=lambda grant: grant.address,
    )


def _add(call: Call, address: str, domain: str, response: Response) -> Administrator:
    wanted = addresses.own_address(address)
    permissions.check_grant(call.site, call.actor, wanted, domain)
    # Nobody finds out by this which accounts there are elsewhere.
    permissions.check_addresses(call.actor, [wanted])
    outcome = roles.add(call.site, wanted, domain)
    grant = roles.Grant(wanted, domain)
    if outcome.changed:
        response.status_code = 201
        call.did("administrator.add", wanted, after=grant)
    return _shown(grant)


def _remove(call: Call, address: str, domain: str) -> None:
    wanted = addresses.own_address(address)
    permissions.check_grant(call.site, call.actor, wanted, domain)
    roles.remove(call.site, wanted, domain)
    call.did("administrator.remove", wanted, before=roles.Grant(wanted, domain))


def _shown(grant: roles.Grant) -> Administrator:
    return Administrator(address=grant.address, domain=grant.domain)
