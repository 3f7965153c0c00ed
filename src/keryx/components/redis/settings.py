"""The section ``redis`` of keryx.yaml."""

from typing import ClassVar

import pydantic

from keryx.settings.section import Section


class RedisSettings(Section):
    """Redis, where the filter keeps what it has learnt."""

    section_name: ClassVar[str] = "redis"

    max_memory_mb: int = pydantic.Field(default=256, ge=16)
    """Memory limit in MiB; the entries that expire soonest go first when it is reached."""
