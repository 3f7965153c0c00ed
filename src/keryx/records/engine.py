"""Connections to PostgreSQL: pooled, with short time-outs, errors as ours.

A page must never hang because the database is away: connecting gives up after CONNECT_SECONDS, a
statement after STATEMENT_SECONDS, and what went wrong is one of ``core.errors`` with a sentence.
psycopg's own errors stay in this package. Manual: https://www.psycopg.org/psycopg3/docs/
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import psycopg
import psycopg_pool
from psycopg.rows import TupleRow, kwargs_row

from keryx.core import errors
from keryx.settings.site import DatabaseAccess, Site

Connection = psycopg.Connection[TupleRow]
T = TypeVar("T")
NOTHING: Mapping[str, object] = {}

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 5
POOL = 8
"""Most connections of one process."""
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class LoginRefused(errors.Unreachable):
    """The server is there and refuses the role's login: no such role, database, or another password."""


def parameters(access: DatabaseAccess) -> dict[str, Any]:
    """Return libpq's parameters of a connection, each one written out."""
    words: dict[str, Any] = {
        "host": access.host,
        "port": access.port,
        "dbname": access.name,
        "user": access.user,
        "password": access.password.reveal(),
        "sslmode": access.sslmode,
        "gssencmode": "disable",
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "keryx",
        "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={STATEMENT_SECONDS}s",
        # For a server that vanished without a word.
        "tcp_user_timeout": STATEMENT_SECONDS * 1000,
        "keepalives_idle": 30,
    }
    if access.sslmode.startswith("verify"):
        words["sslrootcert"] = str(access.ca or SYSTEM_AUTHORITIES)
    return words


def connect(access: DatabaseAccess, *, autocommit: bool = False) -> Connection:
    """Open a connection that belongs to the caller; raises Unreachable with the server's words."""
    try:
        return psycopg.connect(**parameters(access), autocommit=autocommit)
    except (psycopg.Error, UnicodeError) as error:
        raise no_connection(access, error) from error


@contextlib.contextmanager
def connection(site: Site) -> Iterator[Connection]:
    """Give a connection to Keryx's own records for one transaction.

    It is committed at the end of the block, and rolled back when the block raises. Raises
    Unreachable when the database is away or too slow.
    """
    access = site.database("keryx")
    with _door(access).connection() as opened, translated(access), opened.transaction():
        yield opened


def rows(
    site: Site, make: Callable[..., T], query: LiteralString, parameters: Mapping[str, object] = NOTHING
) -> list[T]:
    """Return the rows of one statement, made of their columns by name."""
    with connection(site) as opened, opened.cursor(row_factory=kwargs_row(make)) as cursor:
        return cursor.execute(query, parameters).fetchall()


def row(
    site: Site, make: Callable[..., T], query: LiteralString, parameters: Mapping[str, object] = NOTHING
) -> T | None:
    """Return the first row of one statement, made of its columns by name; None when there is none."""
    with connection(site) as opened, opened.cursor(row_factory=kwargs_row(make)) as cursor:
        return cursor.execute(query, parameters).fetchone()


def execute(site: Site, query: LiteralString, parameters: Mapping[str, object] = NOTHING) -> int:
    """Run one statement; return how many rows it changed."""
    with connection(site) as opened:
        return opened.execute(query, parameters).rowcount


def plain(text: str, length: int) -> str:
    """Return text that PostgreSQL can keep: without U+0000, and no longer than ``length`` characters."""
    return text.replace("\0", "")[:length]


def without_nul(value: Any) -> Any:
    """Return a JSON value without U+0000 in its texts, which PostgreSQL cannot keep."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, Mapping):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nul(item) for item in value]
    return value


def part(text: str) -> str:
    """Return the pattern of ILIKE that finds a text anywhere; empty for an empty text."""
    escaped = text.replace("\0", "").replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%" if escaped else ""


@contextlib.contextmanager
def translated(access: DatabaseAccess) -> Iterator[None]:
    """Let psycopg's errors leave the block as ours."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(access, error) from error


