"""TCP ports for configurations under test, beside whatever else runs on the machine."""

from __future__ import annotations

import socket

PUBLIC = (24, 25, 32, 33, 34, 79, 80, 110, 143, 465, 587, 993, 995, 4190)
"""What a suite opens to the world with its offset, and what the stock configurations use."""
INTERNAL = (10025, 10026, 10027, 10028, 10389, 10587)
"""What a suite opens on loopback with its offset."""
STEP = 250


class Ports:
    """Hands out port offsets, each with free ports above it."""

    def __init__(self, first: int) -> None:
        self._next = first

    def take(self) -> int:
        """Return the next offset whose ports are free."""
        while True:
            offset, self._next = self._next, self._next + STEP
            wanted = [offset + port for port in PUBLIC]
            # As Site.loopback_port wraps them.
            wanted += [(port + offset - 1024) % (65536 - 1024) + 1024 for port in INTERNAL]
            if all(map(_free, wanted)):
                return offset


def _free(port: int) -> bool:
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stream.bind(("", port))
        except OSError:
            return False
    return True
