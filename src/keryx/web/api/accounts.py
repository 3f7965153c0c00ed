"""Accounts: who logs in and has a mailbox."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pydantic
from fastapi import APIRouter, Query, Request, Response

from keryx.admin import accounts, addresses, passwords, permissions, roles, search, sessions, signin, store
from keryx.admin.accounts import Changes, NewAccount
from keryx.core import errors, model
from keryx.core.secret import Secret
from keryx.web import auth
from keryx.web.api.call import Call, over_account, over_nothing
from keryx.web.api.models import (
    Address,
    DomainQuery,
    Flag,
    Line,
    Megabytes,
    Model,
    OnlyNew,
    Page,
    PageQuery,
    Password,
    check_new,
    sort_key,
)

router = APIRouter(tags=["accounts"])

Aliases = Annotated[tuple[Address, ...], pydantic.Field(max_length=1000)]
Administers = Literal["site"] | list[str] | None
SORTS = ("address", "name", "quota_mb")


class AccountInput(Model):
    """A whole account; what is left out takes its default."""

    name: Line = ""
    """Full name of the person or the service."""
    password: Password | None = None
    """Needed to add it; of an account that exists it is set when given, and kept otherwise."""
    aliases: Aliases = ()
    """Further addresses: delivered to the account and allowed as its sender."""
    active: Flag = True
    """False: no login, and nothing is accepted for any of its addresses."""
    quota_mb: Megabytes | None = None
    """Limit of the store in MiB, 0 is unlimited; null: a new account takes the domain's or the site's, one
    that exists keeps its own."""
    send_only: Flag = False
    """True: may send; nothing is accepted for any of its addresses."""
    super_user: Flag = False
    """True: may use any sender address; for site administrators to change."""


class AccountChange(Model):
    """What to change of an account; what is left out stays."""

    name: Line | None = None
    aliases: Aliases | None = None
    """All its aliases anew."""
    active: Flag | None = None
    quota_mb: Megabytes | None = None
    send_only: Flag | None = None
    super_user: Flag | None = None
    host: Annotated[str, pydantic.StringConstraints(max_length=253, pattern=r"^[A-Za-z0-9.-]*$")] | None = (
        None
    )
    """The store that holds the mailbox; for site administrators to change."""


class Account(Model):
    """An account."""

    address: str
    name: str
    aliases: list[str]
    active: bool
    quota_mb: int
    """0 is unlimited."""
    send_only: bool
    super_user: bool
    host: str
    """Empty for the only store."""
    administrator: Administers
    """``site``, the domains that it administers, or null."""


class NewPassword(Model):
    """Another password: given, or to be made up."""

    password: Password | None = None
    old: Password | None = None
    """The present one; needed for one's own account."""
    generate: Flag = False
    """True: make one up and answer it."""


class MadePassword(Model):
    """What the password is now."""

    password: str | None
    """The one made up, which nobody will see again; null when it was given."""


class Quota(Model):
    """How full a mailbox is."""

    used_mb: float | None
    """null when there is no mailbox yet."""
    quota_mb: int
    """0 is unlimited."""


@router.get("/accounts")
def list_(
    call: Annotated[Call, over_nothing("account.list")], paging: PageQuery, domain: DomainQuery = ""
) -> Page[Account]:
    """Find accounts in the domains that the caller administers.

    Every word of ``search`` must be in the address, an alias or the name.
    """
    key, backwards = sort_key(paging, SORTS)
    found = search.accounts(
        call.site,
        paging.search,
        domains=_domains(call, domain),
        sort=f"-{key}" if backwards else key,
        page=paging.page,
        per_page=paging.per_page,
    )
    administers = _administrators(call)
    return Page[Account](
        items=[_shown(account, administers) for account in found.items],
        total=found.total,
        page=paging.page,
        per_page=paging.per_page,
    )


@router.get("/accounts/{address}")
def show(call: Annotated[Call, over_account("account.read")]) -> Account:
    """Show an account."""
    return _shown(accounts.show(call.site, call.address), _administrators(call))


@router.put("/accounts/{address}", responses={201: {"model": Account, "description": "It was added."}})
def put(
    call: Annotated[Call, over_account("account.change")],
    body: AccountInput,
    response: Response,
    force: Annotated[bool, Query(description="Do it although a rule advises against it.")] = False,
    if_none_match: OnlyNew = None,
) -> Account:
    """Add an account, or give it other values.

    What is left out takes its default, so a repeated call always ends the same; the password of an account
    that exists stays when it is left out.
    """
    before = _find(call)
    if before is None:
        response.status_code = 201
        return _add(call, body)
    check_new(if_none_match, call.address)
    wanted = body.model_dump(exclude={"password"})
    if wanted["quota_mb"] is None:
        del wanted["quota_mb"]
    if body.password is not None and call.own:
        raise errors.BadInput(
            'The own password is not changed here: leave out "password".',
            remedy="PUT /accounts/{address}/password takes the old and the new one.",
        )
    after = _change(call, before, wanted, force=force)
    if body.password is not None:
        _set_if_other(call, body.password.get_secret_value())
    return _shown(after, _administrators(call))


@router.patch("/accounts/{address}")
def patch(
    call: Annotated[Call, over_account("account.change")],
    body: AccountChange,
    force: Annotated[bool, Query(description="Do it although a rule advises against it.")] = False,
) -> Account:
    """Change an account at once; what is not given stays."""
    given = body.model_dump(exclude_unset=True)
    for name, value in given.items():
        if value is None:
            raise errors.BadInput(f'"{name}" cannot be null.', remedy="Leave it out to keep it.")
    after = _change(call, accounts.show(call.site, call.address), given, force=force)
    return _shown(after, _administrators(call))


