"""The section ``clamav`` of keryx.yaml."""

from typing import ClassVar

import pydantic

from keryx.settings.section import Section


class ClamavSettings(Section):
    """The virus scanner."""

    section_name: ClassVar[str] = "clamav"

    enabled: bool = False
    """Whether mail is scanned for viruses. The scanner needs about 1.5 GB of memory."""
    threads: int = pydantic.Field(default=4, ge=1, le=256)
    """Messages scanned at a time."""
