"""Use cases about the queue: look, retry, hold, release, delete.

A person names messages by identifier, by sender or recipient, or all of them, and must say
which: nothing chosen is refused, and so is a choice that matches nothing.

In a cluster there may be several pods of Postfix, each with a queue of its own: all of them are asked.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from keryx.components.postfix import commands
from keryx.components.postfix.commands import Message
from keryx.core import errors
from keryx.core.privileged import privileged
from keryx.settings.site import Site


@dataclass(frozen=True)
class Choice:
    """Which messages are meant; the parts narrow each other down."""

    ids: Sequence[str] = ()
    sender: str = ""
    """An address, a domain, or ``<>`` for bounces."""
    recipient: str = ""
    """An address or a domain; messages that still wait for it."""
    everything: bool = False

    def of(self, messages: Sequence[Message]) -> list[Message]:
        """Return the chosen ones; raises BadInput or NotFound."""
        named = {commands.identifier(text) for text in self.ids}
        if not (named or self.sender or self.recipient or self.everything):
            raise errors.BadInput(
                "No message is named.",
                remedy="Give queue identifiers, --sender, --recipient, or --all for every message.",
            )
        if self.everything and (named or self.sender or self.recipient):
            raise errors.BadInput(
                "--all means every message and cannot be narrowed down.", remedy="Leave --all out."
            )
        missing = named - {message.id for message in messages}
        if missing:
            raise errors.NotFound(
                f"There is no message {', '.join(sorted(missing))} in the queue.",
                remedy="keryx queue list shows what is there; nothing was changed.",
            )
        return [message for message in messages if self._fits(message, named)]

    def _fits(self, message: Message, named: set[str]) -> bool:
        return (
            (not named or message.id in named)
            and (not self.sender or _matches(self.sender, message.sender))
            and (
                not self.recipient
                or any(_matches(self.recipient, waiting.address) for waiting in message.recipients)
            )
        )


def _in_order(queues: Sequence[list[Message]]) -> list[Message]:
    return sorted((message for messages in queues for message in messages), key=lambda one: one.arrived)


@privileged(shown=("sender", "recipient"), place="queue", merge=_in_order)
def list_messages(site: Site, sender: str = "", recipient: str = "") -> list[Message]:
    """Return the queue, oldest first, narrowed down when asked."""
    messages = commands.list_messages(site)
    if not (sender or recipient):
        return messages
    return Choice(sender=sender, recipient=recipient).of(messages)


@dataclass(frozen=True)
class Depth:
    """How much waits, and for how long."""

    count: int
    oldest_seconds: int
    """Age of the oldest message; 0 when the queue is empty."""


def _together(depths: Sequence[Depth]) -> Depth:
    return Depth(sum(one.count for one in depths), max(one.oldest_seconds for one in depths))


@privileged(place="queue", merge=_together)
def depth(site: Site) -> Depth:
    """Return how many messages are in the queue, and the age of the oldest."""
    count, oldest = commands.depth(site)
    now = datetime.datetime.now(datetime.UTC)
    return Depth(count, max(0, int((now - oldest).total_seconds())) if oldest else 0)


@privileged(shown=("message",), place="queue", merge=operator.itemgetter(0))
def show(site: Site, message: str, *, most: int = 1024 * 1024) -> str:
    """Return one message with its envelope; of a long one the first ``most`` bytes, and says so."""
    text, more = commands.show(site, message, max(0, most))
    return f"{text}\n[The message is longer; this is its beginning.]\n" if more else text


@privileged(shown=("choice",), place="queue", merge=sum)
def flush(site: Site, choice: Choice | None = None) -> int:
    """Try the chosen messages now, or everything; returns how many are tried."""
    messages = commands.list_messages(site)
    if choice is None:
        commands.flush(site)
        return len(messages)
    chosen = choice.of(messages)
    for message in chosen:
        commands.retry(site, message.id)
    return len(chosen)


@privileged(shown=("choice",), place="queue", merge=sum)
def hold(site: Site, choice: Choice) -> int:
    """Set messages aside; returns how many."""
    return commands.hold(site, _ids(site, choice))


@privileged(shown=("choice",), place="queue", merge=sum)
def release(site: Site, choice: Choice) -> int:
    """Let held messages go on; returns how many."""
    return commands.release(site, _ids(site, choice, queue="hold"))


@privileged(shown=("choice",), place="queue", merge=sum)
def delete(site: Site, choice: Choice) -> int:
    """Delete messages for good; their senders are not told. Returns how many."""
    return commands.delete(site, _ids(site, choice))


def _ids(site: Site, choice: Choice, queue: str = "") -> list[str]:
    chosen = choice.of(commands.list_messages(site))
    return [message.id for message in chosen if not queue or message.queue == queue]


def _matches(wanted: str, address: str) -> bool:
    """Whether an address is the wanted one, or of the wanted domain."""
    wanted, address = wanted.strip().lower(), address.lower()
    if wanted == "<>":
        return address == ""
    if "@" in wanted.lstrip("@"):
        return address == wanted
    return address.rpartition("@")[2] == wanted.lstrip("@")
