"""Signing in with address and password.

The directory decides: a bind as the account itself. Wrong address, wrong password and an inactive account
get the very same answer after the same work. Failures are counted per address and client, and per client;
who fails too often waits, and nobody else does: a stale telephone does not lock its owner out elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from keryx.admin import roles
from keryx.core.model import Account
from keryx.settings.site import Site


@dataclass(frozen=True)
class SignedIn:
    """Who has proven to be who."""

    account: Account
    standing: roles.Standing


def sign_in(site: Site, address: str, password: str, *, ip: str) -> SignedIn:
    """Return the account when the password is right.

    Raises NotSignedIn, TooManyAttempts; Unreachable when the directory is away (that counts as no failure).
    """
    raise NotImplementedError


def verify(site: Site, address: str, password: str, *, ip: str) -> None:
    """Raise NotSignedIn or TooManyAttempts unless it is the account's password (before changing it)."""
    raise NotImplementedError
