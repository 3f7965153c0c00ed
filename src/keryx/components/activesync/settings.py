"""The section ``activesync`` of keryx.yaml."""

from typing import ClassVar

import pydantic

from keryx.settings.section import Section


class ActivesyncSettings(Section):
    """ActiveSync: phones and Outlook, with SOGo (``webmail: sogo`` or ``both``)."""

    section_name: ClassVar[str] = "activesync"

    enabled: bool = True
    """Whether phones find it; false leaves IMAP, CalDAV and CardDAV to them."""
    workers: int = pydantic.Field(default=10, ge=2, le=2000)
    """Processes: each phone that waits for news holds one, so take at least as many as there are
    phones, and some more. Each takes 15 to 60 MiB. With too few, phones are turned away for the
    moment and try again."""
    memory_limit_mb: int = pydantic.Field(default=512, ge=256, le=16384)
    """Address space in MiB at which a worker ends and is replaced after its request."""
    ping_seconds: int = pydantic.Field(default=354, ge=10, le=3540)
    """Longest time, in seconds, that a phone waits for news before it asks anew. Longer spares its
    battery; proxies and firewalls on the way must bear a connection that says nothing for so long."""
    sync_seconds: int = pydantic.Field(default=354, ge=10, le=3540)
    """The same for phones that wait within a synchronisation."""
    check_seconds: int = pydantic.Field(default=30, ge=5, le=300)
    """Seconds between two looks for news while a phone waits: how soon it rings, against the work
    for the mailbox."""
