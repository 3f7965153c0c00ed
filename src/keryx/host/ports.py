"""Ports in use by somebody else, found before a daemon stumbles over them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

from keryx.components.component import Listener
from keryx.core import errors
from keryx.core.network import Endpoint


@dataclass(frozen=True)
class Conflict:
    """A port that another process holds."""

    wanted: str
    """The port as a person knows it."""
    process: str


def check(
    listeners: Iterable[Listener],
    addresses: Sequence[str],
    ours: int | None,
    inner: Iterable[Endpoint] = (),
) -> None:
    """Raise BadInput when another process listens at one of the ports.

    ``addresses`` are the ones we want for the public ports, empty for every address; ``inner`` are
    the ports for this machine's own programs; ``ours`` is our supervisor's process id, whose
    descendants may hold the ports.
    """
    conflicts = find(list(listeners), addresses, ours, list(inner))
    if conflicts:
        sentences = [f"Port {conflict.wanted} is in use by {conflict.process}." for conflict in conflicts]
        raise errors.BadInput(
            "\n".join(sentences),
            remedy="Stop that process, or move the ports in keryx.yaml, or start with --port-offset 20000.",
        )


def find(
    listeners: Sequence[Listener], addresses: Sequence[str], ours: int | None, inner: Sequence[Endpoint] = ()
) -> list[Conflict]:
    """Return the ports that others hold, by number."""
    wanted = {item.port: (f"{item.port} (ports.{item.name})", addresses) for item in listeners}
    wanted |= {item.port: (f"{item.port} of {item.host} (inside the suite)", [item.host]) for item in inner}
    family = _family(ours)
    conflicts = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        address, port = connection.laddr
        if port not in wanted or connection.pid in family:
            continue
        title, at = wanted[port]
        if _overlap(address, at):
            conflicts[port] = Conflict(title, _describe(connection.pid))
    return [conflicts[port] for port in sorted(conflicts)]


def _family(pid: int | None) -> set[int]:
    if pid is None:
        return set()
    try:
        process = psutil.Process(pid)
        return {pid, *(child.pid for child in process.children(recursive=True))}
    except psutil.NoSuchProcess:
        return set()


def _overlap(held: str, wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    address = ipaddress.ip_address(held.removeprefix("::ffff:"))
    return address.is_unspecified or any(
        ipaddress.ip_address(text) == address or ipaddress.ip_address(text).is_unspecified for text in wanted
    )


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process that cannot be seen from here"
    try:
        process = psutil.Process(pid)
        return f"{process.name()} (process {pid}: {' '.join(process.cmdline())[:80]})"
    except psutil.NoSuchProcess:
        return f"process {pid}"
