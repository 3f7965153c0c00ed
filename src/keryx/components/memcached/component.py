"""The memcached component."""

from collections.abc import Sequence

from keryx.components.component import Command, Component, Platform
from keryx.components.memcached.settings import MemcachedSettings
from keryx.core import errors, network
from keryx.core.files import Directory, File
from keryx.core.wording import shown
from keryx.settings.site import Site

CONNECTIONS = 4096
"""Most connections: each of SOGo's workers keeps a few."""


class Memcached(Component):
    """SOGo's cache."""

    name = "memcached"
    title = shown("cache of SOGo")
    section = MemcachedSettings
    alone_as = "memcache"

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("memcached",)

    def enabled(self, site: Site) -> bool:
        return site.sogo_enabled

    def directories(self, site: Site) -> Sequence[Directory]:
        # SOGo's user is put into memcached's group by nobody: the folder's group lets it in.
        return (Directory(site.paths.run(self.name), 0o2750, "memcache", "sogo"),)

    def render(self, site: Site) -> Sequence[File]:
        return ()

    def command(self, site: Site) -> Command:
        door = site.door(self.name)
        # With a socket it opens no port, and the other way round.
        where = [f"--port={door.port}"] if door else [f"--unix-socket={site.memcached}", "--unix-mask=770"]
        words = ["/usr/bin/memcached", *where]
        words += [f"--memory-limit={site.section(MemcachedSettings).max_memory_mb}"]
        words += [f"--conn-limit={CONNECTIONS}", "--threads=2"]
        return Command(tuple(words), user="memcache")

    def ready(self, site: Site) -> None:
        answer = network.exchange(site.memcached, b"version\r\n")
        if not answer.startswith(b"VERSION "):
            raise errors.NotReady(f"{site.memcached} answers {answer[:60]!r}, not its version.")
