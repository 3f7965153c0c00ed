"""The section ``freshclam`` of keryx.yaml."""

from typing import ClassVar

import pydantic

from keryx.settings.section import Section


class FreshclamSettings(Section):
    """Updates of the virus scanner's database."""

    section_name: ClassVar[str] = "freshclam"

    mirror: str = pydantic.Field(default="database.clamav.net", pattern=r"^(https?://)?[A-Za-z0-9.:/_-]+$")
    """Where databases are fetched: a host name, or the URL of a mirror of your own."""
    checks_per_day: int = pydantic.Field(default=12, ge=1, le=50)
    """How often it looks for a new database."""
