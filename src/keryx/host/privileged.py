"""The process of root's behind the door: runs marked functions for the web process.

``python -m keryx.host.privileged HOME/etc/privileged/settings.json``, run by the component
``privileged``. It listens at ``site.privileged``, a Unix socket (0660, root:keryx), and serves only
peers whose user, as the kernel tells it (SO_PEERCRED, unix(7)), is ``keryx`` or root. In a cluster it
stands in the pods that hold mail or its queue, and the peer is nginx, which lets in the web process's
pod only (``settings.doors``). Each connection carries one call and one answer, see
``keryx.core.privileged``. Only functions that are marked, in the modules listed here, can be called; a
call is read with a limit of size and time, its arguments are checked against the signature, and it is
logged with its name, its outcome and those arguments that hold no secret.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import pwd
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keryx.components import registry
from keryx.core import errors, files, privileged
from keryx.core.privileged import Marked
from keryx.host import home as homes
from keryx.host.delivery import Delivery
from keryx.settings import applied
from keryx.settings.site import GATEWAY, Site

log = logging.getLogger("keryx.privileged")

MODULES = (
    "keryx.admin.dkim",  # keys are root's and the filter's
    "keryx.admin.doctor",  # asks every daemon, at sockets closed to others
    "keryx.admin.profile",  # signs with the server's key
    "keryx.admin.queue",  # Postfix's commands
    "keryx.admin.spam",  # the filter's map of personal settings
    "keryx.admin.statistics",  # counters of the filter and the queue
    "keryx.admin.store",  # Dovecot's commands
    "keryx.host.status",  # the supervisor
)
"""The only modules whose marked functions can be called."""

USER = "keryx"
"""The web process's user."""
WORKERS = 16
"""Calls at a time; more wait."""
PATIENCE = 10.0
"""Seconds within which a caller must have sent its request, or be given a free worker."""
GOODBYE = 50.0
"""Seconds that running calls are given when the process is told to end."""


@dataclass(frozen=True)
class Peer:
    """Who is at the other end of a connection."""

    pid: int
    uid: int


