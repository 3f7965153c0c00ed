"""SOGo's cache (memcached): what is remembered of accounts, their passwords' hashes among it."""

from __future__ import annotations

from keryx.core import network
from keryx.settings.site import Site


def forget(site: Site) -> None:
    """Empty the cache, so that a changed account counts at once; raises NotReady.

    Sessions are kept in the database too, so nobody is thrown out by it.
    """
    if site.sogo_enabled:
        network.exchange(site.memcached, b"flush_all\r\n")
