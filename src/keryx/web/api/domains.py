"""Domains: those whose mail is accepted here, their DNS records, keys and alias domains."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from keryx.admin import addresses, alias_domains, dkim, dns, domains, permissions
from keryx.core import errors
from keryx.dns import records
from keryx.web.api.call import Call, over_domain, over_nothing
from keryx.web.api.models import (
    Count,
    DomainPath,
    Line,
    Megabytes,
    Model,
    OnlyNew,
    Page,
    PageQuery,
    check_new,
    page_of,
)

router = APIRouter(tags=["domains"])


class DomainInput(Model):
    """A whole domain; what is left out takes its default."""

    description: Line = ""
    default_quota_mb: Megabytes | None = None
    """Limit of a new account's store in MiB, 0 is unlimited; null takes the site's."""
    max_accounts: Count = 0
    """0 is unlimited; for site administrators to change, as the other limits."""
    max_aliases: Count = 0
    """0 is unlimited."""
    max_quota_mb: Megabytes = 0
    """What its accounts may be given together, in MiB; 0 is unlimited."""


class DomainChange(Model):
    """What to change of a domain; what is left out stays."""

    description: Line | None = None
    default_quota_mb: Megabytes | None = None
    """null takes the site's."""
    max_accounts: Count | None = None
    max_aliases: Count | None = None
    max_quota_mb: Megabytes | None = None


class Domain(Model):
    """A domain with how much is in it."""

    name: str
    description: str
    default_quota_mb: int | None
    max_accounts: int
    max_aliases: int
    max_quota_mb: int
    accounts: int
    aliases: int
    """Those of its own and those of accounts."""
    quota_given_mb: int
    """What its accounts were given together."""
    alias_domains: list[str]


class Record(Model):
    """A DNS record to publish."""

    name: str
    """Fully qualified, without the final dot."""
    type: str
    value: str
    """As people write it; a TXT record's text in one piece, without quotes."""
    why: str
    ttl: int
    complete: bool
    """False where the value says what to fill in."""


class DkimKey(Model):
    """A DKIM key (RFC 6376), as far as the world may know it."""

    selector: str
    algorithm: str
    """``rsa`` or ``ed25519``."""
    public: str
    """Base64."""
    active: bool
    """Whether mail is signed with it."""
    record_name: str
    record_text: str


class AliasDomain(Model):
    """A domain each of whose addresses is the same address in another one."""

    name: str
    domain: str


LIMITS = ("max_accounts", "max_aliases", "max_quota_mb")


@router.get("/domains")
def list_(call: Annotated[Call, over_nothing("domain.list")], paging: PageQuery) -> Page[Domain]:
    """List the domains that the caller administers."""
    visible = permissions.visible_domains(call.actor)
    found = [domain for domain in domains.all_of(call.site) if visible is None or domain.name in visible]
    return page_of(
        found,
        paging,
        _shown,
        sorts={
            "name": lambda domain: domain.name,
            "description": lambda domain: domain.description.casefold(),
            "accounts": lambda domain: domain.accounts,
            "aliases": lambda domain: domain.aliases,
            "quota_given_mb": lambda domain: domain.quota_given_mb,
        },
        text=lambda domain: f"{domain.name} {domain.description} {' '.join(domain.alias_domains)}",
    )


@router.get("/domains/{domain}")
def show(call: Annotated[Call, over_domain("domain.read")]) -> Domain:
    """Show a domain."""
    return _shown(domains.show(call.site, call.domain))


@router.put("/domains/{domain}", responses={201: {"model": Domain, "description": "It was added."}})
def put(
    call: Annotated[Call, over_domain("domain.change")],
    body: DomainInput,
    response: Response,
    if_none_match: OnlyNew = None,
) -> Domain:
    """Add a domain, or give it other values.

    A new one gets the addresses postmaster and abuse and its DKIM keys.
    """
    before = _find(call)
    if before is None:
        call.may("domain.add", domain=call.domain)
        domains.add(call.site, call.domain, **body.model_dump())
        made = domains.show(call.site, call.domain)
        call.did("domain.add", call.domain, after=made)
        response.status_code = 201
        return _shown(made)
    check_new(if_none_match, call.domain)
    return _change(call, before, body.model_dump())


@router.patch("/domains/{domain}")
def patch(call: Annotated[Call, over_domain("domain.change")], body: DomainChange) -> Domain:
    """Change a domain; what is not given stays."""
    given = body.model_dump(exclude_unset=True)
    nulls = [name for name, value in given.items() if value is None and name != "default_quota_mb"]
    if nulls:
        raise errors.BadInput(f'"{nulls[0]}" cannot be null.', remedy="Leave it out to keep it.")
    return _change(call, domains.show(call.site, call.domain), given)


@router.delete("/domains/{domain}", status_code=204)
def remove(
    call: Annotated[Call, over_domain("domain.remove")],
    force: Annotated[bool, Query(description="Together with its accounts and aliases.")] = False,
    purge_mail: Annotated[bool, Query(description="Remove its stored mail for good, too.")] = False,
) -> None:
    """Remove a domain with its DKIM keys; stored mail is kept."""
    before = domains.show(call.site, call.domain)
    domains.remove(call.site, call.domain, force=force, purge_mail=purge_mail)
    call.did("domain.remove", call.domain, before=before)


