"""Endpoints and the smallest of clients: enough to ask a daemon whether it is there."""

from __future__ import annotations

import dataclasses
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from keryx.core import errors


@dataclass(frozen=True)
class Credentials:
    """With what a client shows who it is, and by whom the server has to be vouched for (PEM files)."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True)
class Endpoint:
    """Where a service listens: a Unix socket (``path``) or ``host`` and ``port``."""

    path: Path | None = None
    host: str = ""
    port: int = 0
    credentials: Credentials | None = None
    """For a service that is reached through TLS and asks for a certificate."""
    address: str = ""
    """Which of the host's addresses; any when empty."""

    def __str__(self) -> str:
        return str(self.path) if self.path else f"{self.host}:{self.port}"


def connect(endpoint: Endpoint, *, timeout: float = 5) -> socket.socket:
    """Return a connected socket; raises NotReady naming the endpoint."""
    try:
        if endpoint.path is not None:
            stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stream.settimeout(timeout)
            try:
                stream.connect(str(endpoint.path))
            except OSError:
                stream.close()
                raise
            return stream
        where = (endpoint.address or endpoint.host, endpoint.port)
        plain = socket.create_connection(where, timeout=timeout)
        return plain if endpoint.credentials is None else _secured(plain, endpoint.host, endpoint.credentials)
    except OSError as error:
        raise errors.NotReady(f"{endpoint} does not answer: {error.strerror or error}.") from error


def _secured(plain: socket.socket, host: str, own: Credentials) -> socket.socket:
    try:
        context = ssl.create_default_context(cafile=str(own.authority))
        context.load_cert_chain(own.certificate, own.key)
        return context.wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise


def each(endpoint: Endpoint) -> list[Endpoint]:
    """Return the endpoint at every address of its host; raises NotReady when the name has none."""
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise errors.NotReady(f"{endpoint.host} has no address: {error.strerror or error}.") from error
    addresses = dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found)
    return [dataclasses.replace(endpoint, address=address) for address in addresses]


def greeting(endpoint: Endpoint, *, tls: ssl.SSLContext | None = None, timeout: float = 5) -> str:
    """Return the first line a server says; raises NotReady when it says none in time."""
    stream = connect(endpoint, timeout=timeout)
    try:
        if tls is not None:
            stream = tls.wrap_socket(stream)
        with stream.makefile("rb") as reader:
            line = reader.readline(1000)
    except OSError as error:
        raise errors.NotReady(f"{endpoint} does not greet: {error}.") from error
    finally:
        stream.close()
    if not line:
        raise errors.NotReady(f"{endpoint} closed the connection without a greeting.")
    return line.decode(errors="replace").rstrip("\r\n")


def exchange(endpoint: Endpoint, request: bytes, *, timeout: float = 5) -> bytes:
    """Send ``request`` and return the first bytes of the answer; raises NotReady."""
    stream = connect(endpoint, timeout=timeout)
    try:
        stream.sendall(request)
        return stream.recv(65536)
    except OSError as error:
        raise errors.NotReady(f"{endpoint} does not answer: {error}.") from error
    finally:
        stream.close()


def unverified_tls() -> ssl.SSLContext:
    """A TLS context for readiness questions, where reaching the daemon is all that matters."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def name_server(resolver: Path = Path("/etc/resolv.conf")) -> str:
    """Return the address of the first name server in a resolv.conf(5); raises KeryxError when it has none.

    The others are for when it is away: they need not know the same names.
    """
    try:
        lines = [line.split() for line in resolver.read_text().splitlines()]
    except OSError:
        lines = []
    for words in lines:
        if len(words) > 1 and words[0] == "nameserver":
            return words[1]
    raise errors.KeryxError(
        f"{resolver} names no name server, which would know the names of the other pods.",
        remedy="Give the pod the cluster's name servers (dnsPolicy: ClusterFirst).",
    )
