"""Rules about passwords: long enough, hard to guess; hashes of known schemes.

How hard a password is to guess is judged by zxcvbn (https://github.com/dropbox/zxcvbn), which
knows common passwords, words, names, keyboard rows and dates; at least 2 of its 4 points are
asked for, what an attacker who may try a few times a second does not reach in years.
"""

from __future__ import annotations

import re

from keryx.core import errors, secret
from keryx.core.password import SCHEME, is_hashed
from keryx.core.secret import Secret

SHORTEST = 10
LONGEST = 256
POINTS = 2

SCHEMES = ("ARGON2", "SSHA", "SHA", "SMD5", "MD5", "CRYPT", "SSHA512", "SSHA384", "SSHA256", "SHA512",
           "SHA384", "SHA256", "PBKDF2", "PBKDF2-SHA1", "PBKDF2-SHA256", "PBKDF2-SHA512")  # fmt: skip
"""Schemes of hashes made elsewhere that slapd verifies."""


def generate() -> Secret:
    """Return a fresh password of 16 letters and digits (93 bits)."""
    return secret.generate(16)


def check(password: str, address: str) -> None:
    """Raise BadInput, saying why, when a password is weak."""
    problem = weakness(password, address)
    if problem:
        raise errors.BadInput(
            f"The password for {address} is weak: {problem}.",
            remedy="Take several words that do not belong together, or --generate-password.",
        )


def weakness(password: str, address: str) -> str:
    """Return what is wrong with a password, or nothing."""
    # Imported here: its word lists take a while, and most commands need none.
    import zxcvbn

    if len(password) < SHORTEST:
        return f"it has {len(password)} characters, and {SHORTEST} are needed"
    if len(password) > LONGEST:
        return f"it has {len(password)} characters, and {LONGEST} is the most"
    if not password.isprintable():
        return "it has characters that cannot be typed"
    # zxcvbn looks at 72 characters; what is longer is not weaker.
    words = [address, *re.split(r"[@._-]", address)]
    found = zxcvbn.zxcvbn(password[:72], user_inputs=words)
    if found["score"] >= POINTS:
        return ""
    said = found["feedback"]["warning"].rstrip(".") or "it is made of common words or patterns"
    return f"{said[0].lower()}{said[1:]}"


def check_hash(text: str) -> None:
    """Raise BadInput when the text is no hash that the directory verifies."""
    problem = hash_problem(text)
    if problem:
        raise errors.BadInput(f"{problem}.", remedy="Write it as the directory does, such as {SSHA}...")


def hash_problem(text: str) -> str:
    """Return what is wrong with a password hash, or nothing."""
    if not is_hashed(text):
        return "the password hash has no scheme in front, such as {SSHA}"
    scheme = text[1 : text.index("}")].upper()
    if scheme not in SCHEMES:
        return f"the directory knows no password scheme {{{scheme}}}"
    return ""


def normal_hash(text: str) -> str:
    """Return a hash under the name that slapd knows: Dovecot says {ARGON2ID} where it says {ARGON2}."""
    for name in ("{ARGON2ID}", "{ARGON2I}"):
        if text.upper().startswith(name):
            return SCHEME + text[len(name) :]
    return text
