"""The key pair behind the tokens with which who is signed in also gets into mail.

ES256: ECDSA on the curve P-256 with SHA-256 (RFC 7518, section 3.4). The private half signs and
stays with the web process; the public half verifies and may be read by anybody.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keryx.core.secret import Secret

HEADER = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9"
"""``{"alg":"ES256","typ":"JWT"}`` in base64url: the header of every token (RFC 7515, section 4.1)."""


def make_key() -> Secret:
    """Return a fresh private key (PKCS #8, PEM)."""
    text = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Secret(text.decode().rstrip("\n"))


def public_half(private: str) -> str:
    """Return the public key (SubjectPublicKeyInfo, PEM) that belongs to a private one.

    A placeholder, as files are shown without a suite, gives a placeholder.
    """
    if not private.startswith("-----BEGIN"):
        return private.replace("SECRET", "PUBLIC-HALF")
    key = serialization.load_pem_private_key(private.encode(), password=None)
    text = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return text.decode().rstrip("\n")
