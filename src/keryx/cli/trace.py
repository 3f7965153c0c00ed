"""``keryx trace``: where mail for an address would go."""

from __future__ import annotations

from typing import Annotated

import typer

from keryx.admin import trace as tracing
from keryx.cli import context, output

KINDS = {
    "mailbox": "is delivered to the mailbox {address}",
    "external": "is sent on to {address}",
    "elsewhere": "goes on to {address}",
    "refused": "is refused for {address}: {reply}",
    "discarded": "is discarded for {address}",
}


def trace(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The recipient, as a sender writes it.")],
    as_json: output.JsonOption = False,
) -> None:
    """Tell where mail from outside for an address would go, and why; nothing is sent."""
    found = tracing.trace(context.site(), address)
    if as_json:
        output.emit_json(found)
        return
    for step in found.steps:
        output.plain(step.text)
    for end in found.destinations:
        output.plain(f"So it {KINDS[end.kind].format(address=end.address, reply=end.reply)}.")
