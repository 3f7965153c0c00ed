"""API keys: made by an administrator, shown once, bound to domains, to reading or writing, and in time.

A key never does more than who owns it: where the owner has lost a role, the key has lost it too.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from keryx.admin.permissions import Access, Actor
from keryx.core.secret import Secret
from keryx.settings.site import Site


@dataclass(frozen=True)
class Key:
    """A key, without the key itself."""

    id: int
    name: str
    prefix: str
    """Its first characters, to recognise it by."""
    owner: str
    role: str
    """``site`` or ``domain``."""
    domains: tuple[str, ...]
    access: Access
    created: datetime.datetime
    expires: datetime.datetime | None
    last_used: datetime.datetime | None


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
    role: str = "domain",
    domains: Sequence[str] = (),
    access: Access = "read",
    expires: datetime.datetime | None = None,
) -> NewKey:
    """Make a key; raises BadInput, or Refused when its owner may not have such a one."""
    raise NotImplementedError


def all_of(site: Site, owner: str = "") -> Sequence[Key]:
    """Return the keys of an owner, or all."""
    raise NotImplementedError


def revoke(site: Site, id: int, *, owner: str = "") -> Key:
    """Revoke a key (of this owner); raises NotFound."""
    raise NotImplementedError


def look_up(site: Site, text: str, *, ip: str) -> Actor | None:
    """Return who acts by this key; None when there is none, it expired, or its owner lost the role."""
    raise NotImplementedError
