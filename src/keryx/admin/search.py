"""Finding accounts and aliases at once among very many: an index in memory, kept in step with the directory.

The index belongs to the process (the web's); it is built at first use. What Keryx changes is seen at once,
what others change in the directory within seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from keryx.core.model import Account, Alias
from keryx.settings.site import Site


@dataclass(frozen=True)
class AccountPage:
    """Some of the accounts that fit, and how many do."""

    items: Sequence[Account]
    total: int


@dataclass(frozen=True)
class AliasPage:
    """Some of the aliases that fit, and how many do."""

    items: Sequence[Alias]
    total: int


def accounts(
    site: Site,
    text: str = "",
    *,
    domains: Collection[str] | None = None,
    sort: str = "address",
    page: int = 1,
    per_page: int = 50,
) -> AccountPage:
    """Return accounts whose address, alias or name has every word of ``text``; of all domains for None.

    ``sort`` is ``address``, ``name`` or ``quota_mb``, with ``-`` in front for the other way round.
    """
    raise NotImplementedError


def aliases(
    site: Site,
    text: str = "",
    *,
    domains: Collection[str] | None = None,
    sort: str = "address",
    page: int = 1,
    per_page: int = 50,
) -> AliasPage:
    """Return aliases whose address, target or description has every word of ``text``."""
    raise NotImplementedError


def forget() -> None:
    """Have the next search look at the directory first (after every write)."""
    raise NotImplementedError
