"""Where what Keryx and the webmails must remember is kept: PostgreSQL, ours or somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pydantic

from keryx.settings.section import Section


class Database(Section):
    """PostgreSQL for Keryx's own records, SOGo and Roundcube: one database and one role each.

    Keryx makes them, on an external server too when it is given an administrator there.
    """

    embedded: bool = True
    """Whether Keryx runs the server itself; all other keys are about an external one."""
    host: str = ""
    """Host name or address of an external server."""
    port: int = pydantic.Field(default=5432, ge=1, le=65535)
    """Its TCP port."""
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    """How connections are protected (libpq's sslmode)."""
    ca: Path | None = None
    """Certificate authority (PEM) of the server; empty takes the system's."""
    admin_user: str = ""
    """A role that may create roles and databases; empty when they exist already."""
    admin_password_file: Path | None = None
    """File that holds its password."""
    keryx_password_file: Path | None = None
    """File that holds the password of the role ``keryx``; empty makes one."""
    sogo_password_file: Path | None = None
    """File that holds the password of the role ``sogo``; empty makes one."""
    roundcube_password_file: Path | None = None
    """File that holds the password of the role ``roundcube``; empty makes one."""
    prefix: str = ""
    """Put before the names of databases and roles, where several suites share one server."""

    @pydantic.model_validator(mode="after")
    def _complete(self) -> Database:
        if not self.embedded and not self.host:
            raise ValueError("host is missing; an external server (embedded: false) needs it")
        if self.admin_user and self.admin_password_file is None:
            raise ValueError("admin_user needs admin_password_file, the file with its password")
        return self