@router.get("/domains/{domain}/dns")
def dns_records(call: Annotated[Call, over_domain("domain.dns")], paging: PageQuery) -> Page[Record]:
    """List the DNS records to publish for a domain, each with the reason."""
    found = list(enumerate(_records(call)))
    return page_of(
        found,
        paging,
        lambda place: _record(place[1]),
        sorts={
            # As a person would enter them: MX first.
            "order": lambda place: place[0],
            "name": lambda place: (place[1].name, place[1].type),
            "type": lambda place: (place[1].type, place[1].name),
        },
        text=lambda place: f"{place[1].name} {place[1].type} {place[1].value}",
    )


@router.get(
    "/domains/{domain}/zone",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def zone(call: Annotated[Call, over_domain("domain.dns")]) -> PlainTextResponse:
    """Show the same records as a zone file (RFC 1035, section 5)."""
    return PlainTextResponse(records.zone_file(_records(call)))


@router.get("/domains/{domain}/dkim")
def dkim_keys(call: Annotated[Call, over_domain("domain.dkim.read")], paging: PageQuery) -> Page[DkimKey]:
    """List the domain's DKIM keys, those that sign first."""
    _exists(call)
    return _keys(call, paging)


@router.post("/domains/{domain}/dkim", responses={201: {"model": Page[DkimKey], "description": "Made."}})
def make_dkim_keys(
    call: Annotated[Call, over_domain("domain.dkim.make")], paging: PageQuery, response: Response
) -> Page[DkimKey]:
    """Make the DKIM keys that a domain lacks; those that it has stay."""
    if domains.make_keys(call.site, [call.domain]).changed:
        response.status_code = 201
        call.did("domain.dkim.make", call.domain)
    return _keys(call, paging)


@router.get("/domains/{domain}/alias-domains")
def list_alias_domains(
    call: Annotated[Call, over_domain("domain.alias-domains.read")], paging: PageQuery
) -> Page[AliasDomain]:
    """List the alias domains of a domain."""
    return page_of(
        alias_domains.all_of(call.site, call.domain),
        paging,
        lambda name: AliasDomain(name=name, domain=call.domain),
        sorts={"name": lambda name: name},
        text=lambda name: name,
    )


@router.put(
    "/domains/{domain}/alias-domains/{name}",
    responses={201: {"model": AliasDomain, "description": "It was added."}},
)
def put_alias_domain(
    call: Annotated[Call, over_domain("domain.alias-domains.change")], name: DomainPath, response: Response
) -> AliasDomain:
    """Make every address of another domain the same address in this one."""
    wanted = addresses.domain_name(name)
    added = AliasDomain(name=wanted, domain=call.domain)
    if alias_domains.add(call.site, call.domain, wanted).changed:
        response.status_code = 201
        call.did("alias-domain.add", wanted, after=added.model_dump())
    return added


@router.delete("/domains/{domain}/alias-domains/{name}", status_code=204)
def remove_alias_domain(
    call: Annotated[Call, over_domain("domain.alias-domains.change")], name: DomainPath
) -> None:
    """Take an alias domain away."""
    wanted = addresses.domain_name(name)
    alias_domains.remove(call.site, call.domain, wanted)
    call.did("alias-domain.remove", wanted, before={"name": wanted, "domain": call.domain})


def _find(call: Call) -> domains.Summary | None:
    try:
        return domains.show(call.site, call.domain)
    except errors.NotFound:
        return None


def _exists(call: Call) -> None:
    """Raise NotFound when there is no such domain, nor an alias domain of that name."""
    if call.domain not in alias_domains.every(call.site):
        domains.show(call.site, call.domain)


def _change(call: Call, before: domains.Summary, given: dict[str, Any]) -> Domain:
    """Change what differs; the limits are the site administrator's to change."""
    wanted = {name: value for name, value in given.items() if value != getattr(before, name)}
    if not wanted:
        return _shown(before)
    if any(name in wanted for name in LIMITS):
        call.may("domain.limits", domain=call.domain)
    no_default = wanted.get("default_quota_mb", 0) is None
    domains.change(call.site, call.domain, **wanted, sites_quota=no_default)
    after = domains.show(call.site, call.domain)
    call.did("domain.change", call.domain, before=before, after=after)
    return _shown(after)


def _records(call: Call) -> list[records.Record]:
    _exists(call)
    return list(dns.domain_records(call.site, call.domain))


def _keys(call: Call, paging: PageQuery) -> Page[DkimKey]:
    found = list(enumerate(dkim.show(call.site, call.domain)))
    return page_of(
        found,
        paging,
        lambda place: _key(place[1]),
        sorts={"order": lambda place: place[0], "selector": lambda place: place[1].selector},
        text=lambda place: f"{place[1].selector} {place[1].algorithm}",
    )


def _key(key: dkim.Key) -> DkimKey:
    return DkimKey(
        selector=key.selector,
        algorithm=key.algorithm,
        public=key.public,
        active=key.active,
        record_name=key.record_name,
        record_text=key.record_text,
    )


def _record(record: records.Record) -> Record:
    return Record(
        name=record.name,
        type=record.type,
        value=record.value,
        why=record.why,
        ttl=record.ttl,
        complete=record.complete,
    )


def _shown(found: domains.Summary) -> Domain:
    return Domain(
        name=found.name,
        description=found.description,
        default_quota_mb=found.default_quota_mb,
        max_accounts=found.max_accounts,
        max_aliases=found.max_aliases,
        max_quota_mb=found.max_quota_mb,
        accounts=found.accounts,
        aliases=found.aliases,
        quota_given_mb=found.quota_given_mb,
        alias_domains=list(found.alias_domains),
    )