@router.delete("/accounts/{address}", status_code=204)
def remove(
    call: Annotated[Call, over_account("account.remove")],
    purge_mail: Annotated[bool, Query(description="Remove its stored mail for good, too.")] = False,
    force: Annotated[bool, Query(description="Do it although a rule advises against it.")] = False,
) -> None:
    """Remove an account; its sessions end, its mail is kept."""
    before = accounts.show(call.site, call.address)
    accounts.remove(call.site, call.address, force=force, purge_mail=purge_mail)
    call.did("account.remove", call.address, before=before)


@router.put("/accounts/{address}/password")
def set_password(
    call: Annotated[Call, over_account("account.password")],
    body: NewPassword,
    request: Request,
    response: Response,
) -> MadePassword:
    """Give an account another password.

    For the own account the old password is needed as well. All sessions of the account end, in mail programs
    and in browsers; who changes the own one stays signed in with a fresh session.
    """
    if (body.password is None) == (not body.generate):
        raise errors.BadInput('Exactly one of "password" and "generate" is needed.')
    if call.own:
        _check_old(call, body.old)
    secret = passwords.generate() if body.generate else Secret(_plain(body.password))
    accounts.set_password(call.site, call.address, secret)
    call.did("account.password", call.address)
    if call.own:
        ip = auth.client_ip(request)
        agent = request.headers.get("user-agent", "")
        auth.set_cookie(call.site, response, sessions.start(call.site, call.address, ip=ip, user_agent=agent))
    return MadePassword(password=secret.reveal() if body.generate else None)


@router.get("/accounts/{address}/quota")
def quota(call: Annotated[Call, over_account("account.quota")]) -> Quota:
    """Show how full an account's mailbox is."""
    account = accounts.show(call.site, call.address)
    return Quota(used_mb=store.quota_use_mb(call.site, account.address), quota_mb=account.quota_mb)


def _domains(call: Call, wanted: str) -> frozenset[str] | None:
    """Return the domains to list; raises Forbidden for one that is not the caller's."""
    if not wanted:
        return permissions.visible_domains(call.actor)
    name = addresses.domain_name(wanted)
    call.may("account.list", domain=name)
    return frozenset({name})


def _find(call: Call) -> model.Account | None:
    try:
        return accounts.show(call.site, call.address)
    except errors.NotFound:
        return None


def _add(call: Call, body: AccountInput) -> Account:
    call.may("account.add", account=call.address)
    if body.password is None:
        raise errors.BadInput('"password" is missing.', remedy="A new account needs one.")
    new = NewAccount(
        call.address,
        Secret(_plain(body.password)),
        name=body.name,
        quota_mb=body.quota_mb,
        aliases=body.aliases,
        active=body.active,
        send_only=body.send_only,
        super_user=body.super_user,
    )
    wanted = model.Account(call.address, aliases=_normal(body.aliases), super_user=body.super_user)
    permissions.check_account_change(call.site, call.actor, model.Account(call.address), wanted)
    accounts.add(call.site, new)
    made = accounts.show(call.site, call.address)
    call.did("account.add", made.address, after=made)
    return _shown(made, {})


def _change(call: Call, before: model.Account, given: Mapping[str, Any], *, force: bool) -> model.Account:
    """Change what differs, if the caller may change it."""
    plain = {name: value for name, value in given.items() if name != "aliases"}
    aliases = set(_normal(given.get("aliases", before.aliases)))
    changes = Changes(
        **plain,
        add_aliases=tuple(sorted(aliases - set(before.aliases))),
        remove_aliases=tuple(sorted(set(before.aliases) - aliases)),
    )
    permissions.check_account_change(call.site, call.actor, before, changes.applied(before))
    if not accounts.change(call.site, call.address, changes, force=force).changed:
        return before
    after = accounts.show(call.site, call.address)
    call.did("account.change", after.address, before=before, after=after)
    return after


def _set_if_other(call: Call, secret: str) -> None:
    """Set a password unless the account has it already: a repeated PUT ends nobody's sessions."""
    call.may("account.password", account=call.address)
    with contextlib.suppress(errors.NotSignedIn, errors.TooManyAttempts):
        signin.verify(call.site, call.address, secret, ip=call.actor.ip)
        return
    accounts.set_password(call.site, call.address, Secret(secret))
    call.did("account.password", call.address)


def _check_old(call: Call, old: pydantic.SecretStr | None) -> None:
    if old is None:
        raise errors.BadInput('"old" is missing.', remedy="To change the own password, give the present one.")
    try:
        signin.verify(call.site, call.address, old.get_secret_value(), ip=call.actor.ip)
    except errors.NotSignedIn as error:
        raise errors.BadInput('"old" is not the present password.', remedy="Type it again.") from error


def _plain(password: pydantic.SecretStr | None) -> str:
    return password.get_secret_value() if password else ""


def _normal(aliases: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({addresses.own_address(text) for text in aliases}))


def _administrators(call: Call) -> Mapping[str, Administers]:
    """Return what each administrator administers."""
    found: dict[str, Administers] = {}
    for grant in roles.all_of(call.site):
        known = found.setdefault(grant.address, [])
        if not grant.domain:
            found[grant.address] = "site"
        elif isinstance(known, list):
            known.append(grant.domain)
    return found


def _shown(account: model.Account, administers: Mapping[str, Administers]) -> Account:
    return Account(
        address=account.address,
        name=account.name,
        aliases=list(account.aliases),
        active=account.active,
        quota_mb=account.quota_mb,
        send_only=account.send_only,
        super_user=account.super_user,
        host=account.host,
        administrator=administers.get(account.address),
    )
