"""Where would this address go?"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from keryx.admin import addresses, trace
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import LINE, Model

router = APIRouter(tags=["trace"])


class Step(Model):
    """One rule that was applied."""

    address: str
    rule: str
    """Such as ``account``, ``alias``, ``extension``, ``catch-all``, ``alias-domain``."""
    text: str
    """A sentence."""


class Destination(Model):
    """Where a copy ends."""

    kind: Literal["mailbox", "external", "elsewhere", "refused", "discarded"]
    address: str
    reply: str
    """What the sender's server is told; empty when it is accepted."""


class Trace(Model):
    """The whole way of an address."""

    steps: list[Step]
    destinations: list[Destination]


@router.get("/trace")
def show(
    call: Annotated[Call, over_nothing("trace.read")],
    address: Annotated[str, Query(min_length=3, max_length=320, pattern=LINE)],
) -> Trace:
    """Follow an address through aliases, lists, catch-alls and alias domains, as mail would.

    A copy to a domain of this server that the caller does not administer is not followed: it ends
    ``elsewhere``.
    """
    wanted = addresses.target_address(address)
    call.may("trace.read", domain=addresses.domain_of(wanted))
    everywhere, domains = call.actor.role == "site", call.actor.domains
    found = trace.trace(call.site, wanted, lambda domain: everywhere or domain in domains)
    return Trace(
        steps=[Step(address=step.address, rule=step.rule, text=step.text) for step in found.steps],
        destinations=[
            Destination(kind=end.kind, address=end.address, reply=end.reply) for end in found.destinations
        ],
    )
