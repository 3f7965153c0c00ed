"""What people set for their own mail: forwarding, vacation, filters, spam, language; their connections."""

from __future__ import annotations

import dataclasses
import urllib.parse
from typing import Annotated, Literal, TypeVar

import pydantic
from fastapi import APIRouter

from keryx.admin import accounts, addresses, client_setup, preferences, selfservice, spam, store
from keryx.web.api.call import Call, over_account
from keryx.web.api.models import LINE, Address, Day, Flag, Line, Model, Page, PageQuery, Text, page_of

router = APIRouter(tags=["self-service"])

BodyT = TypeVar("BodyT", bound=Model)

Sender = Annotated[str, pydantic.StringConstraints(min_length=2, max_length=320, pattern=LINE)]


class Forwarding(Model):
    """Where an account's mail goes on to."""

    targets: Annotated[tuple[Address, ...], pydantic.Field(max_length=50)] = ()
    keep_copy: Flag = True
    """Whether it is delivered here, too."""
    active: Flag = False


class Vacation(Model):
    """The answer while away (RFC 5230)."""

    active: Flag = False
    subject: Line = ""
    """Empty: the subject of the mail that is answered."""
    text: Text = ""
    start: Day | None = None
    """First day; null is at once."""
    end: Day | None = None
    """Last day; null is until switched off."""
    days: Annotated[int, pydantic.Field(ge=1, le=365, strict=True)] = 7
    """Each sender is answered once in so many days."""


class Filter(Model):
    """One rule: when a field fits, do something."""

    name: Line
    field: Literal["from", "to", "subject", "list-id", "size"]
    test: Literal["contains", "is", "matches", "over"]
    value: Line
    """Text; for ``size`` a number of KiB. ``matches`` knows ``*`` and ``?``."""
    action: Literal["fileinto", "discard", "flag", "redirect"]
    argument: Line = ""
    """The folder of fileinto, the address of redirect, the flag of flag."""
    stop: Flag = True
    """Whether later rules are left out."""
    active: Flag = True


Filters = Annotated[list[Filter], pydantic.Field(max_length=200)]
"""An account's rules, in order."""


class Spam(Model):
    """What an account takes for spam."""

    threshold: Annotated[float, pydantic.Field(ge=0, le=100, allow_inf_nan=False, strict=True)] | None = None
    """Score from which mail is filed to Junk; null takes the site's."""
    allow: Annotated[tuple[Sender, ...], pydantic.Field(max_length=1000)] = ()
    """Addresses, or domains such as ``@example.org``, that are never spam."""
    block: Annotated[tuple[Sender, ...], pydantic.Field(max_length=1000)] = ()
    """The same, that always are."""


class Preferences(Model):
    """How a person likes the pages."""

    language: Literal["", "en", "de"] = ""
    """Empty: as the browser wishes."""


class MailSession(Model):
    """A mail program that is connected."""

    service: str
    """``imap``, ``pop3`` or ``sieve``."""
    client_ip: str


class Server(Model):
    """Where a protocol is spoken."""

    protocol: Literal["imap", "pop3", "smtp", "sieve"]
    """``smtp`` is submission."""
    host: str
    port: int
    security: Literal["tls", "starttls"]
    """``tls`` from the first byte, or ``starttls``."""


class Setup(Model):
    """How a mail program, a phone or a calendar is set up; addresses of what is off are empty."""

    user: str
    """The user name, everywhere."""
    servers: list[Server]
    """The better protected one of a protocol first."""
    webmail: str
    caldav: str
    carddav: str
    activesync: str
    page: str
    """The set-up page, which may be shown to anybody."""
    profile: str
    """Apple's configuration profile for this address."""


class Ended(Model):
    """How many were ended."""

    count: int


@router.get("/accounts/{address}/forwarding")
def forwarding(call: Annotated[Call, over_account("forwarding.read")]) -> Forwarding:
    """Show where an account's mail goes on to."""
    accounts.show(call.site, call.address)
    found = selfservice.forwarding(call.site, call.address)
    return Forwarding(targets=found.targets, keep_copy=found.keep_copy, active=found.active)


@router.put("/accounts/{address}/forwarding")
def put_forwarding(call: Annotated[Call, over_account("forwarding.change")], body: Forwarding) -> Forwarding:
    """Change where an account's mail goes on to."""
    before = forwarding(call)
    wanted = selfservice.Forwarding(body.targets, body.keep_copy, body.active)
    selfservice.set_forwarding(call.site, call.address, wanted)
    return _changed(call, "forwarding.change", before, forwarding(call))


@router.get("/accounts/{address}/vacation")
def vacation(call: Annotated[Call, over_account("vacation.read")]) -> Vacation:
    """Show the answer while away."""
    accounts.show(call.site, call.address)
    found = selfservice.vacation(call.site, call.address)
    return Vacation(
        active=found.active,
        subject=found.subject,
        text=found.text,
        start=found.start,
        end=found.end,
        days=found.days,
    )


