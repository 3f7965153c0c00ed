"""DKIM keys of the domains (RFC 6376, RFC 8463): made when a domain is added, gone with it.

Every domain has two: RSA-2048, which every receiver verifies, and Ed25519. A key is a file,
``data/dkim/<domain>.<selector>.key``, readable by root and the filter only, which looks for it
when it signs: a new key is used at once, without a reload. The RSA file is PEM (PKCS #8); the
Ed25519 file is the base64 of the 32-byte seed and the 32-byte public key (what
``rspamadm dkim_keygen`` writes), since Rspamd before 3.8 reads no other form.

On one machine files are all that is needed. Where several signers share the keys, they and
their life (made, published, used, retired) belong to the records; callers of this module will
not notice.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from keryx.admin import addresses
from keryx.components.rspamd.settings import RspamdSettings
from keryx.core import errors, files
from keryx.core.privileged import privileged
from keryx.settings.site import Site

GROUP = "_rspamd"
RSA_BITS = 2048
_NAME = re.compile(r"(?P<domain>.+)\.(?P<selector>[a-z0-9-]+)\.key")


@dataclass(frozen=True)
class Key:
    """A domain's key, as far as the world may know it."""

    domain: str
    selector: str
    algorithm: str
    """``rsa`` or ``ed25519``, as in the record's ``k=``."""
    public: str
    """The public key, base64: the record's ``p=``."""
    active: bool
    """Whether mail is signed with it: its selector is the one in the settings."""

    @property
    def record_name(self) -> str:
        """Where the public key stands in DNS, without the final dot."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record_text(self) -> str:
        """The text of the TXT record, in one piece (RFC 6376, 3.6.1)."""
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"


@privileged(shown=("domain",))
def ensure(site: Site, domain: str) -> Sequence[Key]:
    """Make the domain's keys where they are missing; return those that sign."""
    domain = addresses.domain_name(domain)
    files.make_directory(files.Directory(site.paths.dkim, 0o750, "root", GROUP))
    selectors = site.section(RspamdSettings).dkim_selectors
    for selector, make in ((selectors.rsa, _new_rsa), (selectors.ed25519, _new_ed25519)):
        path = _path(site, domain, selector)
        if not path.exists():
            files.write(path, make(), mode=0o640, group=GROUP)
    return [key for key in show(site, domain) if key.active]


@privileged(shown=("domain",))
def complete(site: Site, domain: str) -> bool:
    """Whether the domain has both keys that sign."""
    domain = addresses.domain_name(domain)
    selectors = site.section(RspamdSettings).dkim_selectors
    return all(_path(site, domain, name).exists() for name in (selectors.rsa, selectors.ed25519))


@privileged(shown=("domain",))
def show(site: Site, domain: str) -> Sequence[Key]:
    """Return the domain's keys, those that sign first; none for an unknown domain."""
    domain = addresses.domain_name(domain)
    selectors = site.section(RspamdSettings).dkim_selectors
    order = [selectors.rsa, selectors.ed25519]
    keys = [_read(path, domain, name, name in order) for path, found, name in _files(site) if found == domain]
    return sorted(keys, key=lambda key: (not key.active, order.index(key.selector) if key.active else 0))


@privileged()
def every(site: Site) -> Sequence[Key]:
    """Return the keys of all domains, by domain."""
    domains = sorted({domain for _, domain, _ in _files(site)})
    return [key for domain in domains for key in show(site, domain)]


@privileged(shown=("domain",))
def remove(site: Site, domain: str) -> None:
    """Remove the domain's keys; its mail is not signed any more."""
    domain = addresses.domain_name(domain)
    for path, found, _ in list(_files(site)):
        if found == domain:
            path.unlink(missing_ok=True)


def _path(site: Site, domain: str, selector: str) -> Path:
    return site.paths.dkim / f"{domain}.{selector}.key"


def _files(site: Site) -> Iterator[tuple[Path, str, str]]:
    """Yield every key file with its domain and selector. A selector has no dot."""
    for path in sorted(site.paths.dkim.glob("*.key")):
        match = _NAME.fullmatch(path.name)
        if match:
            yield path, match["domain"], match["selector"]


def _new_rsa() -> bytes:
    key = rsa.generate_private_key(65537, RSA_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _new_ed25519() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    return base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()) + b"\n"


def _read(path: Path, domain: str, selector: str, active: bool) -> Key:
    try:
        content = path.read_bytes()
        if content.startswith(b"-----"):
            algorithm, public = _public(content)
        else:
            seed = base64.b64decode(content, validate=False)[:32]
            raw = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
            algorithm, public = "ed25519", raw
    except (OSError, ValueError) as error:
        raise errors.KeryxError(
            f"The DKIM key {path} cannot be read: {error}.",
            remedy="Restore it from a backup; or remove the file, make a new key with keryx up, and "
            "publish its record.",
        ) from error
    return Key(domain, selector, algorithm, base64.b64encode(public).decode(), active)


def _public(pem: bytes) -> tuple[str, bytes]:
    """Return the algorithm and the public key as DNS holds it (RFC 6376, 3.6.1; RFC 8463, 4)."""
    private = serialization.load_pem_private_key(pem, None)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519", private.public_key().public_bytes_raw()
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("it is neither an RSA nor an Ed25519 key")
    return "rsa", private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
