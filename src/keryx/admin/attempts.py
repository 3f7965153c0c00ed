"""How often a password may be tried: failed sign-ins counted by address and client, and by client.

Kept in memory: the one web process sees every sign-in, and a restart forgives. A client is an IPv4
address or an IPv6 /64, which is what one customer is given (RFC 6177); its limit is wide because a
whole office may stand behind one address. Who knows the password is let in although others fail at
the same account from elsewhere: nobody can lock somebody else out.
"""

from __future__ import annotations

import collections
import contextlib
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator

from keryx.core import errors

SECONDS = 600
"""How long a failure counts."""
PER_ACCOUNT = 10
"""Failures with one address from one client."""
PER_CLIENT = 60
"""Failures from one client, whatever the address."""
MOST = 100_000
"""Names kept at most; the oldest are forgotten, so that a flood does not fill the memory."""


class Attempts:
    """Failed sign-ins of the last minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: collections.OrderedDict[str, collections.deque[float]] = collections.OrderedDict()

    @contextlib.contextmanager
    def attempt(self, address: str, ip: str) -> Iterator[None]:
        """Judge a password inside: NotSignedIn counts as a failure, success forgets earlier ones.

        Raises TooManyAttempts when this attempt is not to be looked at. It counts from its
        beginning, so that many at once are no way around the limits.
        """
        account, client = self._names(address, ip)
        with self._lock:
            wait = max(self._wait(*account), self._wait(*client))
            if wait <= 0:
                self._count(*account)
                self._count(*client)
        if wait > 0:
            raise errors.TooManyAttempts(
                "Too many sign-ins failed from here.",
                remedy=f"Wait {max(1, round(wait / 60))} min, then try again with the right password.",
                retry_after=int(wait) + 1,
            )
        try:
            yield
        except errors.NotSignedIn:
            raise
        except Exception:
            # Nobody judged it: the directory is away, say.
            self._forget_one(account[0], client[0])
            raise
        with self._lock:
            self._failures.pop(account[0], None)
        self._forget_one(client[0])

    def _count(self, name: str, most: int) -> None:
        self._failures.setdefault(name, collections.deque(maxlen=most)).append(self._clock())
        self._failures.move_to_end(name)
        while len(self._failures) > MOST:
            self._failures.popitem(last=False)

    def _forget_one(self, *names: str) -> None:
        with self._lock:
            for name in names:
                times = self._failures.get(name)
                if times:
                    times.pop()

    def _wait(self, name: str, most: int) -> float:
        """Return the seconds until fewer than ``most`` failures count."""
        times = self._failures.get(name)
        if times is None or len(times) < most:
            return 0
        return times[0] + SECONDS - self._clock()

    @staticmethod
    def _names(address: str, ip: str) -> tuple[tuple[str, int], tuple[str, int]]:
        client = client_network(ip)
        return (f"{address.strip().lower()} {client}", PER_ACCOUNT), (client, PER_CLIENT)


def client_network(ip: str) -> str:
    """Return the address, or its /64 when it is an IPv6 address."""
    try:
        found = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


EVERYWHERE = Attempts()
"""The process's own: ``with attempts.EVERYWHERE.attempt(address, ip): judge the password``."""
