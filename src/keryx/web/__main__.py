"""``python -m keryx.web HOME/etc/admin/settings.json``: the web process, run by the component ``admin``.

One process; handlers that wait (LDAP, PostgreSQL, the door) run in its threads. It listens at a Unix
socket that only the gateway's group may open, logs no request (the gateway does, without secrets),
and ends after the requests that it has begun. Manual: https://www.uvicorn.org/settings/
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from keryx.core import errors
from keryx.web import app, served

GOODBYE = 20
"""Seconds that begun requests are given when the process is told to end."""


def listen(path: Path) -> socket.socket:
    """Return a listening socket that its owner and its folder's group may open."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(512)
    return listener


def main(settings: Path) -> None:
    """Serve until told to end (SIGTERM)."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    site = served.site(settings)
    if site.admin_web.path is None:
        raise errors.KeryxError("The web process needs a Unix socket.")
    config = uvicorn.Config(
        app.Proxied(app.create(site)),
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GOODBYE,
    )
    uvicorn.Server(config).run(sockets=[listen(site.admin_web.path)])


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except errors.KeryxError as problem:
        raise SystemExit(f"keryx: {problem}") from None
