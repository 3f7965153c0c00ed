"""Aliases of their own: single addresses, distribution lists, catch-alls."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
from fastapi import APIRouter, Response

from keryx.admin import addresses, aliases, permissions, search
from keryx.core import errors, model
from keryx.web.api.call import Call, over_alias, over_nothing
from keryx.web.api.models import (
    Address,
    DomainQuery,
    Flag,
    Line,
    Model,
    OnlyNew,
    Page,
    PageQuery,
    check_new,
    sort_key,
)

router = APIRouter(tags=["aliases"])

Targets = Annotated[tuple[Address, ...], pydantic.Field(min_length=1, max_length=5000)]
SORTS = ("address", "description")


class AliasInput(Model):
    """A whole alias; what is left out takes its default."""

    targets: Targets
    """Addresses here or elsewhere; several make a list."""
    description: Line = ""
    active: Flag = True


class AliasChange(Model):
    """What to change of an alias; what is left out stays."""

    targets: Targets = ()
    """All its targets anew."""
    description: Line = ""
    active: Flag = True


class Alias(Model):
    """An address that delivers elsewhere."""

    address: str
    """``@example.org`` is whatever that domain has no other entry for."""
    targets: list[str]
    description: str
    active: bool


@router.get("/aliases")
def list_(
    call: Annotated[Call, over_nothing("alias.list")], paging: PageQuery, domain: DomainQuery = ""
) -> Page[Alias]:
    """List aliases, lists and catch-alls of the domains that the caller administers."""
    key, backwards = sort_key(paging, SORTS)
    found = search.aliases(
        call.site,
        paging.search,
        domains=_domains(call, domain),
        sort=f"-{key}" if backwards else key,
        page=paging.page,
        per_page=paging.per_page,
    )
    return Page[Alias](
        items=[_shown(alias) for alias in found.items],
        total=found.total,
        page=paging.page,
        per_page=paging.per_page,
    )


@router.get("/aliases/{address}")
def show(call: Annotated[Call, over_alias("alias.read")]) -> Alias:
    """Show an alias."""
    return _shown(aliases.show(call.site, call.address))


@router.put("/aliases/{address}", responses={201: {"model": Alias, "description": "It was added."}})
def put(
    call: Annotated[Call, over_alias("alias.change")],
    body: AliasInput,
    response: Response,
    if_none_match: OnlyNew = None,
) -> Alias:
    """Add an alias, or give it other values. ``@example.org`` is the catch-all of the domain."""
    before = _find(call)
    if before is not None:
        check_new(if_none_match, call.address)
        return _change(call, before, body.model_dump())
    call.may("alias.add", domain=addresses.domain_of(call.address))
    aliases.add(call.site, call.address, body.targets, description=body.description)
    if not body.active:
        aliases.change(call.site, call.address, active=False)
    made = aliases.show(call.site, call.address)
    call.did("alias.add", made.address, after=made)
    response.status_code = 201
    return _shown(made)


@router.patch("/aliases/{address}")
def patch(call: Annotated[Call, over_alias("alias.change")], body: AliasChange) -> Alias:
    """Change an alias; what is not given stays."""
    return _change(call, aliases.show(call.site, call.address), body.model_dump(exclude_unset=True))


@router.delete("/aliases/{address}", status_code=204)
def remove(call: Annotated[Call, over_alias("alias.remove")]) -> None:
    """Remove an alias."""
    before = aliases.show(call.site, call.address)
    aliases.remove(call.site, call.address)
    call.did("alias.remove", before.address, before=before)


def _domains(call: Call, wanted: str) -> frozenset[str] | None:
    """Return the domains to list; raises Forbidden for one that is not the caller's."""
    if not wanted:
        return permissions.visible_domains(call.actor)
    name = addresses.domain_name(wanted)
    call.may("alias.list", domain=name)
    return frozenset({name})


def _find(call: Call) -> model.Alias | None:
    try:
        return aliases.show(call.site, call.address)
    except errors.NotFound:
        return None


def _change(call: Call, before: model.Alias, given: dict[str, Any]) -> Alias:
    if aliases.change(call.site, call.address, **given).changed:
        after = aliases.show(call.site, call.address)
        call.did("alias.change", after.address, before=before, after=after)
        return _shown(after)
    return _shown(before)


def _shown(alias: model.Alias) -> Alias:
    return Alias(
        address=alias.address,
        targets=list(alias.targets),
        description=alias.description,
        active=alias.active,
    )
