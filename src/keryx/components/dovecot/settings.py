"""The section ``dovecot`` of keryx.yaml."""

from typing import Annotated, ClassVar

import pydantic

from keryx.settings.model import Network
from keryx.settings.section import Section

Percent = Annotated[int, pydantic.Field(ge=1, le=100)]


class DovecotSettings(Section):
    """Dovecot: the message store, IMAP, POP3, ManageSieve and the login of every protocol."""

    section_name: ClassVar[str] = "dovecot"

    quota_warnings: tuple[Percent, ...] = (80, 95)
    """Shares of the quota, in percent, at which the owner gets a message that says so; an empty
    list for none."""
    full_text_search: bool = True
    """Whether IMAP searches use an index. It is made at the first search of a folder and kept
    up from then on, so that deliveries do not pay for it. It takes about as much disk as the text."""
    login_trusted_networks: tuple[Network, ...] = ()
    """Networks of web mail servers, which may tell the address of their own client (IMAP ID,
    XCLIENT), so that failed logins are counted against that client. TLS is required all the same."""
    max_connections_per_user: int = pydantic.Field(default=50, ge=1, le=10000)
    """Simultaneous sessions of one account from one address, for each protocol. Mail programs
    open one per folder that they watch."""
    max_sessions: int = pydantic.Field(default=2000, ge=10, le=100000)
    """Simultaneous sessions of each protocol, of all accounts together; an IMAP session takes
    1 to 3 MiB."""
    auth_cache_seconds: int = pydantic.Field(default=30, ge=0, le=60)
    """How long a successful login, and what a delivery asked about an account, is remembered, in
    seconds: so long may an account that was disabled in the directory by other programs than Keryx
    still log in, and a quota that they changed count as before. 0 asks the directory every time,
    which makes logins slow when passwords are hashed strongly."""
    sieve_max_script_kb: int = pydantic.Field(default=1024, ge=1, le=102400)
    """Largest Sieve script in KiB."""
    sieve_max_redirects: int = pydantic.Field(default=4, ge=0, le=100)
    """How many addresses a user's script may redirect one message to; 0 forbids redirection."""
    vacation_min_days: int = pydantic.Field(default=1, ge=0, le=30)
    """Shortest time, in days, between two vacation answers to the same sender."""
    extra: str = ""
    """Lines appended to dovecot.conf as they are, in the dialect of the installed Dovecot."""

    @pydantic.field_validator("quota_warnings")
    @classmethod
    def _warnings_fit(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a percentage stands twice; keep one of them")
        # The highest first: Dovecot runs the first one that the new use of the store has crossed.
        return tuple(sorted(value, reverse=True))
