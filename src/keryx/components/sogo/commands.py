"""SOGo's own commands: one typed function each."""

from __future__ import annotations

import logging

from keryx.components.sogod import daemon
from keryx.components.sogod.view import Pool, View
from keryx.core import errors
from keryx.core.process import Completed, run
from keryx.settings.site import Site

log = logging.getLogger(__name__)


def end_old_sessions(site: Site) -> bool:
    """End sessions of SOGo's own sign-in page that are older than sessions here may become.

    Returns whether it could be done. The page shows itself only while Keryx's own is away, and the
    gateway lets nobody in by such a session once that is back; so once at each start is enough, and
    no job runs. On the very first start there is no table yet.
    """
    try:
        tool(site, "expire-sessions", str(site.settings.web.session_hours * 60))
    except errors.CommandFailed as error:
        log.info("sessions of SOGo were not looked through: %s", error.sentence)
        return False
    return True


def tool(site: Site, *arguments: str) -> Completed:
    """Run sogo-tool with this home's settings; raises CommandFailed."""
    env = daemon.environment(View(site, Pool("sogo", site.sogo, 1, 512)))
    return run(["runuser", "-u", daemon.USER, "--", "sogo-tool", *arguments], env=env)
