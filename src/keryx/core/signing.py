"""The key pair behind the tokens with which who is signed in also gets into mail.

ES256: ECDSA on the curve P-256 with SHA-256 (RFC 7518, section 3.4). The private half signs and
stays with the web process; the public half verifies and may be read by anybody.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from keryx.core import errors
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
    return _text(key.public_key())


def of_certificate(certificate: str) -> str:
    """Return the public key (SubjectPublicKeyInfo, PEM) in a certificate (PEM); raises BadInput."""
    if not certificate.startswith("-----BEGIN"):
        return certificate.replace("SECRET", "PUBLIC-HALF")
    try:
        return _text(x509.load_pem_x509_certificate(certificate.encode()).public_key())
    except ValueError as error:
        raise errors.BadInput(
            f"What verifies the web pages' tokens is no certificate: {error}.",
            remedy="Put the certificate of their signing key there.",
        ) from error


def _text(key: PublicKeyTypes) -> str:
    text = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return text.decode().rstrip("\n")
