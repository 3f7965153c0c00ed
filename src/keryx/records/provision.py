"""Databases and roles: made where they are missing, on our own server and on somebody else's alike.

``ensure`` first tries each role's own login. Only where one fails does it ask the server's
administrator: postgres over the Unix socket of our own server, ``database.admin_user`` on an
external one. Doing it again changes nothing; a changed password file is taken up.

Passwords never leave as plain text: the server is given their SCRAM verifier (RFC 5803), so that
not even its log of statements can tell them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import psycopg
from psycopg import sql

from keryx.core import errors, secret
from keryx.core.secret import Secret
from keryx.records.engine import (
    Connection,
    LoginRefused,
    connect,
    no_connection,
    parameters,
    said,
    shown,
    translate,
)
from keryx.settings.site import DatabaseAccess, Site

OLDEST = 13
"""The oldest major version that a database may live on."""


def wanted(site: Site) -> Sequence[str]:
    """Return the names of the databases that the settings need, for ``site.database``."""
    names = ["keryx"]
    if site.sogo_enabled:
        names.append("sogo")
    if site.roundcube_enabled:
        names.append("roundcube")
    return names


def ensure(site: Site) -> list[str]:
    """Make every wanted role and database that is missing; return what was done, as phrases.

    Raises Unreachable when the server does not answer, Refused or KeryxError when it does not let
    us in or lacks a right. Nothing of anybody else's is ever changed.
    """
    done = []
    missing = _missing(site) if site.settings.database.embedded else ()
    for name in wanted(site):
        access = site.database(name)
        if name in missing or not _is_usable(access):
            done += _make(site, name)
        check(access)
    return done


def check(access: DatabaseAccess) -> None:
    """Raise KeryxError unless the role can log in to its database and make tables there."""
    with contextlib.closing(connect(access, autocommit=True)) as opened:
        version = opened.info.server_version // 10000
        if version < OLDEST:
            raise errors.Refused(
                f"The database {shown(access)} is on PostgreSQL {version}, which is too old.",
                remedy=f"Use PostgreSQL {OLDEST} or newer.",
            )
        encoding = opened.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise errors.Refused(
                f"The database {shown(access)} keeps text in {encoding}, not in UTF8.",
                remedy="Make it anew with ENCODING 'UTF8' TEMPLATE template0.",
            )
        row = opened.execute("SELECT has_schema_privilege(current_schema(), 'CREATE')").fetchone()
        if row is None or not row[0]:
            raise errors.Refused(
                f"The role {access.user} may not make tables in the database {shown(access)}.",
                remedy=f"Make it the owner: ALTER DATABASE {access.name} OWNER TO {access.user};",
            )


def _missing(site: Site) -> Sequence[str]:
    """Return the databases that our own server lacks: its log need not tell of refused logins."""
    with _administrator(site) as opened:
        there = {name for (name,) in opened.execute("SELECT datname FROM pg_database")}
    return [name for name in wanted(site) if site.database(name).name not in there]


def _is_usable(access: DatabaseAccess) -> bool:
    try:
        connect(access).close()
    except LoginRefused:
        return False
    return True


def _make(site: Site, name: str) -> list[str]:
    access = site.database(name)
    if not access.embedded and not site.settings.database.admin_user:
        # The sentence says what is wrong: no such database, no such role, another password.
        try:
            connect(access).close()
        except LoginRefused as error:
            raise LoginRefused(error.sentence, remedy=_by_hand(access, name)) from error
    with _administrator(site) as opened:
        done = _make_role(site, name, opened)
        done += _make_database(site, name, opened)
        if access.embedded and not _is_usable(access):
            _set_password(opened, access)
            done.append(f"a new password of the role {access.user}")
    return done


def _make_role(site: Site, name: str, opened: Connection) -> list[str]:
    access = site.database(name)
    found = opened.execute(
        "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", [access.user]
    ).fetchone()
    if found is None:
        role = sql.Identifier(access.user)
        opened.execute(sql.SQL("CREATE ROLE {}").format(role))
        _set_password(opened, access)
        opened.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(_mark(site))))
        return [f"the role {access.user}"]
    if access.embedded or _logs_in(opened, access):
        return []
    _must_be_ours(site, name, found[0])
    _set_password(opened, access)
    return [f"a new password of the role {access.user}"]


def _set_password(opened: Connection, access: DatabaseAccess) -> None:
    verifier = opened.pgconn.encrypt_password(
        access.password.reveal().encode(), access.user.encode(), b"scram-sha-256"
    ).decode()
    alter = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    opened.execute(alter.format(sql.Identifier(access.user), sql.Literal(verifier)))


def _logs_in(opened: Connection, access: DatabaseAccess) -> bool:
    """Whether the role's password is the right one already, so that only its database is missing.

    Asked in the administrator's database; where the role may not enter it, the answer is no.
    """
    try:
        connect(replace(access, name=opened.info.dbname)).close()
    except errors.KeryxError:
        return False
    return True


def _must_be_ours(site: Site, name: str, mark: str | None) -> None:
    """Raise Refused unless we made the role and its password was changed by its file.

    A role of that name may belong to another installation, which would lose its database. A
    password of our own making never changes: another one is a copy of the settings elsewhere.
    """
    access = site.database(name)
    given = getattr(site.settings.database, f"{name}_password_file") is not None
    if mark == _mark(site) and given:
        return
    raise errors.Refused(
        f"The role {access.user} exists already at {access.host}:{access.port} with another password; it may "
        "serve another installation and was left as it is.",
        remedy=f"Name the file with its password in database.{name}_password_file, or set database.prefix.",
    )


def _make_database(site: Site, name: str, opened: Connection) -> list[str]:
    access = site.database(name)
    if opened.execute("SELECT 1 FROM pg_database WHERE datname = %s", [access.name]).fetchone():
        return []
    database, role = sql.Identifier(access.name), sql.Identifier(access.user)
    with _member_of(opened, access.user):
        # template0: template1 may hold things of the administrator's, or be in another encoding.
        create = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
        opened.execute(create.format(database, role))
        # Without this every role of the server may enter; what it could read there is another matter.
        opened.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    return [f"the database {access.name}"]


@contextlib.contextmanager
def _member_of(opened: Connection, role: str) -> Iterator[None]:
    """Be a member of the role meanwhile: who is no superuser needs it to give a database away."""
    # Since version 16 who makes a role is a member of it that may not act for it.
    enough = "SET" if opened.info.server_version >= 160000 else "MEMBER"
    row = opened.execute(
        "SELECT rolsuper OR pg_has_role(%s, %s) FROM pg_roles WHERE rolname = current_user", [role, enough]
    ).fetchone()
    if row is not None and row[0]:
        yield
        return
    opened.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    try:
        yield
    finally:
        opened.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(sql.Identifier(role)))


@contextlib.contextmanager
def _administrator(site: Site) -> Iterator[Connection]:
    """Give a connection as who may make roles and databases; each statement stands alone."""
    access = _administrator_access(site)
    # Making a database copies files: it may take longer than a page would wait.
    words = {**parameters(access), "options": "-c statement_timeout=120s"}
    if access.embedded:
        words.pop("password")
    try:
        opened = psycopg.connect(**words, autocommit=True)
    except psycopg.Error as error:
        raise _no_administrator(access, error) from error
    with contextlib.closing(opened):
        try:
            yield opened
        except psycopg.errors.InsufficientPrivilege as error:
            raise errors.Refused(
                f"{access.user} lacks a right at {access.host}:{access.port}: {said(error)}.",
                remedy=f"Give it: ALTER ROLE {access.user} CREATEROLE CREATEDB;",
            ) from error
        except psycopg.Error as error:
            raise translate(access, error) from error


def _administrator_access(site: Site) -> DatabaseAccess:
    own = site.database("keryx")
    if own.embedded:
        return replace(own, name="postgres", user="postgres", password=Secret(""))
    settings = site.settings.database
    assert settings.admin_password_file is not None
    password = secret.read(settings.admin_password_file)
    return replace(own, name="postgres", user=settings.admin_user, password=password)


def _no_administrator(access: DatabaseAccess, error: psycopg.Error) -> errors.KeryxError:
    found = no_connection(access, error)
    if not isinstance(found, LoginRefused) or access.embedded:
        return found
    remedy = "Check database.admin_user and database.admin_password_file."
    return LoginRefused(found.sentence, remedy=remedy)


def _mark(site: Site) -> str:
    """What the roles we make are commented with."""
    return f"Keryx for {site.settings.domain}"


def _by_hand(access: DatabaseAccess, name: str) -> str:
    return (
        f"Make the role {access.user} and a database {access.name} that it owns, and name its password file "
        f"in database.{name}_password_file; or let Keryx do it as an administrator, database.admin_user."
    )
