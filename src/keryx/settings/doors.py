"""Doors: services on a socket of a pod's own that certain other pods have to reach.

The webmails, the web process, the filter's pages and the door to root believe whoever reaches them.
Between pods each goes through TLS, in which both sides show a certificate of the release: nginx
beside the service opens a port and lets in the guests only, whose certificates bear the names of
their pods (CN). The gateway reaches them by Unix sockets of its own nginx that lead there; the web
process speaks TLS itself. On a machine there are no doors: everybody is at the socket itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from keryx.settings.placement import Placement
from keryx.settings.ports import INNER

GATEWAY = "nginx"
"""The gateway's pod."""


@dataclass(frozen=True)
class Door:
    """One service and who may come in."""

    name: str
    """Its name; in ``INNER`` it has the port."""
    component: str
    """In whose pod it is."""
    guest: str
    """The pod that may come in."""

    @property
    def number(self) -> int:
        """The port, without the offset."""
        return INNER[self.name]


DOORS = (
    Door("admin", "admin", GATEWAY),
    Door("sogo", "sogo", GATEWAY),
    Door("dav", "dav", GATEWAY),
    Door("activesync", "activesync", GATEWAY),
    Door("roundcube", "roundcube", GATEWAY),
    Door("rspamd-pages", "rspamd", GATEWAY),
    Door("store", "dovecot", "admin"),
    Door("queue", "postfix", "admin"),
)


def opened(placement: Placement | None) -> list[Door]:
    """Return the doors into this process's pod; none on a machine."""
    if placement is None:
        return []
    return [door for door in DOORS if placement.host(door.component) and placement.works_here(door.component)]


def passed(placement: Placement | None) -> list[Door]:
    """Return the doors into other pods to which nginx has to lead: in the gateway's pod."""
    if placement is None or placement.here != GATEWAY:
        return []
    return [door for door in DOORS if door.guest == GATEWAY and placement.host(door.component)]
