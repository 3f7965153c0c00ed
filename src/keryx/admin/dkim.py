"""DKIM keys of the domains (RFC 6376, RFC 8463): made when a domain is added, gone with it.

Every domain has two: RSA-2048, which every receiver verifies, and Ed25519. The filter looks for its file
(``dkim_files``) when it signs: a new key is used at once, without a reload. The settings say under which
selectors they stand; a key that was brought along signs under its own instead, for its domain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keryx.admin import addresses, dkim_files, dkim_forms
from keryx.components.rspamd.settings import RspamdSettings, selector_name
from keryx.core import errors
from keryx.core.privileged import privileged
from keryx.records.dkim_keys import Choice, Kept
from keryx.settings.site import Site

FEWEST_BITS = 1024
"""Of an RSA key; receivers take no shorter one (RFC 8301, 3.2)."""


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
    """Whether mail is signed with it."""

    @property
    def record_name(self) -> str:
        """Where the public key stands in DNS, without the final dot."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record_text(self) -> str:
        """The text of the TXT record, in one piece (RFC 6376, 3.6.1)."""
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"


@dataclass(frozen=True)
class Brought:
    """What came of a key that was brought along."""

    key: Key
    bits: int
    changed: bool
    """Whether it was not there, or did not sign, before."""


@privileged(shown=("domain",))
def ensure(site: Site, domain: str) -> Sequence[Key]:
    """Make the domain's keys where they are missing; return those that sign."""
    domain, keys = addresses.domain_name(domain), dkim_files.of(site)
    there = keys.selectors(domain)
    for algorithm, selector in _signing(site, domain, keys.choices()).items():
        if selector not in there:
            keys.add(Kept(domain, selector, dkim_forms.new(algorithm)))
    return [key for key in show(site, domain) if key.active]


@privileged(shown=("domain",))
def complete(site: Site, domain: str) -> bool:
    """Whether the domain has both keys that sign."""
    domain, keys = addresses.domain_name(domain), dkim_files.of(site)
    return set(_signing(site, domain, keys.choices()).values()) <= keys.selectors(domain)


@privileged(shown=("domain",))
def show(site: Site, domain: str) -> Sequence[Key]:
    """Return the domain's keys, those that sign first; none for an unknown domain."""
    domain, keys = addresses.domain_name(domain), dkim_files.of(site)
    return _shown(site, domain, keys.of(domain), keys.choices())


@privileged()
def every(site: Site) -> Sequence[Key]:
    """Return the keys of all domains, by domain."""
    keys = dkim_files.of(site)
    found, choices = keys.every(), keys.choices()
    domains = sorted({key.domain for key in found})
    return [
        key
        for domain in domains
        for key in _shown(site, domain, [one for one in found if one.domain == domain], choices)
    ]


@privileged(shown=("domain", "selector", "replace", "dry_run"))
def bring(
    site: Site, domain: str, selector: str, private: str, *, replace: bool = False, dry_run: bool = False
) -> Brought:
    """Keep a private key under a selector; it signs the domain's mail instead of ours of that algorithm.

    With ``replace`` also where another key has that selector, which is gone then.
    """
    domain, selector, form = addresses.domain_name(domain), _selector(selector), _form(private)
    keys = dkim_files.of(site)
    choices, there = keys.choices(), {key.selector: key for key in show(site, domain)}
    signing = _signing(site, domain, choices)
    for algorithm, taken in signing.items():
        if taken == selector and algorithm != form.algorithm:
            raise errors.Refused(
                f"{selector} is the selector of the {algorithm} key of {domain}; "
                f"this one is {form.algorithm}.",
                remedy="Give the selector under which this key is published.",
            )
    known = there.get(selector)
    same = known is not None and known.public == form.public
    if known is not None and not same and not replace:
        raise errors.Exists(
            f"{domain} has another key under the selector {selector}.",
            remedy="Add --replace if that one may go for good.",
        )
    if not dry_run:
        if not same:
            keys.put(Kept(domain, selector, form.content))
        _choose(site, domain, form.algorithm, selector)
    key = Key(domain, selector, form.algorithm, form.public, active=True)
    return Brought(key, form.bits, not same or signing[form.algorithm] != selector)


@privileged(shown=("domain", "selector", "dry_run"))
def use(site: Site, domain: str, selector: str, *, dry_run: bool = False) -> bool:
    """Sign the domain's mail with a key that is kept; return whether another one did before."""
    domain, selector = addresses.domain_name(domain), _selector(selector)
    found = [key for key in show(site, domain) if key.selector == selector]
    if not found:
        raise errors.NotFound(
            f"{domain} has no key under the selector {selector}.", remedy=f"See keryx dkim show {domain}"
        )
    if found[0].active:
        return False
    if not dry_run:
        _choose(site, domain, found[0].algorithm, selector)
    return True


@privileged(shown=("domain",))
def remove(site: Site, domain: str) -> None:
    """Remove the domain's keys; its mail is not signed any more."""
    domain, keys = addresses.domain_name(domain), dkim_files.of(site)
    for selector in keys.selectors(domain):
        keys.remove(domain, selector)
    for choice in keys.choices():
        if choice.domain == domain:
            keys.forget_choice(domain, choice.algorithm)


def _ours(site: Site) -> dict[str, str]:
    """Return the settings' selectors by algorithm."""
    selectors = site.section(RspamdSettings).dkim_selectors
    return {"rsa": selectors.rsa, "ed25519": selectors.ed25519}


def _signing(site: Site, domain: str, choices: Sequence[Choice]) -> Mapping[str, str]:
    """Return the selectors that sign the domain's mail by algorithm, in the order of the signatures."""
    return _ours(site) | {choice.algorithm: choice.selector for choice in choices if choice.domain == domain}


def _choose(site: Site, domain: str, algorithm: str, selector: str) -> None:
    keys = dkim_files.of(site)
    if selector == _ours(site)[algorithm]:
        keys.forget_choice(domain, algorithm)
    else:
        keys.choose(Choice(domain, algorithm, selector))


def _selector(text: str) -> str:
    try:
        return selector_name(text.lower())
    except ValueError as error:
        raise errors.BadInput(f"{error}.") from error


def _form(private: str) -> dkim_forms.Form:
    try:
        form = dkim_forms.read(private)
    except ValueError as error:
        raise errors.BadInput(
            f"The private key cannot be read: {error}.",
            remedy="Give an RSA or Ed25519 key as PEM without a passphrase, or in Rspamd's base64.",
        ) from error
    if form.algorithm == "rsa" and form.bits < FEWEST_BITS:
        raise errors.BadInput(
            f"The RSA key has {form.bits} bits, and receivers take none below {FEWEST_BITS}.",
            remedy="Make a new key with keryx dkim add and publish its record.",
        )
    return form


def _shown(site: Site, domain: str, kept: Sequence[Kept], choices: Sequence[Choice]) -> list[Key]:
    """Return a domain's keys as the world may know them, those that sign first."""
    order = list(_signing(site, domain, choices).values())
    keys = [_public_part(key, key.selector in order) for key in kept]
    return sorted(keys, key=lambda key: (not key.active, order.index(key.selector) if key.active else 0))


def _public_part(kept: Kept, active: bool) -> Key:
    try:
        form = dkim_forms.read(kept.content)
    except ValueError as error:
        raise errors.KeryxError(
            f"The DKIM key {kept.domain}.{kept.selector}.key cannot be read: {error}.",
            remedy="Restore it from a backup; or remove it, make a new key with keryx dkim add, and "
            "publish its record.",
        ) from error
    return Key(kept.domain, kept.selector, form.algorithm, form.public, active)
