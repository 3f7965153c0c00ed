"""Set-up of mail programs and phones: what they ask for before anybody has signed in.

========================================================  =====================================
``/mail/config-v1.1.xml``                                 Mozilla's autoconfig (Thunderbird and many
``/.well-known/autoconfig/mail/config-v1.1.xml``          others)
``POST /autodiscover/autodiscover.xml``                   Outlook's autodiscover, for mail and ActiveSync
``/autodiscover/autodiscover.json``                       its second version
``/setup``, ``/setup/keryx.mobileconfig``                 the page for people, Apple's profile
``/.well-known/mta-sts.txt``                              the policy for other servers
========================================================  =====================================

All of it depends on the domain alone: no answer tells whether an account exists, none holds or wants
a password. A domain that is not ours is 404.

Formats: https://benbucksch.github.io/autoconfig-spec/draft-autoconfig-1.html; MS-OXDSCLI,
MS-ASAUTOD, https://learn.microsoft.com/en-us/exchange/architecture/client-access/autodiscover;
RFC 8461.
"""

from __future__ import annotations

from fastapi import FastAPI

from keryx.settings.site import Site
from keryx.web.clients import autoconfig, autodiscover, pages, policy


def add(app: FastAPI, site: Site) -> None:
    """Add the routes to the application."""
    for module in (autoconfig, autodiscover, pages, policy):
        app.include_router(module.router(site), include_in_schema=False)