@router.put("/accounts/{address}/vacation")
def put_vacation(call: Annotated[Call, over_account("vacation.change")], body: Vacation) -> Vacation:
    """Change the answer while away."""
    before = vacation(call)
    selfservice.set_vacation(call.site, call.address, selfservice.Vacation(**body.model_dump()))
    return _changed(call, "vacation.change", before, vacation(call))


@router.get("/accounts/{address}/filters")
def filters(call: Annotated[Call, over_account("filters.read")]) -> list[Filter]:
    """Show an account's filter rules, in order."""
    accounts.show(call.site, call.address)
    found = selfservice.filters(call.site, call.address)
    return [
        Filter(
            name=rule.name,
            field=rule.field,
            test=rule.test,
            value=rule.value,
            action=rule.action,
            argument=rule.argument,
            stop=rule.stop,
            active=rule.active,
        )
        for rule in found
    ]


@router.put("/accounts/{address}/filters")
def put_filters(call: Annotated[Call, over_account("filters.change")], body: Filters) -> list[Filter]:
    """Replace an account's filter rules, all at once."""
    before = filters(call)
    wanted = [selfservice.Filter(**rule.model_dump()) for rule in body]
    selfservice.set_filters(call.site, call.address, wanted)
    after = filters(call)
    if after != before:
        call.did("filters.change", call.address, before=_plain(before), after=_plain(after))
    return after


@router.get("/accounts/{address}/spam")
def show_spam(call: Annotated[Call, over_account("spam.read")]) -> Spam:
    """Show what an account takes for spam."""
    accounts.show(call.site, call.address)
    found = spam.show(call.site, call.address)
    return Spam(threshold=found.threshold, allow=found.allow, block=found.block)


@router.put("/accounts/{address}/spam")
def put_spam(call: Annotated[Call, over_account("spam.change")], body: Spam) -> Spam:
    """Change what an account takes for spam; it works within seconds."""
    before = show_spam(call)
    spam.change(call.site, call.address, spam.Spam(body.threshold, body.allow, body.block))
    return _changed(call, "spam.change", before, show_spam(call))


@router.get("/accounts/{address}/preferences")
def show_preferences(call: Annotated[Call, over_account("preferences.read")]) -> Preferences:
    """Show how a person likes the pages."""
    accounts.show(call.site, call.address)
    return Preferences(language=preferences.show(call.site, call.address).language)


@router.put("/accounts/{address}/preferences")
def put_preferences(
    call: Annotated[Call, over_account("preferences.change")], body: Preferences
) -> Preferences:
    """Change how a person likes the pages."""
    before = show_preferences(call)
    preferences.change(call.site, call.address, preferences.Preferences(language=body.language))
    return _changed(call, "preferences.change", before, show_preferences(call))


@router.get("/accounts/{address}/sessions")
def mail_sessions(
    call: Annotated[Call, over_account("mail-sessions.read")], paging: PageQuery
) -> Page[MailSession]:
    """List the connections of an account's mail programs: IMAP, POP3, ManageSieve."""
    accounts.show(call.site, call.address)
    return page_of(
        store.connections(call.site, call.address),
        paging,
        lambda found: MailSession(service=found.service, client_ip=found.ip),
        sorts={"service": lambda found: found.service, "client_ip": lambda found: found.ip},
        text=lambda found: f"{found.service} {found.ip}",
    )


@router.delete("/accounts/{address}/sessions")
def end_mail_sessions(call: Annotated[Call, over_account("mail-sessions.end")]) -> Ended:
    """End the connections of an account's mail programs; they may log in again."""
    accounts.show(call.site, call.address)
    count = len(store.connections(call.site, call.address))
    store.disconnect(call.site, call.address)
    call.did("mail-sessions.end", call.address)
    return Ended(count=count)


@router.get("/accounts/{address}/setup")
def setup(call: Annotated[Call, over_account("account.setup")]) -> Setup:
    """Show how an account is set up in mail programs and phones."""
    accounts.show(call.site, call.address)
    found = client_setup.of(call.site, addresses.domain_of(call.address))
    profile = f"{found.profile}?{urllib.parse.urlencode({'address': call.address})}" if found.profile else ""
    return Setup(
        user=call.address,
        servers=[Server.model_validate(dataclasses.asdict(server)) for server in found.servers],
        webmail=found.webmail,
        caldav=found.caldav,
        carddav=found.carddav,
        activesync=found.activesync,
        page=found.page,
        profile=profile,
    )


def _plain(rules: list[Filter]) -> dict[str, object]:
    return {"rules": [rule.model_dump(mode="json") for rule in rules]}


def _changed(call: Call, action: str, before: BodyT, after: BodyT) -> BodyT:
    if after != before:
        call.did(
            action, call.address, before=before.model_dump(mode="json"), after=after.model_dump(mode="json")
        )
    return after
