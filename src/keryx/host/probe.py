"""A component's probe over HTTP, answered by its parent: how a cluster asks whether it is ready.

``GET /`` at the port that ``KERYX_PROBE_PORT`` names gives 200 and a sentence when the daemon
answers its own protocol, 503 and what is missing when it does not, 410 when the container was told
to end. No process is started for it.
However many ask, the daemon is asked one question at a time, and an answer serves for a second.
"""

from __future__ import annotations

import contextlib
import http.server
import logging
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from keryx.components.component import Component
from keryx.core import errors
from keryx.settings import placement
from keryx.settings.site import Site

log = logging.getLogger(__name__)

PATIENCE = 4.0
"""Seconds after which a daemon that does not answer counts as not ready; who asks may wait longer."""
FRESH = 1.0
"""Seconds for which an answer serves others that ask."""
CONNECTIONS = 64
"""Most connections at a time; more are closed unanswered."""


READY, NOT_READY, ENDING = 200, 503, 410
"""The HTTP status of an answer."""


@dataclass(frozen=True)
class Answer:
    """What a probe is told."""

    ready: bool
    sentence: str
    ending: bool = False
    """Whether the container was told to end."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        if self.ready:
            return READY
        return ENDING if self.ending else NOT_READY


class Probe:
    """What a component's probes are told: asked of the daemon, or said by its parent meanwhile."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._news = threading.Condition()
        self._site: Site | None = None
        self._meanwhile = Answer(False, f"{component.name} is being prepared.")
        self._answer: Answer | None = None
        self._answered = 0.0
        self._asking = False

    def say(self, sentence: str, *, ending: bool = False) -> None:
        """Answer that it is not ready, without asking the daemon: it does not run."""
        with self._news:
            self._site, self._meanwhile, self._answer = None, Answer(False, sentence, ending), None
            self._news.notify_all()

    def ask(self, site: Site) -> None:
        """From now on ask the daemon, which runs with these settings."""
        with self._news:
            self._site, self._answer = site, None

    @property
    def asking(self) -> bool:
        """Whether a question is under way, which may wait for a process that it has started."""
        return self._asking

    def answer(self) -> Answer:
        """Return the answer, within ``PATIENCE`` seconds."""
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while self._site is not None:
                if self._answer is not None and time.monotonic() - self._answered < FRESH:
                    return self._answer
                if not self._asking:
                    self._asking = True
                    threading.Thread(target=self._question, args=(self._site,), daemon=True).start()
                if not self._news.wait(deadline - time.monotonic()):
                    return Answer(False, f"{self._component.name} has not answered for {PATIENCE:g} s.")
            return self._meanwhile

    def _question(self, site: Site) -> None:
        answer = self._asked(site)
        with self._news:
            self._asking = False
            if site is self._site:
                self._answer, self._answered = answer, time.monotonic()
            self._news.notify_all()

    def _asked(self, site: Site) -> Answer:
        try:
            self._component.ready(site)
        except errors.KeryxError as error:
            return Answer(False, str(error))
        except Exception as error:
            # A probe that got no answer would tell the cluster the same, and an administrator nothing.
            log.exception("%s cannot be asked", self._component.name)
            return Answer(False, f"{self._component.name} cannot be asked ({type(error).__name__}).")
        return Answer(True, f"{self._component.name} is ready.")


@contextlib.contextmanager
def listening(probe: Probe) -> Iterator[None]:
    """Answer probes during the block, at the port that the environment names, if it names one.

    Raises BadInput when that is no port, or not a free one.
    """
    named = os.environ.get(placement.PROBE, "")
    if not named:
        yield
        return
    try:
        server = _Server(int(named), probe.answer)
    except (OSError, ValueError, OverflowError) as error:
        raise errors.BadInput(
            f'{placement.PROBE} is "{named}", where probes cannot be answered: {error}.',
            remedy="Set it to the number of a free TCP port.",
        ) from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens at every address, of IPv4 and IPv6 where there is IPv6."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, answer: Callable[[], Answer]) -> None:
        self.answer = answer
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        both = socket.has_dualstack_ipv6()
        self.address_family = socket.AF_INET6 if both else socket.AF_INET
        super().__init__(("::" if both else "", port), _Handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who asked has gone."""


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request: ``GET /`` or ``HEAD /``."""

    server: _Server
    timeout = 5
    server_version = "keryx"
    sys_version = ""

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The base class looks for do_ and the method's name.
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def do_GET(self) -> None:
        if self.path != "/":
            self._say(404, "There is only /.")
            return
        answer = self.server.answer()
        self._say(answer.status, answer.sentence)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _refuse(self) -> None:
        self._say(405, "Only GET and HEAD are answered.")

    def _say(self, status: int, sentence: str) -> None:
        body = f"{sentence}\n".encode(errors="replace")
        self.send_response(status)
        if status == 405:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no HTTP; nothing of it is repeated."""
        self._say(code, "That is no request.")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a cluster asks every few seconds."""
