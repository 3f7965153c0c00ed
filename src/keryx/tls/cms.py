"""Signing a text so that a device shows who made it: CMS signed data (RFC 5652), the text inside.

The signature is by the certificate that all ports show, with the chain behind it, so that whoever
trusts the server trusts the text.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from keryx.core import errors


def sign(content: bytes, certificate: Path, key: Path) -> bytes:
    """Return ``content`` with its signature (DER); raises BadInput when the key is of another kind."""
    try:
        signer, *chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise errors.BadInput(
            f"Nothing can be signed with {certificate} and {key}: {error}.",
            remedy="Correct tls.certificate and tls.key in keryx.yaml.",
        ) from error
    if not isinstance(private, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise errors.BadInput(
            f"{key} is neither an RSA nor an EC key, and devices know no others.",
            remedy="Use a certificate with an RSA or EC key.",
        )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(signer, private, hashes.SHA256())
    for issuer in chain:
        builder = builder.add_certificate(issuer)
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