class Door:
    """The listening socket and the calls that run."""

    def __init__(
        self, site: Site, modules: tuple[str, ...] = MODULES, check: Callable[[], None] = lambda: None
    ) -> None:
        self._site = site
        self._check = check
        self._functions = functions(modules)
        self._workers = threading.BoundedSemaphore(WORKERS)
        self._running: set[threading.Thread] = set()
        self._stop = threading.Event()
        self._guest = GATEWAY if site.placement else USER
        self._listener = _listen(_socket_path(site), self._guest)

    def serve(self) -> None:
        """Answer until ``stop`` is called, then let running calls end."""
        log.info("ready at %s, %d functions", self._site.privileged, len(self._functions))
        while not self._stop.is_set():
            try:
                stream, _ = self._listener.accept()
            except OSError:
                continue
            if not self._workers.acquire(timeout=PATIENCE):
                self._turn_away(stream)
                continue
            thread = threading.Thread(target=self._work, args=(stream,), daemon=True)
            self._running.add(thread)
            thread.start()
        deadline = time.monotonic() + GOODBYE
        for thread in list(self._running):
            thread.join(max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """Accept no further calls."""
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _work(self, stream: socket.socket) -> None:
        try:
            with stream:
                _send(stream, self._answer(stream))
        except OSError as error:
            log.info("a caller went away: %s", error)
        finally:
            self._workers.release()
            self._running.discard(threading.current_thread())

    def _turn_away(self, stream: socket.socket) -> None:
        busy = errors.Unreachable("Too many calls at once.", remedy="Try again in a moment.")
        log.warning("turned a call away: %d are running", WORKERS)
        with stream:
            try:
                stream.settimeout(1)
                _send(stream, {"error": privileged.tell_error(busy)})
            except OSError:
                return

    def _answer(self, stream: socket.socket) -> dict[str, Any]:
        """Return what to answer to the call that comes; never raises a KeryxError."""
        caller, said = peer(stream), ""
        begun = time.monotonic()
        try:
            _check_peer(caller, self._guest)
            name, given = _parse(_receive(stream))
            if name == "ping":
                self._check()
                return {"result": "pong"}
            marked = self._functions.get(name)
            # As JSON: a line's end in what somebody sent must not begin a line of the log.
            said = json.dumps(name[:100])
            if marked is None:
                raise errors.Forbidden(f"There is no function {name[:100]} behind the door.")
            arguments = marked.arguments(given)
            said = _shown(marked, arguments)
            result = marked.function(self._site, **arguments)
            plain = marked.result.dump_python(result, mode="json", warnings=False)
            outcome = "done"
            answer: dict[str, Any] = {"result": plain}
        except errors.KeryxError as error:
            outcome = f"{type(error).__name__}: {' '.join(error.sentence.split())[:200]}"
            answer = {"error": privileged.tell_error(error)}
        except Exception:
            # One mistaken action must neither end the door for the others nor show them its insides.
            log.exception("%s failed", said)
            outcome = "failed"
            failure = errors.KeryxError(
                "Something failed that should not.", remedy="See keryx logs privileged."
            )
            answer = {"error": privileged.tell_error(failure)}
        log.info("uid %d %s: %s (%.0f ms)", caller.uid, said, outcome, 1000 * (time.monotonic() - begun))
        return answer


def functions(modules: tuple[str, ...]) -> dict[str, Marked]:
    """Return the marked functions that the modules themselves define, by full name."""
    found = {}
    for name in modules:
        for value in vars(importlib.import_module(name)).values():
            marked = getattr(value, "marked", None)
            if isinstance(marked, Marked) and marked.function.__module__ == name:
                found[marked.name] = marked
    return found


def peer(stream: socket.socket) -> Peer:
    """Return who is at the other end, as the kernel noted it at connect(2)."""
    credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", credentials)
    return Peer(pid, uid)


def _check_peer(caller: Peer, guest: str) -> None:
    if caller.uid not in (0, pwd.getpwnam(guest).pw_uid):
        raise errors.Forbidden(f"The user with number {caller.uid} may not use this door.")


def _receive(stream: socket.socket) -> bytes:
    """Read one line, of limited length, within limited time; raises BadInput."""
    deadline = time.monotonic() + PATIENCE
    parts: list[bytes] = []
    size = 0
    while not parts or not parts[-1].endswith(b"\n"):
        stream.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            piece = stream.recv(65536)
        except TimeoutError as error:
            raise errors.BadInput("The request did not come to its end in time.") from error
        if not piece:
            raise errors.BadInput("The request has no end.")
        parts.append(piece)
        size += len(piece)
        if size > privileged.LONGEST_REQUEST:
            raise errors.BadInput(f"The request is longer than {privileged.LONGEST_REQUEST} bytes.")
        if time.monotonic() > deadline:
            raise errors.BadInput("The request did not come to its end in time.")
    return b"".join(parts)


def _parse(request: bytes) -> tuple[str, object]:
    """Return the function's name and its unchecked arguments; raises BadInput."""
    try:
        told = json.loads(request)
        if isinstance(told, dict) and set(told) <= {"call", "arguments"} and isinstance(told["call"], str):
            return told["call"], told.get("arguments", {})
    except (ValueError, KeyError, RecursionError):
        pass
    raise errors.BadInput("The request is not a call.")


def _send(stream: socket.socket, answer: Mapping[str, Any]) -> None:
    data = privileged.line(answer)
    if len(data) >= privileged.LONGEST_ANSWER:
        much = errors.KeryxError("The answer is too long.", remedy="Ask for less, or use the command line.")
        data = privileged.line({"error": privileged.tell_error(much)})
    stream.settimeout(60)
    stream.sendall(data)


def _shown(marked: Marked, arguments: Mapping[str, Any]) -> str:
    """Return a call for the log: values of harmless parameters, stars for all others."""
    words = [
        f"{name}={json.dumps(value, default=str)[:200]}" if name in marked.shown else f"{name}=*"
        for name, value in arguments.items()
    ]
    return f"{marked.name}({', '.join(words)})"


def _socket_path(site: Site) -> Path:
    path = site.privileged.path
    if path is None:
        raise errors.KeryxError("The door needs a Unix socket.")
    return path


def _listen(path: Path, guest: str) -> socket.socket:
    """Return a listening socket that only root and the guest's group may open."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    os.chown(path, *files.identifiers("root", guest))
    path.chmod(0o660)
    listener.listen(64)
    return listener


def main(settings: Path) -> None:
    """Serve until told to end (SIGTERM)."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    home = applied.paths(settings).home
    site = homes.of(home, applied.read(settings, registry.settings_model()))
    if site.placement is None or not site.works_here("rspamd"):
        _serve(Door(site))
        return
    delivery = Delivery(site)
    delivery.start()
    _serve(Door(site, check=delivery.check))
    delivery.stop()


def _serve(door: Door) -> None:
    signal.signal(signal.SIGTERM, lambda *_: door.stop())
    door.serve()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except errors.KeryxError as problem:
        raise SystemExit(f"keryx: {problem}") from None
