"""A health check as data: what was looked at, what was found, what to do about it.

The command line prints checks, the admin UI shows them and probes answer with them; none of
them words its own.
"""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from keryx.core import errors

log = logging.getLogger(__name__)


class Status(enum.Enum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """What a check found, in one sentence, with the remedy when it is not good news."""

    status: Status
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """One question put to the running suite. ``probe`` may raise any KeryxError to say no."""

    id: str
    """Stable, dotted: ``dovecot.port.imaps``; scripts and the UI refer to it."""
    title: str
    probe: Callable[[], Finding]


@dataclass(frozen=True)
class Result:
    """A check with its finding and how long it took, in seconds."""

    id: str
    title: str
    status: Status
    sentence: str
    remedy: str
    seconds: float


@dataclass(frozen=True)
class ComponentStatus:
    """How one component is: what the supervisor knows, what the daemon itself answers."""

    name: str
    title: str
    state: str
    """``running``, ``starting``, ``failing``, ``stopped``, or ``not ready``."""
    ready: bool
    pid: int
    uptime: int
    """Seconds."""
    memory: int
    """Bytes, its processes' proportional set size (proc(5))."""
    ports: tuple[int, ...]
    sentence: str
    """What is wrong, when something is."""


def ok(sentence: str) -> Finding:
    """All is well."""
    return Finding(Status.OK, sentence)


def warning(sentence: str, remedy: str) -> Finding:
    """Mail flows, but someone should look."""
    return Finding(Status.WARNING, sentence, remedy)


def failed(sentence: str, remedy: str) -> Finding:
    """Something that the users need does not work."""
    return Finding(Status.FAILED, sentence, remedy)


def run(checks: Iterable[Check]) -> Iterator[Result]:
    """Run the checks one after the other, yielding each result as it comes."""
    for check in checks:
        start = time.monotonic()
        try:
            finding = check.probe()
        except errors.KeryxError as error:
            finding = failed(error.sentence, error.remedy)
        except OSError as error:
            finding = failed(f"{check.title}: {error}.", "Look at keryx status and keryx logs.")
        except Exception as error:
            # A mistake in one check must not hide what the others would find.
            log.warning("the check %s failed", check.id, exc_info=True)
            finding = failed(
                f"The check itself failed: {error!r}.", "That is a mistake of Keryx's: report it."
            )
        seconds = time.monotonic() - start
        yield Result(check.id, check.title, finding.status, finding.sentence, finding.remedy, seconds)
