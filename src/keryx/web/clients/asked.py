"""Which domain a program asks about: by the address it names, else by the host name it came to."""

from __future__ import annotations

from fastapi import Request

from keryx.admin import client_setup
from keryx.core import errors
from keryx.settings.site import Site

LABELS = ("autoconfig.", "autodiscover.", "mta-sts.")
"""What stands before a domain in the host names that programs ask."""


def domain(site: Site, request: Request, address: str = "") -> str:
    """Return the managed domain that is asked about.

    Raises NotFound when it is not ours, BadInput when the address is none.
    """
    if "@" in address:
        return client_setup.managed(site, client_setup.domain_of(address))
    name = host(request)
    for label in LABELS:
        if name.startswith(label):
            return client_setup.managed(site, name.removeprefix(label))
    try:
        # The well-known path at the domain itself.
        return client_setup.managed(site, name)
    except errors.NotFound:
        return client_setup.managed(site, site.settings.domain)


def host(request: Request) -> str:
    """Return the host name that the request came to, without its port."""
    return request.headers.get("host", "").rpartition("@")[2].partition(":")[0].lower().rstrip(".")
