"""API keys: for programs, bound to domains, to reading or writing, and in time."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import pydantic
from fastapi import APIRouter, Path

from keryx.admin import addresses, keys, permissions
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import LINE, DomainName, Model, Moment, Page, PageQuery, page_of

router = APIRouter(tags=["api-keys"])

Access = Literal["read", "write"]
Role = Literal["site", "domain"]


class NewKey(Model):
    """A key to be made."""

    name: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=100, pattern=LINE)]
    """What it is for, to tell it from others."""
    role: Role = "domain"
    """``site`` may do everything, ``domain`` works within its domains."""
    domains: Annotated[tuple[DomainName, ...], pydantic.Field(max_length=1000)] = ()
    """Its domains; needed for the role ``domain``."""
    access: Access = "read"
    expires: Moment | None = None
    """With its time zone; null: never."""


class Key(Model):
    """A key, without the key itself."""

    id: int
    name: str
    prefix: str
    """Its first characters, to recognise it by."""
    owner: str
    role: Role
    domains: list[str]
    access: Access
    created: datetime.datetime
    expires: datetime.datetime | None
    last_used: datetime.datetime | None


class FreshKey(Key):
    """A key that has just been made."""

    key: str
    """The key. Nobody will see it again."""


@router.get("/api-keys")
def list_(call: Annotated[Call, over_nothing("api-keys.read")], paging: PageQuery) -> Page[Key]:
    """List the API keys: one's own, and all of them for site administrators."""
    return page_of(
        keys.all_of(call.site, _owner(call)),
        paging,
        lambda found: Key.model_validate(_values(found)),
        sorts={
            "name": lambda found: found.name,
            "owner": lambda found: found.owner,
            "created": lambda found: found.created,
        },
        text=lambda found: f"{found.name} {found.owner} {found.prefix} {' '.join(found.domains)}",
    )


@router.post("/api-keys", status_code=201)
def add(call: Annotated[Call, over_nothing("api-keys.change")], body: NewKey) -> FreshKey:
    """Make an API key; the answer is the only place where it is shown."""
    domains = [addresses.domain_name(name) for name in body.domains]
    permissions.check_key(call.actor, body.role, domains)
    made = keys.add(
        call.site,
        call.actor.address,
        body.name,
        role=body.role,
        domains=domains,
        access=body.access,
        expires=body.expires,
    )
    call.did("api-key.add", str(made.key.id), after=made.key)
    return FreshKey.model_validate({**_values(made.key), "key": made.secret.reveal()})


@router.delete("/api-keys/{id}", status_code=204)
def revoke(
    call: Annotated[Call, over_nothing("api-keys.change")], id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> None:
    """Revoke an API key; it is refused from now on."""
    gone = keys.revoke(call.site, id, owner=_owner(call))
    call.did("api-key.revoke", str(id), before=gone)


def _owner(call: Call) -> str:
    """Return whose keys the caller has to do with; empty for everybody's."""
    return "" if call.actor.role == "site" else call.actor.address


def _values(found: keys.Key) -> dict[str, object]:
    return {
        "id": found.id,
        "name": found.name,
        "prefix": found.prefix,
        "owner": found.owner,
        "role": found.role,
        "domains": list(found.domains),
        "access": found.access,
        "created": found.created,
        "expires": found.expires,
        "last_used": found.last_used,
    }
