"""The Redis component."""

from collections.abc import Sequence
from pathlib import Path

from keryx.components.component import Command, Component, Platform
from keryx.components.redis.settings import RedisSettings
from keryx.core import errors, network
from keryx.core.files import Directory, File
from keryx.core.render import render
from keryx.core.wording import shown
from keryx.settings.site import Site

LOG_LEVELS = {"warning": "warning", "info": "notice", "debug": "verbose"}


class Redis(Component):
    """The Redis protocol server of the filter."""

    name = "redis"
    title = shown("filter statistics")
    section = RedisSettings
    alone_as = "redis"

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("redis-server",)

    def directories(self, site: Site) -> Sequence[Directory]:
        return (
            Directory(site.paths.etc(self.name)),
            # Rspamd's user is put into this group by nobody: the folder's group lets it in.
            Directory(site.paths.run(self.name), 0o2750, "redis", "_rspamd"),
            Directory(site.paths.data(self.name), 0o700, "redis", "redis"),
        )

    def render(self, site: Site) -> Sequence[File]:
        text = render(
            __package__ or "",
            "redis.conf",
            redis=site.section(RedisSettings),
            log_level=LOG_LEVELS[site.settings.log_level],
            socket=self._socket(site),
            data=site.paths.data(self.name),
            door=site.door(self.name),
            password=site.redis_password,
        )
        path = site.paths.etc(self.name) / "redis.conf"
        return (File(path, text, 0o640, "root", "redis", secret=site.redis_password is not None),)

    @staticmethod
    def _socket(site: Site) -> Path:
        return site.paths.run("redis") / "redis.sock"

    def command(self, site: Site) -> Command:
        return Command(("/usr/bin/redis-server", str(site.paths.etc(self.name) / "redis.conf")), user="redis")

    def ready(self, site: Site) -> None:
        login = f"AUTH {site.redis_password.reveal()}\r\n" if site.redis_password else ""
        answer = network.exchange(site.redis, f"{login}PING\r\n".encode())
        if b"+PONG" not in answer:
            raise errors.NotReady(f"{site.redis} answers {answer[:60]!r}, not PONG.")

    def backup_paths(self, site: Site) -> Sequence[Path]:
        return (site.paths.data(self.name),)
