"""Mozilla's autoconfig: Thunderbird, Evolution, KMail, K-9, FairEmail and others ask for it.

They try ``autoconfig.<domain>/mail/config-v1.1.xml?emailaddress=...``, then
``<domain>/.well-known/autoconfig/mail/config-v1.1.xml``. Placeholders such as ``%EMAILADDRESS%``
are the program's to fill in.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from keryx.admin import client_setup
from keryx.settings.site import Site
from keryx.web.clients import asked, documents

SOCKET = {"tls": "SSL", "starttls": "STARTTLS"}
"""Our words for a port's protection, and theirs."""


def router(site: Site) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.get("/mail/config-v1.1.xml")
    @routes.get("/.well-known/autoconfig/mail/config-v1.1.xml")
    def config(request: Request, emailaddress: str = "") -> Response:
        domain = asked.domain(site, request, emailaddress)
        return documents.xml("config-v1.1.xml", setup=client_setup.of(site, domain), socket=SOCKET)

    return routes
