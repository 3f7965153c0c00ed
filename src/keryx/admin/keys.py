"""API keys: made by an administrator, shown once, bound to domains, to reading or writing, and in time.

A key never does more than who owns it: where the owner has lost a role or a domain, or the account is
inactive, the key has lost it too. Of the key itself only a SHA-256 is kept: it is random, so that no slow
hash is needed.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keryx.admin import addresses, roles
from keryx.admin.access import reading
from keryx.admin.permissions import Access, Actor
from keryx.core import errors
from keryx.core.secret import Secret
from keryx.records import keys as kept
from keryx.records.keys import Key
from keryx.settings.site import Site

__all__ = ["Key", "NewKey", "add", "all_of", "look_up", "revoke"]

BEGINNING = "keryx_"
"""What every key begins with, so that scanners for leaked secrets can tell."""
BYTES = 32
"""Random bytes of a key."""
SHOWN = len(BEGINNING) + 6
"""Characters by which a key is recognised."""


@dataclass(frozen=True)
class NewKey:
    """A fresh key with its text, which nobody will see again."""

    key: Key
    secret: Secret


def add(
    site: Site,
    owner: str,
    name: str,
    *,
    role: Literal["site", "domain"] = "domain",
    domains: Sequence[str] = (),
    access: Access = "read",
    expires: datetime.datetime | None = None,
) -> NewKey:
    """Make a key; raises BadInput, or Refused when its owner may not have such a one."""
    title = " ".join(name.split())
    wanted = tuple(sorted({addresses.domain_name(domain) for domain in domains}))
    if not title or len(title) > 100:
        raise errors.BadInput("A key needs a name of at most 100 characters.", remedy="Say what it is for.")
    if expires is not None and expires <= datetime.datetime.now(datetime.UTC):
        raise errors.BadInput("The key would have expired already.", remedy="Give a day to come, or none.")
    if role == "site" and wanted:
        raise errors.BadInput(
            "A key for the whole site is bound to no domains.", remedy="Leave them out, or take role domain."
        )
    if role == "domain" and not wanted:
        raise errors.BadInput("A key needs the domains that it is for.", remedy="Name one or more.")
    _check_owner(site, addresses.own_address(owner), role, wanted)
    text = BEGINNING + secrets.token_urlsafe(BYTES)
    key = kept.add(
        site,
        _hash(text),
        name=title,
        prefix=text[:SHOWN],
        owner=addresses.own_address(owner),
        role=role,
        domains=wanted,
        access=access,
        expires=expires,
    )
    return NewKey(key, Secret(text))


def all_of(site: Site, owner: str = "") -> Sequence[Key]:
    """Return the keys of an owner, or all."""
    return kept.all_of(site, owner)


def revoke(site: Site, id: int, *, owner: str = "") -> Key:
    """Revoke a key (of this owner); raises NotFound."""
    found = kept.remove(site, id, owner=owner)
    if found is None:
        raise errors.NotFound(f"There is no API key {id}.", remedy="See keryx api-key list.")
    return found


def look_up(site: Site, text: str, *, ip: str) -> Actor | None:
    """Return who acts by this key; None when there is none, it expired, or its owner lost the role."""
    key = kept.find(site, _hash(text)) if text.startswith(BEGINNING) else None
    if key is None or not _is_active(site, key.owner):
        return None
    standing = roles.of(site, key.owner)
    if standing.role == "site":
        return Actor(key.owner, key.role, frozenset(key.domains), key.access, "key", ip)
    left = standing.domains & frozenset(key.domains)
    if key.role == "site" or not left:
        return None
    return Actor(key.owner, "domain", left, key.access, "key", ip)


def _check_owner(site: Site, owner: str, role: str, domains: Sequence[str]) -> None:
    with reading(site) as directory:
        if directory.accounts.get(owner) is None:
            raise errors.NotFound(f"There is no account {owner}.", remedy="See keryx user list.")
        for name in domains:
            if directory.domains.get(name) is None:
                raise errors.NotFound(f"There is no domain {name}.", remedy="See keryx domain list.")
    standing = roles.of(site, owner)
    if standing.role != "site" and (role == "site" or not set(domains) <= standing.domains):
        raise errors.Refused(
            f"{owner} does not administer what the key is for.",
            remedy=f"See keryx admin list; a role is given by keryx admin add {owner}.",
        )


def _is_active(site: Site, owner: str) -> bool:
    with reading(site) as directory:
        account = directory.accounts.get(owner)
    return account is not None and account.active


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
