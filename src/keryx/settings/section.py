"""The base of every section of keryx.yaml."""

from __future__ import annotations

from typing import ClassVar

import pydantic


class Section(pydantic.BaseModel):
    """A strict, immutable part of the settings: an unknown key is an error, not a surprise.

    The docstring under a field is its reference entry: meaning, unit and, where it is not
    obvious, the reason for the default.
    """

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    section_name: ClassVar[str] = ""
    """The section's name in keryx.yaml; set by a component's own section."""
