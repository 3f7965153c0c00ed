"""Commands about the queue: list, show, flush, hold, release, delete."""

from __future__ import annotations

from typing import Annotated

import typer

from keryx.admin import queue
from keryx.admin.queue import Choice
from keryx.cli import context, output

app = typer.Typer(name="queue", help="Mail that waits to be delivered.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Queue identifiers.")]
Sender = Annotated[str, typer.Option("--sender", help="Only from this address or domain; '<>' for bounces.")]
Recipient = Annotated[str, typer.Option("--recipient", help="Only waiting for this address or domain.")]
Everything = Annotated[bool, typer.Option("--all", help="Every message in the queue.")]


@app.command(name="list")
def list_(sender: Sender = "", recipient: Recipient = "", as_json: output.JsonOption = False) -> None:
    """List the queue, oldest first, with the reason why each message waits."""
    messages = queue.list_messages(context.site(), sender, recipient)
    if as_json:
        output.emit_json(messages)
        return
    rows = [
        (
            message.id if not place else "",
            message.queue if not place else "",
            f"{message.arrived:%Y-%m-%d %H:%M}" if not place else "",
            f"{message.size / 1024:.0f} KiB" if not place else "",
            (message.sender or "<>") if not place else "",
            waiting.address,
            waiting.reason,
        )
        for message in messages
        for place, waiting in enumerate(message.recipients)
    ]
    headings = ("Id", "Queue", "Arrived (UTC)", "Size", "Sender", "Recipient", "Why it waits")
    output.table(headings, rows, empty="The queue is empty.")


@app.command()
def show(
    message: Annotated[str, typer.Argument(metavar="ID", help="Queue identifier.")],
    as_json: output.JsonOption = False,
) -> None:
    """Print a message in the queue: its envelope, its headers, its body."""
    site = context.site()
    text = queue.show(site, message, most=2 * site.settings.message_size_limit_mb * 2**20)
    if as_json:
        output.emit_json({"id": message, "content": text})
    else:
        output.console.print(text, markup=False, end="")


@app.command()
def flush(ids: Ids = None, sender: Sender = "", recipient: Recipient = "") -> None:
    """Try to deliver now: everything, or the messages named."""
    choice = Choice(ids or (), sender, recipient) if ids or sender or recipient else None
    _tell(queue.flush(context.site(), choice), "tried now; keryx queue list shows what still waits")


@app.command()
def hold(
    ids: Ids = None, sender: Sender = "", recipient: Recipient = "", everything: Everything = False
) -> None:
    """Set messages aside until they are released."""
    _tell(queue.hold(context.site(), Choice(ids or (), sender, recipient, everything)), "held")


@app.command()
def release(
    ids: Ids = None, sender: Sender = "", recipient: Recipient = "", everything: Everything = False
) -> None:
    """Let held messages go on."""
    _tell(queue.release(context.site(), Choice(ids or (), sender, recipient, everything)), "released")


@app.command()
def delete(
    ids: Ids = None, sender: Sender = "", recipient: Recipient = "", everything: Everything = False
) -> None:
    """Delete messages for good; their senders are not told."""
    _tell(queue.delete(context.site(), Choice(ids or (), sender, recipient, everything)), "deleted")


def _tell(number: int, what: str) -> None:
    output.say(f"{number} message{'' if number == 1 else 's'} {what}.")
