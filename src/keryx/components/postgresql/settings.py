"""The section ``postgresql`` of keryx.yaml."""

from typing import ClassVar

import pydantic

from keryx.settings.section import Section


class PostgresqlSettings(Section):
    """The embedded PostgreSQL; nothing here matters to an external one."""

    section_name: ClassVar[str] = "postgresql"

    max_connections: int = pydantic.Field(default=200, ge=20, le=10000)
    """Most connections at once. Every worker of SOGo and of Roundcube keeps a few; one costs the
    server 2 to 10 MiB while it is in use."""
    shared_buffers_mb: int = pydantic.Field(default=64, ge=16)
    """Memory in MiB for the server's own cache; the system's file cache does most of the work."""
    work_mem_mb: int = pydantic.Field(default=4, ge=1)
    """Memory in MiB that one sorting step of one query may take before it goes to disk."""
