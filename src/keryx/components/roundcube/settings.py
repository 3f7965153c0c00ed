"""The section ``roundcube`` of keryx.yaml."""

from __future__ import annotations

import zoneinfo
from typing import Annotated, ClassVar, Literal

import pydantic

from keryx.settings.section import Section

PluginName = Annotated[str, pydantic.Field(pattern=r"^[a-zA-Z0-9_-]+$")]


class RoundcubeSettings(Section):
    """Roundcube, the webmail (``webmail: roundcube`` or ``both``)."""

    section_name: ClassVar[str] = "roundcube"

    title: str = "Webmail"
    """Name of the webmail in window titles and on its own sign-in page."""
    logo: str = ""
    """Picture at the top of the pages: an https URL, or a path on this site such as
    ``/static/logo.svg``. Empty for Roundcube's own."""
    language: str = pydantic.Field(default="", pattern=r"^([a-z]{2,3}(_[A-Z]{2})?)?$")
    """Language of somebody who has not chosen one, such as ``de_DE``; empty takes the browser's."""
    time_zone: str = ""
    """Time zone of somebody who has not chosen one, such as ``Europe/Berlin``; empty takes the
    browser's."""
    address_book: Literal["domain", "site", "none"] = "domain"
    """Whom people find in the address book made from the directory: the accounts of their own
    ``domain``, of the whole ``site``, or nobody (``none``)."""
    workers: int = pydantic.Field(default=10, ge=1, le=500)
    """Most requests answered at the same time; each takes a PHP process. Idle ones end by themselves."""
    memory_limit_mb: int = pydantic.Field(default=256, ge=64)
    """Most memory of one PHP process in MiB. A message that is sent takes about four times its
    largest attachment."""
    plugins: tuple[PluginName, ...] = (
        "acl",
        "archive",
        "managesieve",
        "markasjunk",
        "password",
        "zipdownload",
    )
    """Plugins, by the names of their folders in /usr/share/roundcube/plugins. Keryx's own are always on."""
    extra: str = ""
    """PHP lines appended to config.inc.php as they are, such as ``$config['mail_pagesize'] = 100;``."""

    @pydantic.field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value and value not in zoneinfo.available_timezones():
            raise ValueError(f'"{value}" is not a time zone; write one such as Europe/Berlin')
        return value
