"""A private certificate authority and the certificate it signs for the host name.

Mail must flow before anyone has a public certificate, so the first start signs its own. The
authority lives ten years; the certificate is renewed 60 days before its end, and at once when
the host name changes. Clients that import ``ca.pem`` trust it. (RFC 5280)
"""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keryx.core import errors, files

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 398
RENEW_BEFORE_DAYS = 60


def ensure(folder: Path, names: list[str]) -> bool:
    """Make authority and certificate for ``names`` where missing, outdated or for other names.

    Returns whether a new certificate was signed. Files: ``ca.pem``, ``ca.key``, ``cert.pem``
    (with the authority behind it), ``key.pem``; keys are mode 0600.
    """
    files.make_directory(files.Directory(folder))
    certificate = folder / "cert.pem"
    if certificate.exists() and (folder / "key.pem").exists() and _serves(read(certificate), names):
        return False
    authority, authority_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    signed = _sign(key, names, authority, authority_key)
    files.write(folder / "key.pem", _key_text(key), mode=0o600)
    files.write(certificate, _text(signed) + _text(authority))
    return True


def read(path: Path, key: str = "tls.certificate") -> x509.Certificate:
    """Return the first certificate of a PEM file; raises BadInput naming the key when there is none."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError) as error:
        raise errors.BadInput(
            f"{key}: {path} holds no certificate ({error}).",
            remedy="Name a PEM file with the certificate and its chain.",
        ) from error


def check_pair(certificate: Path, key: Path) -> None:
    """Raise BadInput unless the private key belongs to the certificate."""
    wanted = read(certificate).public_key()
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise errors.BadInput(
            f"tls.key: {key} holds no usable private key ({error}).",
            remedy="Name a PEM file with the key, without a password.",
        ) from error
    if private.public_key() != wanted:
        raise errors.BadInput(
            f"tls.key: {key} does not belong to tls.certificate {certificate}.",
            remedy="Name the key that the certificate was requested with.",
        )


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names that the certificate is for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _serves(certificate: x509.Certificate, names: list[str]) -> bool:
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return names_of(certificate) == names and left > datetime.timedelta(days=RENEW_BEFORE_DAYS)


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    path, key_path = folder / "ca.pem", folder / "ca.key"
    if path.exists() and key_path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise errors.KeryxError(
                f"{key_path} is not a key that Keryx made.",
                remedy="Restore it from the backup, or remove ca.key and ca.pem to start anew.",
            )
        return read(path), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Keryx private certificate authority")
    authority = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    files.write(key_path, _key_text(key), mode=0o600)
    files.write(path, _text(authority))
    return authority, key


def _sign(
    key: ec.EllipticCurvePrivateKey,
    names: list[str],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_name(names[0]), authority.subject, key.public_key(), CERTIFICATE_DAYS)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # Pods show it as clients too.
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # An hour back: clocks of clients are never exact.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    # X.520 limits a common name to 64 characters; the alternative names carry the full one.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
