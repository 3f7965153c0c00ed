"""What Rspamd's templates print: computed once, named plainly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keryx.components.rspamd.settings import RspamdSettings
from keryx.core.network import Endpoint
from keryx.settings.site import Site

LOG_LEVELS = {"warning": "warning", "info": "notice", "debug": "info"}
"""Not Rspamd's own ``debug``, which writes what messages say."""


@dataclass(frozen=True)
class View:
    """The filter's settings together with what follows from the site."""

    site: Site

    @property
    def settings(self) -> RspamdSettings:
        """The section ``rspamd``."""
        return self.site.section(RspamdSettings)

    @property
    def log_level(self) -> str:
        """How much is logged."""
        return LOG_LEVELS[self.site.settings.log_level]

    @property
    def only_carries(self) -> bool:
        """Whether this one hands mail to scanners in other pods and knows no rule itself."""
        return self.site.scan is not None

    @property
    def config(self) -> Path:
        """What the daemon reads first: the packaged file, which includes ours, or all there is to say."""
        if self.only_carries:
            return self.site.paths.etc("rspamd") / "carrier.conf"
        return Path("/etc/rspamd/rspamd.conf")

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the packaged rspamd.conf that point it to the home."""
        home = self.site.paths
        return {
            "LOCAL_CONFDIR": str(home.etc("rspamd")),
            "DBDIR": str(home.data("rspamd")),
            "RUNDIR": str(home.run("rspamd")),
            "LOGDIR": str(home.home / "log"),
        }

    @property
    def control(self) -> Endpoint:
        """The main process's control socket, for root."""
        return Endpoint(self.site.paths.run("rspamd") / "control.sock")

    @property
    def password_file(self) -> Path:
        """The controller's password, hashed; included by the controller's file."""
        return self.site.paths.etc("rspamd") / "controller-password.inc"

    @property
    def workers_file(self) -> Path:
        """How many scanning processes this machine runs; included by the milter's file."""
        return self.site.paths.etc("rspamd") / "workers.inc"

    @property
    def scan_door(self) -> Endpoint | None:
        """Where milters in other pods hand in messages to be scanned."""
        return self.site.door("rspamd", "scan")

    @property
    def controller_door(self) -> Endpoint | None:
        """Where other pods teach and ask."""
        return self.site.door("rspamd", "controller")

    @property
    def local_networks(self) -> Sequence[str]:
        """Clients that may send without a login: neither greylisted nor judged by their address."""
        return ["127.0.0.0/8", "::1", *(str(network) for network in self.site.settings.relay_networks)]

    @property
    def max_message(self) -> int:
        """Largest message in MiB; above the MTA's own limit, so that the MTA is the one to refuse."""
        return self.site.settings.message_size_limit_mb + 1

    @property
    def rate_buckets(self) -> Sequence[tuple[str, int, str]]:
        """The rate limits as (name, recipients, unit)."""
        limit = self.settings.rate_limit
        every = (("hour", limit.per_hour, "1h"), ("day", limit.per_day, "1d"))
        return [bucket for bucket in every if bucket[1]]
