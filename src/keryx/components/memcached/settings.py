"""The section ``memcached`` of keryx.yaml."""

from typing import ClassVar

import pydantic

from keryx.settings.section import Section


class MemcachedSettings(Section):
    """memcached, SOGo's cache."""

    section_name: ClassVar[str] = "memcached"

    max_memory_mb: int = pydantic.Field(default=64, ge=8)
    """Memory limit in MiB, taken as it is needed; what was used least recently goes first. A person
    at work takes some 100 KiB."""
