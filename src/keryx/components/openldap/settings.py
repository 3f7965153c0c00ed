"""The section ``openldap`` of keryx.yaml."""

from typing import ClassVar

import pydantic

from keryx.settings.section import Section


class OpenldapSettings(Section):
    """OpenLDAP, the embedded directory; used when ``directory.embedded`` is true."""

    section_name: ClassVar[str] = "openldap"

    max_size_mb: int = pydantic.Field(default=4096, ge=64, le=1048576)
    """Most that the database may grow to, in MiB. The file is sparse: only what is in it takes
    room on disk. 100,000 accounts need about 300 MiB."""
    threads: int = pydantic.Field(default=8, ge=2, le=64)
    """Operations worked on at the same time."""
