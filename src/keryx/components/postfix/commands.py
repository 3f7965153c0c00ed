"""Postfix's queue commands, one typed function each.

The argument lists are built by pure functions (``*_argv``); queue identifiers are checked in
every one of them, so that neither an option nor ``ALL`` slips in as one.
Manual: https://www.postfix.org/postqueue.1.html, postsuper.1.html, postcat.1.html
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from keryx.core import errors
from keryx.core.process import beginning, run
from keryx.settings.site import Site

IDENTIFIER = re.compile(r"[0-9A-Za-z]{6,30}")
ALL = "ALL"


@dataclass(frozen=True)
class Waiting:
    """A recipient that has not got the message yet, and why."""

    address: str
    reason: str


@dataclass(frozen=True)
class Message:
    """A message in the queue."""

    id: str
    queue: str
    """``active``, ``deferred``, ``hold``, ``incoming`` or ``maildrop``."""
    arrived: datetime.datetime
    size: int
    """Bytes."""
    sender: str
    """Envelope sender; empty for a bounce."""
    recipients: tuple[Waiting, ...]


def identifier(text: str) -> str:
    """Return a queue identifier; raises BadInput when it cannot be one."""
    if not IDENTIFIER.fullmatch(text) or text.upper() == ALL:
        raise errors.BadInput(
            f'"{text}" is not a queue identifier.', remedy="keryx queue list shows the identifiers."
        )
    return text


# --- argument lists


def _base(program: str, site: Site) -> list[str]:
    return [f"/usr/sbin/{program}", "-c", str(site.paths.etc("postfix"))]


def list_argv(site: Site) -> list[str]:
    """Return the command that lists the queue as JSON lines."""
    return [*_base("postqueue", site), "-j"]


def flush_argv(site: Site) -> list[str]:
    """Return the command that tries every waiting message now."""
    return [*_base("postqueue", site), "-f"]


def retry_argv(site: Site, message: str) -> list[str]:
    """Return the command that tries one message now."""
    return [*_base("postqueue", site), "-i", identifier(message)]


def show_argv(site: Site, message: str) -> list[str]:
    """Return the command that prints a message: envelope (-e), header (-h), body (-b)."""
    return [*_base("postcat", site), "-ehbq", identifier(message)]


def super_argv(site: Site, action: str) -> list[str]:
    """Return the command that acts upon the identifiers given on standard input.

    ``action`` is ``-d`` (delete), ``-h`` (hold) or ``-H`` (release).
    """
    if action not in ("-d", "-h", "-H"):
        raise ValueError(action)
    return [*_base("postsuper", site), action, "-"]


def parameters_argv(site: Site, names: Sequence[str], *, default: bool) -> list[str]:
    """Return the command that tells parameters' values or defaults, expanded (``-x``)."""
    return [*_base("postconf", site), "-x", *(["-d"] if default else []), *names]


# --- running them


def master(site: Site) -> psutil.Process | None:
    """Return Postfix' first process, None where it does not run."""
    try:
        return psutil.Process(int((site.paths.spool / "pid" / "master.pid").read_text()))
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None


def wake_queue_manager(site: Site, request: str) -> None:
    """Ask the queue manager, which has to run, to look at its queues.

    ``request`` is in letters of its trigger protocol: I something has come in, A all that waits.
    """
    run([*_base("postkick", site), "public", "qmgr", request], check=False)


def parameters(site: Site, names: Sequence[str], *, default: bool = False) -> dict[str, str]:
    """Return these parameters' values, or Postfix' defaults; what Postfix does not know is left out."""
    said = run(parameters_argv(site, names, default=default), check=False).stdout
    pairs = (line.partition("=") for line in said.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def list_messages(site: Site) -> list[Message]:
    """Return what is in the queue, oldest first."""
    done = run(list_argv(site), check=False)
    if done.returncode != 0:
        raise _unlisted(done.stderr)
    return parse(done.stdout)


def depth(site: Site) -> tuple[int, datetime.datetime | None]:
    """Return how many messages are in the queue and when the oldest came; for long queues too."""
    done = run(list_argv(site), check=False)
    if done.returncode != 0:
        raise _unlisted(done.stderr)
    return measure(done.stdout)


def show(site: Site, message: str, most: int) -> tuple[str, bool]:
    """Return the first ``most`` bytes of a queued message with its envelope, and whether there is
    more; raises NotFound.
    """
    try:
        return beginning(show_argv(site, message), most)
    except errors.CommandFailed as error:
        raise errors.NotFound(
            f"There is no message {message} in the queue.", remedy="It may have been delivered meanwhile."
        ) from error


def flush(site: Site) -> None:
    """Try every waiting message now."""
    run(flush_argv(site))


def retry(site: Site, message: str) -> None:
    """Try one message now."""
    run(retry_argv(site, message))


def delete(site: Site, chosen: Sequence[str]) -> int:
    """Delete messages for good; returns how many were there to delete."""
    return _super(site, "-d", chosen)


def hold(site: Site, chosen: Sequence[str]) -> int:
    """Set messages aside until they are released; returns how many were."""
    return _super(site, "-h", chosen)


def release(site: Site, chosen: Sequence[str]) -> int:
    """Let held messages go on; returns how many did."""
    return _super(site, "-H", chosen)


def _super(site: Site, action: str, chosen: Sequence[str]) -> int:
    if not chosen:
        return 0
    lines = "".join(f"{identifier(message)}\n" for message in chosen)
    return count(run(super_argv(site, action), input=lines).stderr)


# --- what they say


def parse(text: str) -> list[Message]:
    """Read ``postqueue -j``, one object per line:

    {"queue_name": "deferred", "queue_id": "4jXKWw2CfzzJbLW", "arrival_time": 1795330364,
    "message_size": 749, "forced_expire": false, "sender": "alice@example.org", "recipients":
    [{"address": "far@ext.test", "delay_reason": "connect to mx.ext.test[192.0.2.9]:25: Connection refused"}]}
    """
    found = []
    for line in text.splitlines():
        entry = json.loads(line)
        found.append(
            Message(
                id=entry["queue_id"],
                queue=entry["queue_name"],
                arrived=datetime.datetime.fromtimestamp(entry["arrival_time"], datetime.UTC),
                size=entry["message_size"],
                sender="" if entry["sender"] == "MAILER-DAEMON" else entry["sender"],
                recipients=tuple(
                    Waiting(recipient["address"], recipient.get("delay_reason", ""))
                    for recipient in entry["recipients"]
                ),
            )
        )
    return sorted(found, key=lambda message: (message.arrived, message.id))


def count(text: str) -> int:
    """Read the summary of postsuper, such as ``postsuper: Deleted: 2 messages`` or
    ``postsuper: Placed on hold: 1 message``; without one, nothing was found.
    """
    found = re.findall(r"(?:Deleted|Placed on hold|Released from hold): ([0-9]+) message", text)
    return sum(int(number) for number in found)


def measure(text: str) -> tuple[int, datetime.datetime | None]:
    """Count ``postqueue -j`` without reading every recipient; within texts, quotes are escaped."""
    times = [int(number) for number in re.findall(r'"arrival_time": ?([0-9]+)', text)]
    return len(times), datetime.datetime.fromtimestamp(min(times), datetime.UTC) if times else None


def _unlisted(said: str) -> errors.Unreachable:
    return errors.Unreachable(
        f"The queue cannot be listed: {_last(said)}.", remedy="Postfix must be running: keryx status."
    )


def _last(text: str) -> str:
    lines = text.strip().splitlines() or ["it said nothing"]
    return lines[-1].removeprefix("postqueue: ").removeprefix("fatal: ").rstrip(".")
