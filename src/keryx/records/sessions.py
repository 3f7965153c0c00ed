"""Sessions of who is signed in. The token in the cookie is never kept, only its SHA-256."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from keryx.records import engine
from keryx.settings.site import Site

SEEN_SECONDS = 60
"""``last_seen`` is written when it is older than this: not at every request."""

COLUMNS = "left(id_hash, 16) AS id, address, created, expires, last_seen, client_ip, user_agent"


@dataclass(frozen=True)
class Session:
    """A session, without what would let somebody use it."""

    id: str
    """The beginning of the hash: names the session to its owner, and opens nothing."""
    address: str
    created: datetime.datetime
    expires: datetime.datetime
    last_seen: datetime.datetime
    client_ip: str
    user_agent: str


def add(
    site: Site, id_hash: str, address: str, expires: datetime.datetime, *, client_ip: str, user_agent: str
) -> Session:
    """Begin a session and return it. ``id_hash`` is the SHA-256 of its token, in hexadecimal."""
    query = f"""INSERT INTO session (id_hash, address, expires, client_ip, user_agent)
        VALUES (%(id_hash)s, %(address)s, %(expires)s, %(client_ip)s, %(user_agent)s) RETURNING {COLUMNS}"""
    values = {
        "id_hash": id_hash,
        "address": address,
        "expires": expires,
        "client_ip": client_ip,
        "user_agent": engine.plain(user_agent, 300),
    }
    made = engine.row(site, Session, query, values)
    assert made is not None
    return made


def find(site: Site, id_hash: str) -> Session | None:
    """Return the session of a token's hash, and note that it was seen; None when none is in force."""
    query = f"""SELECT {COLUMNS}, last_seen < now() - make_interval(secs => %(seen)s) AS late FROM session
        WHERE id_hash = %(id_hash)s AND expires > now()"""
    found = engine.row(site, _Found, query, {"id_hash": id_hash, "seen": SEEN_SECONDS})
    if found is None:
        return None
    if found.late:
        engine.execute(
            site, "UPDATE session SET last_seen = now() WHERE id_hash = %(id_hash)s", {"id_hash": id_hash}
        )
    return found.session


def all_of(site: Site, address: str) -> Sequence[Session]:
    """Return an address's sessions in force, the latest first."""
    query = f"""SELECT {COLUMNS} FROM session WHERE address = %(address)s AND expires > now()
        ORDER BY last_seen DESC, created DESC"""
    return engine.rows(site, Session, query, {"address": address})


def end(site: Site, address: str, id: str) -> bool:
    """End one session of an address; return whether it was there."""
    query = "DELETE FROM session WHERE address = %(address)s AND left(id_hash, 16) = %(id)s"
    return engine.execute(site, query, {"address": address, "id": id}) > 0


def end_all(site: Site, address: str, *, but: str = "") -> int:
    """End all sessions of an address (but the one of that id); return how many."""
    query = "DELETE FROM session WHERE address = %(address)s AND left(id_hash, 16) <> %(but)s"
    return engine.execute(site, query, {"address": address, "but": but})


def forget_expired(site: Site) -> int:
    """Remove sessions that are over; return how many."""
    return engine.execute(site, "DELETE FROM session WHERE expires <= now()")


class _Found:
    def __init__(self, *, late: bool, **columns: object) -> None:
        self.late = late
        self.session = Session(**columns)  # type: ignore[arg-type]
