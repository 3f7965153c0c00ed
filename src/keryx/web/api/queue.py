"""The queue: mail that waits to be delivered."""

from __future__ import annotations

import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import PlainTextResponse

from keryx.admin import queue
from keryx.admin.queue import Choice
from keryx.components.postfix.commands import Message as Queued
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import LINE, Model, Page, PageQuery, page_of

router = APIRouter(tags=["queue"])

Id = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{6,30}$", description="Queue identifier.")]
Party = Annotated[str, Query(max_length=320, pattern=LINE)]


class Waiting(Model):
    """A recipient that has not got the message yet, and why."""

    address: str
    reason: str


class Message(Model):
    """A message in the queue."""

    id: str
    queue: str
    """``active``, ``deferred``, ``hold``, ``incoming`` or ``maildrop``."""
    arrived: datetime.datetime
    size: int
    """Bytes."""
    sender: str
    """Envelope sender; empty for a bounce."""
    recipients: list[Waiting]


class Done(Model):
    """How many messages it was done to."""

    count: int


@router.get("/queue")
def list_(
    call: Annotated[Call, over_nothing("queue.read")],
    paging: PageQuery,
    sender: Party = "",
    recipient: Party = "",
) -> Page[Message]:
    """List what waits, the oldest first.

    ``sender`` and ``recipient`` are an address or a domain; the sender ``<>`` is that of bounces.
    """
    return page_of(
        queue.list_messages(call.site, sender, recipient),
        paging,
        _shown,
        sorts={
            "arrived": lambda found: (found.arrived, found.id),
            "size": lambda found: found.size,
            "sender": lambda found: found.sender,
            "queue": lambda found: found.queue,
        },
        text=lambda found: " ".join(
            [found.id, found.sender, *(f"{waiting.address} {waiting.reason}" for waiting in found.recipients)]
        ),
    )


@router.delete("/queue")
def remove_many(
    call: Annotated[Call, over_nothing("queue.change")],
    sender: Party = "",
    recipient: Party = "",
    everything: bool = False,
) -> Done:
    """Delete messages for good; their senders are not told. One of the parameters must choose."""
    count = queue.delete(call.site, Choice((), sender, recipient, everything))
    call.did(
        "queue.delete",
        "everything" if everything else " ".join(part for part in (sender, recipient) if part),
        before={"sender": sender, "recipient": recipient, "everything": everything, "count": count},
    )
    return Done(count=count)


@router.post("/queue/flush")
def flush(call: Annotated[Call, over_nothing("queue.change")]) -> Done:
    """Try to deliver everything now."""
    count = queue.flush(call.site)
    call.did("queue.flush", "everything", after={"count": count})
    return Done(count=count)


@router.get(
    "/queue/{id}",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def show(call: Annotated[Call, over_nothing("queue.read")], id: Id) -> PlainTextResponse:
    """Show a message: its envelope, its headers, its body."""
    return PlainTextResponse(queue.show(call.site, id))


@router.delete("/queue/{id}", status_code=204)
def remove(call: Annotated[Call, over_nothing("queue.change")], id: Id) -> None:
    """Delete a message for good; its sender is not told."""
    queue.delete(call.site, Choice((id,)))
    call.did("queue.delete", id)


@router.post("/queue/{id}/hold", status_code=204)
def hold(call: Annotated[Call, over_nothing("queue.change")], id: Id) -> None:
    """Set a message aside until it is released."""
    queue.hold(call.site, Choice((id,)))
    call.did("queue.hold", id)


@router.post("/queue/{id}/release", status_code=204)
def release(call: Annotated[Call, over_nothing("queue.change")], id: Id) -> None:
    """Let a held message go on."""
    queue.release(call.site, Choice((id,)))
    call.did("queue.release", id)


@router.post("/queue/{id}/retry", status_code=204)
def retry(call: Annotated[Call, over_nothing("queue.change")], id: Id) -> None:
    """Try to deliver a message now."""
    queue.flush(call.site, Choice((id,)))
    call.did("queue.retry", id)


def _shown(found: Queued) -> Message:
    return Message(
        id=found.id,
        queue=found.queue,
        arrived=found.arrived,
        size=found.size,
        sender=found.sender,
        recipients=[Waiting(address=waiting.address, reason=waiting.reason) for waiting in found.recipients],
    )
