"""What stands behind the gateway, as tests see it: servers that answer with what they were told.

HTTP at Unix sockets and ports, FastCGI at a Unix socket. Every answer is JSON: the method, the
path, the headers (or PHP's parameters) and how long the body was. The session endpoint knows who is
signed in by the cookie: ``__Host-keryx=<name>``; ``root`` is a site administrator.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from keryx.core.network import Endpoint
from keryx.settings.site import Site

LONGER = threading.Event()
"""A request to a path that ends in ``wait`` is answered when this is set."""


AWAY: set[str] = set()
"""Unix sockets whose server answers nothing and closes the connection."""


class _Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        if self.server.server_address in AWAY:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.startswith("/internal/session"):
            self._session()
            return
        if self.path.endswith("wait"):
            LONGER.wait(60)
        told = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "names": [name.lower() for name in self.headers],
            "length": len(body),
        }
        # Of these nothing may get out.
        hidden = {"X-Powered-By": "echo", "X-Keryx-Token": "hidden", "X-Frame-Options": "ALLOWALL"}
        self._send(200, hidden, json.dumps(told).encode())

    do_GET = do_POST = do_PUT = do_OPTIONS = do_PROPFIND = do_HEAD = _answer

    def _session(self) -> None:
        cookie = SimpleCookie(self.headers.get("cookie", "")).get("__Host-keryx")
        if cookie is None:
            self._send(401, {}, b"")
            return
        if "role=site" in self.path and cookie.value != "root":
            self._send(403, {}, b"")
            return
        user, token = f"{cookie.value}@example.org", f"token-of-{cookie.value}"
        basic = base64.b64encode(f"{user}:{token}".encode()).decode()
        found = {"X-Keryx-User": user, "X-Keryx-Token": token, "X-Keryx-Authorization": f"Basic {basic}"}
        self._send(200, found, b"")

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def address_string(self) -> str:
        return ""


class _AtSocket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _AtPort(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _FastCgi(socketserver.StreamRequestHandler):
    """One FastCGI request: BEGIN, PARAMS, STDIN; the answer's STDOUT and END."""

    def handle(self) -> None:
        parameters, length, request = b"", 0, 1
        while True:
            head = self.rfile.read(8)
            if len(head) < 8:
                return
            _, kind, request, size, padding, _ = struct.unpack(">BBHHBB", head)
            content = self.rfile.read(size)
            self.rfile.read(padding)
            if kind == 4:
                parameters += content
            elif kind == 5:
                length += size
                if not size:
                    break
        told = json.dumps({"parameters": dict(_pairs(parameters)), "length": length}).encode()
        answer = b"Content-Type: application/json\r\nX-Powered-By: PHP/8\r\n\r\n" + told
        for start in range(0, len(answer), 60000):
            self._record(6, request, answer[start : start + 60000])
        self._record(6, request, b"")
        self._record(3, request, b"\0" * 8)

    def _record(self, kind: int, request: int, content: bytes) -> None:
        self.wfile.write(struct.pack(">BBHHBB", 1, kind, request, len(content), 0, 0) + content)


def _pairs(text: bytes) -> Iterator[tuple[str, str]]:
    at = 0

    def length() -> int:
        nonlocal at
        if text[at] < 128:
            at += 1
            return text[at - 1]
        at += 4
        return int(struct.unpack(">I", text[at - 4 : at])[0]) & 0x7FFFFFFF

    while at < len(text):
        name, value = length(), length()
        yield text[at : at + name].decode(), text[at + name : at + name + value].decode("latin-1")
        at += name + value


@contextlib.contextmanager
def serving(*endpoints: Endpoint, handler: Any = _Answers) -> Iterator[None]:
    """Answer at these places while the block runs."""
    with contextlib.ExitStack() as stack:
        for endpoint in endpoints:
            server: socketserver.BaseServer
            if endpoint.path is not None:
                endpoint.path.parent.mkdir(parents=True, exist_ok=True)
                endpoint.path.unlink(missing_ok=True)
                server = stack.enter_context(_AtSocket(str(endpoint.path), handler))
                endpoint.path.chmod(0o666)
            else:
                server = stack.enter_context(_AtPort((endpoint.host, endpoint.port), handler))
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(_gone, endpoint.path)
            stack.callback(server.shutdown)
        yield


def _gone(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def everything(site: Site) -> Iterator[None]:
    """Answer in the place of all that the gateway leads to."""
    http_ones = (site.admin_web, site.sogo, site.dav, site.activesync, site.rspamd_pages)
    with serving(*http_ones), serving(site.roundcube, handler=_FastCgi):
        yield
