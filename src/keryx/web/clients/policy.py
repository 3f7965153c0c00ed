"""The MTA-STS policy of every managed domain, at ``mta-sts.<domain>`` (RFC 8461, section 3.3)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from keryx.admin import client_setup
from keryx.core import errors
from keryx.dns import mta_sts
from keryx.settings.site import Site
from keryx.web.clients import asked

LABEL = "mta-sts."


def router(site: Site) -> APIRouter:
    """Return the route."""
    routes = APIRouter()

    @routes.get("/.well-known/mta-sts.txt")
    def policy(request: Request) -> PlainTextResponse:
        host = asked.host(request)
        if not host.startswith(LABEL):
            raise errors.NotFound("The policy stands at mta-sts.<domain>.")
        client_setup.managed(site, host.removeprefix(LABEL))
        return PlainTextResponse(mta_sts.policy(site))

    return routes
