"""Signing in with address and password.

The directory decides: a login there as the account itself. A wrong address, a wrong password and an
inactive account get the very same answer, after about the same work. Failures are counted by address and
client (``attempts``): who fails too often waits, and nobody else does.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from keryx.admin import addresses, attempts, roles
from keryx.admin.access import reading
from keryx.core import errors, password
from keryx.core.model import Account
from keryx.settings.site import Site

LONGEST = 1024
"""Characters of a password that is looked at; hashing more would only cost time."""


@dataclass(frozen=True)
class SignedIn:
    """Who has proven to be who."""

    account: Account
    standing: roles.Standing


def sign_in(site: Site, address: str, password: str, *, ip: str) -> SignedIn:
    """Return the account when the password is right.

    Raises NotSignedIn, TooManyAttempts; Unreachable when the directory or the records are away (that
    counts as no failure).
    """
    with attempts.EVERYWHERE.attempt(address, ip):
        account = _judged(site, address, password)
    return SignedIn(account, roles.of(site, account.address))


def verify(site: Site, address: str, password: str, *, ip: str) -> None:
    """Raise NotSignedIn or TooManyAttempts unless it is the account's password (before changing it)."""
    with attempts.EVERYWHERE.attempt(address, ip):
        _judged(site, address, password)


def _judged(site: Site, address: str, secret: str) -> Account:
    try:
        wanted = addresses.own_address(address)
    except errors.BadInput:
        wanted = ""
    account = None
    with reading(site) as directory:
        known = directory.accounts.get(wanted) if wanted else None
        if known is not None and 0 < len(secret) <= LONGEST:
            account = directory.accounts.authenticate(site, wanted, secret)
    if known is None:
        # As much work as the directory has with a password.
        password.verify(secret[:LONGEST], _some_hash())
    if account is None or not account.active:
        raise errors.NotSignedIn(
            "Address or password is wrong.",
            remedy="The address is the whole one, such as name@example.org. An administrator can set"
            " another password.",
        )
    return account


@functools.cache
def _some_hash() -> str:
    return password.hashed("nobody's")
