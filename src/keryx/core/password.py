"""Passwords as the directory keeps them: ``{ARGON2}$argon2id$...`` (RFC 9106).

slapd's argon2 module verifies this text at a bind; Dovecot verifies the same hash under the name
``{ARGON2ID}``. Hashes made elsewhere (``{SSHA}``, ``{CRYPT}``, ``{SSHA512}`` ...) are stored as
they come and verified by slapd.
"""

from __future__ import annotations

import functools
import re

import argon2

MEMORY_KIB = 19456
"""Memory of one hash in KiB. With two passes it is the minimum that OWASP asks for; a bind costs
about 25 ms of one processor, and Dovecot's cache spares most binds."""
PASSES = 2
SCHEME = "{ARGON2}"

HASHED = re.compile(r"\{[A-Z0-9][A-Z0-9._-]*\}\S+", re.IGNORECASE | re.ASCII)


@functools.lru_cache(maxsize=1)
def _hasher() -> argon2.PasswordHasher:
    return argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)


def hashed(password: str) -> str:
    """Return a fresh hash of the password; every call salts anew."""
    return SCHEME + _hasher().hash(password)


def verify(password: str, stored: str) -> bool:
    """Whether ``stored``, one of our own hashes, is of this password."""
    if not stored.startswith(SCHEME):
        return False
    try:
        return _hasher().verify(stored.removeprefix(SCHEME), password)
    except argon2.exceptions.Argon2Error:
        return False
    except argon2.exceptions.InvalidHashError:
        return False


def is_hashed(text: str) -> bool:
    """Whether the text is a hash with its scheme in front (RFC 3112's habit), such as {SSHA}..."""
    return bool(HASHED.fullmatch(text))
