"""What people meet in a browser: which webmail, under which host names."""

from __future__ import annotations

from typing import Literal

import pydantic

from keryx.settings.names import DomainName
from keryx.settings.section import Section

Webmail = Literal["sogo", "roundcube", "both", "none"]


class MtaSts(Section):
    """The policy that tells other servers to use TLS with a certificate they can verify (RFC 8461).

    It is served for every managed domain and has force where its DNS records are published.
    """

    mode: Literal["testing", "enforce", "none"] = "testing"
    """``testing``: other servers report what would fail and deliver all the same; ``enforce``: they
    deliver over verified TLS or not at all, so the certificate must be one that the world trusts;
    ``none`` takes an earlier policy back."""
    max_age_days: int = pydantic.Field(default=7, ge=1, le=365)
    """Days for which other servers remember the policy."""


class Web(Section):
    """Host names of the web pages and of the mail protocols; empty ones are ``hostname``."""

    webmail_host: DomainName | None = None
    """Host name of SOGo and Roundcube; its root leads to the webmail."""
    admin_host: DomainName | None = None
    """Host name of the administration; its root leads there."""
    rspamd_host: DomainName | None = None
    """Host name of the filter's own pages."""
    smtp_host: DomainName | None = None
    """Host name that mail programs are told for sending (autoconfig, SRV records)."""
    imap_host: DomainName | None = None
    """Host name that mail programs are told for IMAP, POP3 and ManageSieve."""
    port: int | None = pydantic.Field(default=None, ge=1, le=65535)
    """Port at which people reach HTTPS, where a proxy in front of this machine moves it; empty for
    that of ``ports.https``. It stands in every URL that is made here."""
    session_hours: int = 12
    """Hours after which who is signed in must sign in again."""
    mta_sts: MtaSts = MtaSts()
    """The policy at ``https://mta-sts.<domain>/.well-known/mta-sts.txt``."""
