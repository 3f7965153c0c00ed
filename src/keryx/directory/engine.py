"""Sessions with the directory server: connecting, time-outs, errors as ours.

The embedded server is reached over its Unix socket, an external one as the settings say (plain,
StartTLS, LDAPS). Reading binds as the reader, writing as the administrator. Every error leaves
this room as one of ``core.errors``; bonsai's stay inside.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bonsai
import bonsai.errors

from keryx.core import errors
from keryx.directory.entry import Attributes, Entry
from keryx.directory.mapping import Names
from keryx.settings.site import Site

SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
CONSTRAINT_VIOLATION = 19
_REFUSALS = (
    bonsai.errors.AuthenticationError,
    bonsai.errors.PasswordPolicyError,
    bonsai.errors.UnwillingToPerform,
    bonsai.errors.InvalidDN,
)
"""What a server says to a login that it does not accept: wrong, expired, locked, not for logins."""
Kind = tuple[str, bool, Path | None, str, str]
KEPT = 8
"""Connections kept open of each kind, in a process that asks again and again."""
_idle: dict[Kind, list[tuple[Any, int]]] = {}
_lock = threading.Lock()
PAGE = 1000
"""Entries per page of a long listing (RFC 2696)."""


# bonsai refuses names that have # or = within a value, which RFC 4514 (section 3) allows: one such
# entry would make every listing fail.
_TYPE = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)"
_VALUE = r'(?:#(?:[\dA-Fa-f]{2})+|(?:[^,+<>;\\"\0]|\\[ ,=+<>#;\\"]|\\[\dA-Fa-f]{2})*)'
_PART = rf" *{_TYPE}={_VALUE}(?:\+{_TYPE}={_VALUE})*"
bonsai.LDAPDN._dnregex = re.compile(rf"{_PART}(?:,{_PART})*\Z")


class Session:
    """A bound connection."""

    def __init__(self, connection: Any, uri: str, timeout: float) -> None:
        self._connection = connection
        self._uri = uri
        self._timeout = timeout

    def search(self, base: str, filter: str, attributes: Sequence[str]) -> list[Entry]:
        """Return the entries one level below ``base`` that fit; none when there is no base."""
        try:
            with self._translated():
                scope = bonsai.LDAPSearchScope.ONELEVEL
                found = self._connection.search(base, scope, filter, list(attributes), timeout=self._timeout)
                return [_entry(entry) for entry in found]
        except errors.NotFound:
            return []

    def pages(self, base: str, filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries one level below ``base`` that fit, however many there are."""
        try:
            with self._translated():
                scope = bonsai.LDAPSearchScope.ONELEVEL
                found = self._connection.paged_search(
                    base, scope, filter, list(attributes), timeout=self._timeout, page_size=PAGE
                )
                for entry in found:
                    yield _entry(entry)
        except errors.NotFound:
            return

    def read(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """Return the entry of that name."""
        try:
            with self._translated():
                found = self._connection.search(
                    dn,
                    bonsai.LDAPSearchScope.BASE,
                    "(objectClass=*)",
                    list(attributes),
                    timeout=self._timeout,
                )
        except errors.NotFound:
            return None
        return _entry(found[0]) if found else None

    def add(self, dn: str, values: Attributes) -> None:
        """Add an entry; raises Exists."""
        with self._translated(dn):
            entry = bonsai.LDAPEntry(dn)
            for name, texts in values.items():
                if texts:
                    entry[name] = list(texts)
            self._connection.add(entry, timeout=self._timeout)

    def replace(self, dn: str, values: Attributes) -> None:
        """Give attributes other values; an empty sequence removes the attribute."""
        with self._translated(dn):
            entry = bonsai.LDAPEntry(dn, self._connection)
            for name, texts in values.items():
                entry.change_attribute(name, bonsai.LDAPModOp.REPLACE, *texts)
            entry.modify(timeout=self._timeout)

    def remove(self, dn: str) -> None:
        """Remove an entry; raises NotFound."""
        with self._translated(dn):
            self._connection.delete(dn, timeout=self._timeout)

    @contextlib.contextmanager
    def _translated(self, subject: str = "") -> Iterator[None]:
        try:
            yield
        except (bonsai.errors.LDAPError, ValueError) as error:
            raise translate(error, self._uri, subject) from error


@contextlib.contextmanager
def session(site: Site, *, write: bool = False) -> Iterator[Session]:
    """Open a session as the reader, or as the administrator to write.

    Raises Refused when Keryx must not write this directory, Unreachable when it does not answer.
    """
    if write and not site.directory_writable:
        raise errors.Refused(
            "The directory is read-only for Keryx: directory.admin_password_file is not set.",
            remedy="Make the change in your own directory, or set directory.admin_password_file.",
        )
    access = site.directory
    password = site.admin_password if write else site.reader_password
    who = access.admin_dn if write else access.bind_dn
    timeout = float(site.settings.directory.timeout)
    # All that was said and proven when it was opened.
    name = (access.uri, access.starttls, access.ca, who, password.reveal())
    connection = _kept(name, access.root_dn, timeout)
    try:
        connection = connection or _client(site, who, password.reveal()).connect(timeout=timeout)
    except bonsai.errors.AuthenticationError as error:
        setting = "admin_password_file" if write else "bind_password_file"
        raise errors.KeryxError(
            f"The directory at {_shown(site)} refuses the login of {who}.",
            remedy=""
            if site.settings.directory.embedded
            else f"Check directory.{'admin_dn' if write else 'bind_dn'} and directory.{setting}.",
        ) from error
    except (bonsai.errors.LDAPError, ValueError) as error:
        raise _no_connection(site, error) from error
    good = False
    try:
        yield Session(connection, _shown(site), timeout)
        good = True
    except errors.BadInput:
        # A rule said no; the connection has nothing to do with it.
        good = True
        raise
    finally:
        _give_back(name, connection, good=good)


def _kept(name: Kind, root: str, timeout: float) -> Any:
    """Return a connection that was kept and still answers, or None.

    A login costs the server the check of a strong hash; asking whether a connection is alive does not.
    """
    while True:
        with _lock:
            kept = _idle.get(name)
            if not kept:
                return None
            connection, pid = kept.pop()
        if pid != os.getpid():
            continue
        try:
            connection.search(root, bonsai.LDAPSearchScope.BASE, "(objectClass=*)", ["1.1"], timeout=timeout)
        except (bonsai.errors.LDAPError, ValueError):
            with contextlib.suppress(bonsai.errors.LDAPError):
                connection.close()
        else:
            return connection


def _give_back(name: Kind, connection: Any, *, good: bool) -> None:
    with _lock:
        kept = _idle.setdefault(name, [])
        if good and len(kept) < KEPT:
            kept.append((connection, os.getpid()))
            return
    connection.close()


def close() -> None:
    """Close the connections that are kept for later."""
    with _lock:
        kept = [connection for group in _idle.values() for connection, _ in group]
        _idle.clear()
    for connection in kept:
        with contextlib.suppress(bonsai.errors.LDAPError):
            connection.close()


def authenticates(site: Site, dn: str, password: str) -> bool:
    """Whether the directory accepts the password of this entry.

    An empty password never is one: a server would take it for an anonymous login (RFC 4513, 5.1.2).
    Raises Unreachable when the directory does not answer.
    """
    if not password:
        return False
    try:
        client = _client(site, dn, password)
        client.connect(timeout=float(site.settings.directory.timeout)).close()
    except _REFUSALS:
        return False
    except (bonsai.errors.LDAPError, ValueError) as error:
        raise _no_connection(site, error) from error
    return True


def _client(site: Site, who: str, password: str) -> Any:
    """Return a client that will log in as ``who``."""
    access = site.directory
    client = bonsai.LDAPClient(access.uri, access.starttls)
    client.set_credentials("SIMPLE", user=who, password=password)
    client.set_cert_policy("demand")
    client.set_ca_cert(str(access.ca or SYSTEM_AUTHORITIES))
    client.set_ignore_referrals(True)
    client.set_raw_attributes(_texts(site))
    return client


def translate(error: Exception, uri: str, subject: str) -> errors.KeryxError:
    """Return one of our errors for one of bonsai's."""
    said = str(error)
    code = getattr(error, "code", 0)
    if isinstance(
        error, (bonsai.errors.ConnectionError, bonsai.errors.TimeoutError, bonsai.errors.ClosedConnection)
    ):
        return errors.Unreachable(
            f"The directory at {uri} does not answer: {said.rstrip('.')}.",
            remedy="Look at keryx status; try again.",
        )
    if isinstance(error, bonsai.errors.NoSuchObjectError):
        return errors.NotFound(f"The directory has no entry {subject}.")
    if isinstance(error, bonsai.errors.AlreadyExists):
        return errors.Exists(f"The directory has an entry {subject} already.")
    if code == CONSTRAINT_VIOLATION and "unique" in said:
        return errors.Exists(f"The directory refuses {subject}: one of its addresses is taken already.")
    if isinstance(error, bonsai.errors.InsufficientAccess):
        return errors.Refused(
            f"The directory does not let Keryx change {subject}.",
            remedy="Give directory.admin_dn the right to write there.",
        )
    return errors.KeryxError(f"The directory at {uri} refuses {subject or 'the search'}: {said}")


def _no_connection(site: Site, error: Exception) -> errors.KeryxError:
    remedy = "Look at keryx status and keryx logs openldap; keryx up starts it."
    if not site.settings.directory.embedded:
        remedy = "Check directory.uri and whether the server runs."
        if site.directory.starttls or site.directory.uri.startswith("ldaps"):
            remedy += (
                " Its certificate must be for the host name in the URI and signed by the authority in"
                " directory.ca."
            )
    return errors.Unreachable(
        f"The directory at {_shown(site)} does not answer: {str(error).rstrip('.')}.", remedy=remedy
    )


def _shown(site: Site) -> str:
    """How the server is called in sentences."""
    if site.settings.directory.embedded:
        return str(site.paths.run("openldap") / "ldapi")
    return site.directory.uri


def _texts(site: Site) -> list[str]:
    """The attributes in which a value such as 007 or TRUE is text: all that we read."""
    return list(Names.of(site).everything)


def _entry(found: Any) -> Entry:
    values = {name: [_text(value) for value in texts] for name, texts in found.items() if name != "dn"}
    return Entry(str(found.dn), values)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value)
