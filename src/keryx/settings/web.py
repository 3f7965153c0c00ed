"""What people meet in a browser: which webmail, under which host names."""

from __future__ import annotations

from typing import Literal

from keryx.settings.names import DomainName
from keryx.settings.section import Section

Webmail = Literal["sogo", "roundcube", "both", "none"]


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
    session_hours: int = 12
    """Hours after which who is signed in must sign in again."""