def translate(access: DatabaseAccess, error: psycopg.Error) -> errors.KeryxError:
    """Return one of our errors for one of psycopg's."""
    match error:
        case psycopg.errors.QueryCanceled() | psycopg.errors.LockNotAvailable():
            return errors.Unreachable(
                f"The database {shown(access)} takes longer than {STATEMENT_SECONDS} s to answer.",
                remedy="Try again; look at its load.",
            )
        case psycopg.errors.UndefinedTable() | psycopg.errors.UndefinedColumn():
            return errors.KeryxError(
                f"The records in the database {shown(access)} are not set up.", remedy="Run keryx up."
            )
        case psycopg.errors.DataError() | psycopg.errors.IntegrityError():
            return errors.BadInput(f"The records refuse this: {said(error)}.")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return _away(access, error)
    return errors.KeryxError(f"The database {shown(access)} refuses: {said(error)}.")


def no_connection(access: DatabaseAccess, error: Exception) -> errors.KeryxError:
    """Return what to say when no connection could be made."""
    pgconn = getattr(error, "pgconn", None)
    if pgconn is not None and (pgconn.used_password or pgconn.needs_password):
        return LoginRefused(
            f"The database {shown(access)} refuses the login of {access.user}: {said(error)}.",
            remedy="Run keryx up, which takes up a changed password and makes what is missing.",
        )
    return _away(access, error)


def shown(access: DatabaseAccess) -> str:
    """How a database is called in sentences."""
    return access.name if access.embedded else f"{access.name} at {access.host}:{access.port}"


def said(error: Exception) -> str:
    """Return the server's own words, as part of a sentence."""
    diagnostic = getattr(error, "diag", None)
    text = (diagnostic.message_primary if diagnostic else None) or str(error)
    # libpq ends with a question: "Is the server running on that host and accepting connections?"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.endswith("?")]
    last = lines[-1] if lines else "it says nothing"
    for before in (" failed: ", "FATAL: "):
        last = last.rpartition(before)[2]
    return last.strip().rstrip(".")


def _away(access: DatabaseAccess, error: Exception) -> errors.Unreachable:
    remedy = "Look at keryx status and keryx logs postgresql; keryx up starts it."
    if not access.embedded:
        remedy = "Check database.host and database.port, and whether the server runs."
        if access.sslmode.startswith("verify"):
            remedy += " Its certificate must be for that host and signed by the authority in database.ca."
    return errors.Unreachable(f"The database {shown(access)} does not answer: {said(error)}.", remedy=remedy)


class _Door:
    """The connections of this process to one database.

    The first one is made by the caller itself, so that a command line needs no more and a database
    that is away says why at once. Later ones come from a pool, which is given up again when the
    database went away under it.
    """

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access
        self._pool: psycopg_pool.ConnectionPool[Connection] | None = None
        self._used = False
        self._given = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        pool = self._pool
        opened = self._from(pool) if pool is not None else None
        if pool is not None and opened is not None:
            try:
                yield opened
            finally:
                with self._lock:
                    self._given -= 1
                pool.putconn(opened)
            return
        opened = self._first()
        try:
            yield opened
        finally:
            opened.close()

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(timeout=1)

    def _first(self) -> Connection:
        opened = connect(self._access, autocommit=True)
        with self._lock:
            if self._used and self._pool is None:
                self._pool = psycopg_pool.ConnectionPool(
                    kwargs={**parameters(self._access), "autocommit": True},
                    min_size=1,
                    max_size=POOL,
                    timeout=CONNECT_SECONDS,
                    reconnect_timeout=CONNECT_SECONDS,
                    check=psycopg_pool.ConnectionPool.check_connection,
                    num_workers=1,
                    open=True,
                )
            self._used = True
        return opened

    def _from(self, pool: psycopg_pool.ConnectionPool[Connection]) -> Connection | None:
        """Return a connection of the pool, or None when the pool lost its own: then it is given up."""
        try:
            opened = pool.getconn()
        except (psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed) as error:
            if self._given >= POOL:
                raise errors.Unreachable(
                    f"The database {shown(self._access)} is too busy.", remedy="Try again in a moment."
                ) from error
            self._give_up(pool)
            return None
        with self._lock:
            self._given += 1
        return opened

    def _give_up(self, pool: psycopg_pool.ConnectionPool[Connection]) -> None:
        with self._lock:
            if self._pool is not pool:
                return
            self._pool = None
        pool.close(timeout=0)


_doors: dict[DatabaseAccess, _Door] = {}
_doors_lock = threading.Lock()


def _door(access: DatabaseAccess) -> _Door:
    with _doors_lock:
        return _doors.setdefault(access, _Door(access))


def close() -> None:
    """Close every pooled connection of this process."""
    with _doors_lock:
        doors = list(_doors.values())
        _doors.clear()
    for door in doors:
        door.close()


atexit.register(close)
