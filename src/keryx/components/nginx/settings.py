"""The section ``nginx`` of keryx.yaml."""

from typing import ClassVar

import pydantic

from keryx.settings.section import Section


class NginxSettings(Section):
    """The gateway of the web side."""

    section_name: ClassVar[str] = "nginx"

    hsts_days: int = pydantic.Field(default=730, ge=0, le=3650)
    """Days for which browsers refuse to come without TLS (RFC 6797); 0 does not ask them to.
    Browsers ignore it while they do not trust the certificate."""
    access_log: bool = True
    """Whether every request is logged: who, when, which path, never what stands behind a ``?``."""
    extra: str = ""
    """Lines added to the block ``http`` of nginx.conf as they are, such as ``deny 198.51.100.0/24;`` or a
    ``server`` of yours, which has the ports and the certificate by ``include listen.conf;``. Lines that nginx
    refuses change nothing."""
