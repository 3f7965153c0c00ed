"""The set-up page for people, with a QR code that brings a phone to it, and Apple's profile."""

from __future__ import annotations

import base64
import urllib.parse

import segno
from fastapi import APIRouter, Request
from fastapi.responses import Response

from keryx.admin import addresses, client_setup, profile
from keryx.core import errors
from keryx.settings.site import Site
from keryx.web.ui.client import Problem
from keryx.web.ui.page import Page

PROFILE_TYPE = "application/x-apple-aspen-config"


def router(site: Site) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.get("/setup")
    def page(request: Request, address: str = "") -> Response:
        return _page(site, request, address.strip())

    @routes.get("/setup/keryx.mobileconfig")
    def apple(address: str, name: str = "") -> Response:
        text = base64.b64decode(profile.signed(site, address, name))
        file = f"{addresses.target_address(address).partition('@')[2]}.mobileconfig"
        headers = {"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"}
        return Response(text, media_type=PROFILE_TYPE, headers=headers)

    return routes


def _page(site: Site, request: Request, wanted: str) -> Response:
    address, problem, status = "", None, 200
    domain = site.settings.domain
    if wanted:
        try:
            domain = client_setup.managed(site, client_setup.domain_of(wanted))
            address = addresses.target_address(wanted)
        except errors.BadInput as error:
            status = 404 if isinstance(error, errors.NotFound) else 400
            problem = Problem(status, error.sentence, error.remedy)
    setup = client_setup.of(site, domain)
    best = [setup.best("imap") or setup.best("pop3"), setup.best("smtp")]
    return Page(request, None).render(
        "client_setup.html",
        status,
        setup=setup,
        best=[server for server in best if server],
        others=[server for server in setup.servers if server not in best],
        address=address,
        query=urllib.parse.urlencode({"address": address}),
        code=_code(setup.page, address),
        problem=problem,
        sent={"address": wanted},
        service_host=urllib.parse.urlsplit(setup.activesync).netloc,
    )


def _code(page: str, address: str) -> str:
    """Return the QR code of the page with this address, as a data URI of an SVG picture."""
    url = f"{page}?{urllib.parse.urlencode({'address': address})}" if address else page
    return segno.make(url, error="m").svg_data_uri(scale=4, border=3, dark="#000", light="#fff")
