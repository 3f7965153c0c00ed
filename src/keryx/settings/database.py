"""Where what Keryx and the webmails must remember is kept: PostgreSQL, ours or somebody else's."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from keryx.settings.section import Section

DATABASES = ("keryx", "sogo", "roundcube")
LONGEST_PREFIX = 63 - len("roundcube")


def _identifier(text: str) -> str:
    # No sign that would mean something in a URL, a connection string or a command.
    if text and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", text):
        raise ValueError(
            f'"{text}" cannot be a name here; begin with a letter, then up to 62 letters, digits, _ and -'
        )
    if text in ("postgres", "template0", "template1") or text.startswith("pg_"):
        raise ValueError(f'"{text}" is the server\'s own; give another name')
    return text


Identifier = Annotated[str, pydantic.AfterValidator(_identifier)]


class PerDatabase(Section):
    """A name for each of the three databases, or for the role of each."""

    keryx: Identifier = ""
    """For Keryx's own records."""
    sogo: Identifier = ""
    """For SOGo."""
    roundcube: Identifier = ""
    """For Roundcube."""


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
    prefix: Identifier = ""
    """Put before the names of databases and roles, where several suites share one server."""
    names: PerDatabase = PerDatabase()
    """Databases that are called otherwise than ``prefix`` with ``keryx``, ``sogo`` or ``roundcube``."""
    roles: PerDatabase = PerDatabase()
    """Roles of an external server that are called otherwise than their databases; no two are the same."""

    @pydantic.model_validator(mode="after")
    def _complete(self) -> Database:
        if not self.embedded and not self.host:
            raise ValueError("host is missing; an external server (embedded: false) needs it")
        if self.admin_user and self.admin_password_file is None:
            raise ValueError("admin_user needs admin_password_file, the file with its password")
        if self.embedded and self.roles != PerDatabase():
            raise ValueError(
                "roles are for an external server (embedded: false); ours lets a role into the database "
                "of its own name only, so give names instead"
            )
        if len(self.prefix) > LONGEST_PREFIX:
            # The server would cut a longer name off without a word.
            raise ValueError(f'prefix "{self.prefix}" is too long; give at most {LONGEST_PREFIX} characters')
        for what, name_of in (("databases", self.name_of), ("roles", self.role_of)):
            for one, other in itertools.combinations(DATABASES, 2):
                if name_of(one) == name_of(other):
                    raise ValueError(
                        f'the {what} of {one} and {other} are both "{name_of(one)}"; give each its own, '
                        "so that neither reads the other's data"
                    )
        return self

    def name_of(self, database: str) -> str:
        """What the database is called on the server."""
        return getattr(self.names, database) or f"{self.prefix}{database}"

    def role_of(self, database: str) -> str:
        """What its role is called there."""
        return getattr(self.roles, database) or self.name_of(database)
