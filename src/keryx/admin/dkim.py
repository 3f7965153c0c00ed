"""DKIM keys of the domains (RFC 6376, RFC 8463): made when a domain is added, gone with it.

Every domain has two: RSA-2048, which every receiver verifies, and Ed25519. The filter looks for its file
(``dkim_files``) when it signs: a new key is used at once, without a reload. The RSA file is PEM
(PKCS #8); the Ed25519 file is the base64 of the 32-byte seed and the 32-byte public key (what
``rspamadm dkim_keygen`` writes), since Rspamd before 3.8 reads no other form.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from keryx.admin import addresses, dkim_files
from keryx.components.rspamd.settings import RspamdSettings
from keryx.core import errors
from keryx.core.privileged import privileged
from keryx.records.dkim_keys import Kept
from keryx.settings.site import Site

RSA_BITS = 2048


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
    selectors, keys = site.section(RspamdSettings).dkim_selectors, dkim_files.of(site)
    there = keys.selectors(domain)
    for selector, make in ((selectors.rsa, _new_rsa), (selectors.ed25519, _new_ed25519)):
        if selector not in there:
            keys.add(Kept(domain, selector, make()))
    return [key for key in show(site, domain) if key.active]


@privileged(shown=("domain",))
def complete(site: Site, domain: str) -> bool:
    """Whether the domain has both keys that sign."""
    domain = addresses.domain_name(domain)
    selectors = site.section(RspamdSettings).dkim_selectors
    return {selectors.rsa, selectors.ed25519} <= dkim_files.of(site).selectors(domain)


@privileged(shown=("domain",))
def show(site: Site, domain: str) -> Sequence[Key]:
    """Return the domain's keys, those that sign first; none for an unknown domain."""
    domain = addresses.domain_name(domain)
    return _shown(site, dkim_files.of(site).of(domain))


@privileged()
def every(site: Site) -> Sequence[Key]:
    """Return the keys of all domains, by domain."""
    found = dkim_files.of(site).every()
    domains = sorted({key.domain for key in found})
    return [key for domain in domains for key in _shown(site, [one for one in found if one.domain == domain])]


@privileged(shown=("domain",))
def remove(site: Site, domain: str) -> None:
    """Remove the domain's keys; its mail is not signed any more."""
    domain, keys = addresses.domain_name(domain), dkim_files.of(site)
    for selector in keys.selectors(domain):
        keys.remove(domain, selector)


def _shown(site: Site, kept: Sequence[Kept]) -> list[Key]:
    """Return a domain's keys as the world may know them, those that sign first."""
    selectors = site.section(RspamdSettings).dkim_selectors
    order = [selectors.rsa, selectors.ed25519]
    keys = [_public_part(key, key.selector in order) for key in kept]
    return sorted(keys, key=lambda key: (not key.active, order.index(key.selector) if key.active else 0))


def _new_rsa() -> str:
    key = rsa.generate_private_key(65537, RSA_BITS)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text.decode()


def _new_ed25519() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode() + "\n"


def _public_part(kept: Kept, active: bool) -> Key:
    try:
        content = kept.content.encode()
        if content.startswith(b"-----"):
            algorithm, public = _public(content)
        else:
            seed = base64.b64decode(content, validate=False)[:32]
            raw = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
            algorithm, public = "ed25519", raw
    except ValueError as error:
        raise errors.KeryxError(
            f"The DKIM key {kept.domain}.{kept.selector}.key cannot be read: {error}.",
            remedy="Restore it from a backup; or remove it, make a new key with keryx dkim add, and "
            "publish its record.",
        ) from error
    return Key(kept.domain, kept.selector, algorithm, base64.b64encode(public).decode(), active)


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
