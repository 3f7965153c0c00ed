"""Tokens: how who is signed in here gets into mail without anybody keeping the password.

A token is a JWT (RFC 7519) signed with ES256 (RFC 7518), good for one account and ten minutes. The
webmails give it to Dovecot in the password's place, at IMAP, ManageSieve and submission; Dovecot
verifies it by itself and still asks the directory whether the account may log in. The browser
never sees one. Header and claims are written in one fixed form, which is the only one taken.
"""

from __future__ import annotations

import functools
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keryx.core import errors
from keryx.core.secret import Secret
from keryx.settings.site import AUDIENCE, Site

LIFETIME = 600
"""Seconds that a token is good for. A fresh one is made for every request of a page, so this bounds
what a leaked one is worth, and no one's work."""


def make(site: Site, address: str) -> Secret:
    """Return a token that lets ``address`` into mail as if it had given its password."""
    now = int(time.time())
    claims = {"sub": address.lower(), "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME}
    return Secret(jwt.encode(claims, _key(site.token_key.reveal()), algorithm="ES256"))


@functools.lru_cache(maxsize=2)
def _key(text: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except ValueError as error:
        raise errors.KeryxError(
            "The key that signs tokens for the webmail cannot be read.",
            remedy="Remove secrets/webmail-token.key, then run keryx up: a new one is made.",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise errors.KeryxError(
            "The key that signs tokens for the webmail is of another kind than Keryx makes.",
            remedy="Remove secrets/webmail-token.key, then run keryx up: a new one is made.",
        )
    return key
