"""API keys. A key is never kept, only its SHA-256 and its first characters, to recognise it by."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keryx.records import engine
from keryx.settings.site import Site

COLUMNS = "id, name, prefix, owner, role, domains, access, created, expires, last_used"
USED_SECONDS = 60
"""``last_used`` is written when it is older than this: not at every request."""


@dataclass(frozen=True)
class Key:
    """A key, without the key itself."""

    id: int
    name: str
    prefix: str
    owner: str
    role: Literal["site", "domain"]
    domains: tuple[str, ...]
    access: Literal["read", "write"]
    created: datetime.datetime
    expires: datetime.datetime | None
    last_used: datetime.datetime | None


def add(
    site: Site,
    hash: str,
    *,
    name: str,
    prefix: str,
    owner: str,
    role: Literal["site", "domain"],
    domains: Sequence[str],
    access: Literal["read", "write"],
    expires: datetime.datetime | None,
) -> Key:
    """Keep a fresh key and return it. ``hash`` is the SHA-256 of its text, in hexadecimal."""
    query = f"""INSERT INTO api_key (hash, name, prefix, owner, role, domains, access, expires)
        VALUES (%(hash)s, %(name)s, %(prefix)s, %(owner)s, %(role)s, %(domains)s, %(access)s, %(expires)s)
        RETURNING {COLUMNS}"""
    values = {
        "hash": hash,
        "name": engine.plain(name, 200),
        "prefix": prefix,
        "owner": owner,
        "role": role,
        "domains": list(domains),
        "access": access,
        "expires": expires,
    }
    made = engine.row(site, _key, query, values)
    assert made is not None
    return made


def find(site: Site, hash: str) -> Key | None:
    """Return the key of a hash, and note that it was used; None when none is in force."""
    query = f"SELECT {COLUMNS} FROM api_key WHERE hash = %(hash)s AND (expires IS NULL OR expires > now())"
    found = engine.row(site, _key, query, {"hash": hash})
    if found is not None:
        note = """UPDATE api_key SET last_used = now() WHERE id = %(id)s
            AND (last_used IS NULL OR last_used < now() - make_interval(secs => %(seconds)s))"""
        engine.execute(site, note, {"id": found.id, "seconds": USED_SECONDS})
    return found


def all_of(site: Site, owner: str = "") -> Sequence[Key]:
    """Return the keys of an owner, or all, expired ones as well; the latest first."""
    query = f"SELECT {COLUMNS} FROM api_key WHERE %(owner)s IN ('', owner) ORDER BY id DESC"
    return engine.rows(site, _key, query, {"owner": owner})


def remove(site: Site, id: int, *, owner: str = "") -> Key | None:
    """Remove a key (of this owner) and return what it was; None when there is none."""
    query = f"DELETE FROM api_key WHERE id = %(id)s AND %(owner)s IN ('', owner) RETURNING {COLUMNS}"
    return engine.row(site, _key, query, {"id": id, "owner": owner})


def _key(*, domains: list[str], **columns: object) -> Key:
    return Key(domains=tuple(domains), **columns)  # type: ignore[arg-type]
