"""Running native commands: one door, so that every call has a time-out and a typed failure."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psutil

from keryx.core import errors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Completed:
    """What a finished command left behind."""

    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float = 60,
    input: str | None = None,
    stdin: BinaryIO | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> Completed:
    """Run ``argv`` to its end and return what it printed.

    ``timeout`` is in seconds. ``input`` goes to standard input: the way for secrets, which must
    never be in ``argv``; so does ``stdin``, an open file, from where it stands. ``env`` is added to
    the environment. With ``check`` a status other than 0 raises CommandFailed; a missing program and
    a time-out always do.
    """
    words = [str(word) for word in argv]
    log.debug("run: %s", shlex.join(words))
    try:
        done = subprocess.run(
            words,
            input=input,
            stdin=(stdin or subprocess.DEVNULL) if input is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except FileNotFoundError as error:
        raise errors.CommandFailed(words, 127, "", f"{words[0]}: not installed") from error
    except subprocess.TimeoutExpired as error:
        raise errors.CommandFailed(words, None, "", f"no end after {timeout:g} s") from error
    if check and done.returncode != 0:
        raise errors.CommandFailed(words, done.returncode, done.stdout, done.stderr)
    return Completed(done.returncode, done.stdout, done.stderr)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until the condition holds; return whether it did in so many seconds.

    For what other processes do and nobody announces.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def members(group: int) -> list[psutil.Process]:
    """Return the processes of a group (setpgid(2)) that have not ended."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@dataclass
class Stillness:
    """Tells which processes have only waited for so many seconds, of those that it is asked about again
    and again."""

    seconds: float
    _seen: dict[int, tuple[int, float]] = field(default_factory=dict)
    """Of each of them, how often it has waited, and since when that often."""

    def of(self, process: psutil.Process) -> bool:
        """Whether it has not run since then; raises psutil.NoSuchProcess."""
        now, switches = time.monotonic(), process.num_ctx_switches().voluntary
        before, since = self._seen.get(process.pid, (-1, now))
        if before != switches:
            self._seen[process.pid] = (switches, now)
        return before == switches and now - since > self.seconds

    def forget(self) -> None:
        """Begin anew."""
        self._seen.clear()


def beginning(argv: Sequence[str | Path], most: int, *, timeout: float = 60) -> tuple[str, bool]:
    """Run ``argv`` and return the first ``most`` bytes of what it prints, and whether there is more.

    For output of any size: a command that has more to say is ended. Errors are those of ``run``.
    """
    words = [str(word) for word in argv]
    log.debug("run: %s", shlex.join(words))
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
            )
        except FileNotFoundError as error:
            raise errors.CommandFailed(words, 127, "", f"{words[0]}: not installed") from error
        alarm = threading.Timer(timeout, process.kill)
        alarm.start()
        with process:
            assert process.stdout is not None
            found = process.stdout.read(most + 1)
            if len(found) > most:
                process.kill()
        alarm.cancel()
        complaints.seek(0)
        said = complaints.read().decode(errors="replace")
    text = found[:most].decode(errors="replace")
    if process.returncode != 0 and len(found) <= most:
        raise errors.CommandFailed(words, process.returncode, text, said)
    return text, len(found) > most
