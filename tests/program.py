"""The ``keryx`` program, loaded once and forked for each command of a test.

A start of Python with all that Keryx imports takes most of a second, and the tests run thousands of
commands. One process has imported it all and waits. For each command it forks: as after a start by the
launcher, the command is a process of its own with its own arguments, environment and standard streams.
What the launcher does is tested where a suite is brought up.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from keryx.core import errors
from keryx.core.process import Completed

LAUNCHER = Path(__file__).parent.parent / "keryx"
LAUNCHED = {
    "PYTHONPATH": str(LAUNCHER.parent / "src"),
    "PYTHONNOUSERSITE": "1",
    "KERYX_LAUNCHER": str(LAUNCHER),
}
"""What the launcher has in the environment."""
LONGEST = 1 << 20
"""Bytes of a request: arguments and environment."""


@dataclass(frozen=True)
class Running:
    """A command that runs: of subprocess.Popen what the tests use. It is killed with who asked for it."""

    pid: int
    _answer: socket.socket
    _told: list[int] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        arguments: Sequence[str | Path],
        streams: Sequence[IO[bytes]],
        *,
        env: Mapping[str, str] | None = None,
        own_session: bool = False,
    ) -> Running:
        """Start a command with these standard streams."""
        asked = {
            "words": ["keryx", *map(str, arguments)],
            "env": {**os.environ, **(env or {}), **LAUNCHED},
            "folder": os.getcwd(),
            "own_session": own_session,
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            numbers = [theirs.fileno(), *(stream.fileno() for stream in streams)]
            socket.send_fds(_server(), [json.dumps(asked).encode()], numbers)
        return cls(int(ours.recv(16)), ours)

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit status. Raises subprocess.TimeoutExpired."""
        if not self._told:
            self._answer.settimeout(timeout)
            try:
                self._told.append(int(self._answer.recv(16)))
            except OSError as error:
                raise subprocess.TimeoutExpired("keryx", timeout or 0) from error
            self._answer.close()
        return self._told[0]

    def terminate(self) -> None:
        """Ask it to end."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def leave(self) -> None:
        """Have it killed, and wait for nothing."""
        self._answer.close()


def keryx(
    *arguments: str | Path,
    input: str | None = None,
    check: bool = True,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command to its end, as ``keryx.core.process.run`` runs the launcher."""
    words = ["keryx", *map(str, arguments)]
    with contextlib.ExitStack() as stack:
        given, said, complained = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write((input or "").encode())
        given.seek(0)
        running = Running.start(arguments, (given, said, complained), env=env)
        try:
            status = running.wait(timeout)
        except subprocess.TimeoutExpired as error:
            running.leave()
            raise errors.CommandFailed(words, None, "", f"no end after {timeout:g} s") from error
        texts = []
        for stream in (said, complained):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    if check and status != 0:
        raise errors.CommandFailed(words, status, *texts)
    return Completed(status, *texts)


@functools.cache
def _server() -> socket.socket:
    """Start the process that forks; it ends with this one, which holds the other end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env={**os.environ, **LAUNCHED},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _serve(control: socket.socket) -> None:
    """Fork for each request; returns in the process that is to be the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, streams, _, _ = socket.recv_fds(control, LONGEST, 4)
        if not asked:
            os._exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            _attend(streams[0])
            _become(json.loads(asked), streams)
            return
        for stream in streams:
            os.close(stream)


def _attend(asker: int) -> None:
    """Fork once more, and tell who asked how that ended; returns in the new process."""
    command = os.fork()
    if command == 0:
        return
    watched = os.pidfd_open(command)
    ready, _, _ = select.select([watched, asker], [], [])
    if watched not in ready:
        # Its time is over: who asked has gone.
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    with contextlib.suppress(OSError):
        os.write(asker, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(asked: Mapping[str, Any], streams: Sequence[int]) -> None:
    if asked["own_session"]:
        os.setsid()
    os.write(streams[0], str(os.getpid()).encode())
    for number, stream in enumerate(streams[1:]):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = asked["words"]


if __name__ == "__main__":
    # This file's folder is no place of the launcher's.
    del sys.path[0]
    from keryx.cli import commands, main, run  # noqa: F401  # loaded once

    _serve(socket.socket(fileno=int(sys.argv[1])))
    main.main()
