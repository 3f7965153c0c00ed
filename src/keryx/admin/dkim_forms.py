"""The forms of a DKIM private key: those that are read, and the one of each algorithm that is kept.

Kept is what Rspamd reads: RSA as PEM (PKCS #8); Ed25519 as the base64 of the 32-byte seed and the 32-byte
public key, what ``rspamadm dkim_keygen`` writes, since Rspamd before 3.8 reads no other form.
Read are PEM (PKCS #1 and #8) and base64 without its frame, of DER or of an Ed25519 seed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cryptography import exceptions
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

RSA_BITS = 2048
"""Of a key that is made here."""


@dataclass(frozen=True)
class Form:
    """A private key, read."""

    algorithm: str
    bits: int
    public: str
    """The public key as DNS holds it, base64 (RFC 6376, 3.6.1; RFC 8463, 4)."""
    content: str
    """The private key as it is kept."""


def new(algorithm: str) -> str:
    """Return a new key as it is kept."""
    if algorithm == "rsa":
        return _content(rsa.generate_private_key(65537, RSA_BITS))
    return _content(ed25519.Ed25519PrivateKey.generate())


def read(text: str) -> Form:
    """Read a private key; raises ValueError with the reason, without a full stop."""
    private = _private(text.strip().encode())
    if isinstance(private, rsa.RSAPrivateKey):
        der = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return Form("rsa", private.key_size, base64.b64encode(der).decode(), _content(private))
    raw = private.public_key().public_bytes_raw()
    return Form("ed25519", 256, base64.b64encode(raw).decode(), _content(private))


def _content(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.private_bytes_raw() + private.public_key().public_bytes_raw()
        return base64.b64encode(raw).decode() + "\n"
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text.decode()


def _private(content: bytes) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    private: object
    try:
        if b"-----BEGIN" in content:
            private = serialization.load_pem_private_key(content, None)
        else:
            private = _unframed(base64.b64decode(b"".join(content.split()), validate=True))
    except TypeError as error:
        # What the library raises when a passphrase is missing.
        raise ValueError("it is encrypted") from error
    except binascii.Error as error:
        raise ValueError("it is neither PEM nor base64") from error
    except (ValueError, exceptions.UnsupportedAlgorithm) as error:
        raise ValueError("it is damaged, or no private key") from error
    if not isinstance(private, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("it is neither an RSA nor an Ed25519 key")
    return private


def _unframed(raw: bytes) -> object:
    if len(raw) not in (32, 64):
        return serialization.load_der_private_key(raw, None)
    private = ed25519.Ed25519PrivateKey.from_private_bytes(raw[:32])
    if raw[32:] not in (b"", private.public_key().public_bytes_raw()):
        raise ValueError
    return private
