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
from pathlib import Path
from typing import Any

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


def keryx(
    *arguments: str | Path,
    input: str | None = None,
    check: bool = True,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command to its end, as ``keryx.core.process.run`` runs the launcher."""
    words = ["keryx", *map(str, arguments)]
    asked = {"words": words, "env": {**os.environ, **(env or {}), **LAUNCHED}, "folder": os.getcwd()}
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as complained,
    ):
        given.write((input or "").encode())
        given.seek(0)
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                streams = [theirs.fileno(), given.fileno(), said.fileno(), complained.fileno()]
                socket.send_fds(_server(), [json.dumps(asked).encode()], streams)
            ours.settimeout(timeout)
            try:
                told = ours.recv(16)
            except TimeoutError as error:
                raise errors.CommandFailed(words, None, "", f"no end after {timeout:g} s") from error
        texts = []
        for stream in (said, complained):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    status = int(told)
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
