"""Rules about addresses: which ones may be made here, and that each belongs to one entry."""

from __future__ import annotations

import re
from collections.abc import Iterable

from keryx.core import errors
from keryx.core.model import Domain
from keryx.directory.repositories import Directory
from keryx.settings import names

LOGIN = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9_-])?")
"""A local-part that every protocol, folder and mail program takes."""


def account_address(text: str) -> str:
    """Return an account's address, normalised; raises BadInput with a sentence.

    Narrower than RFC 5321: it is a login name and a folder's name too, and ``+`` begins a
    sub-address.
    """
    address = _address(text)
    local = address.rpartition("@")[0]
    if "+" in local:
        raise errors.BadInput(
            f'"{address}" cannot be an account: the part from + on is a sub-address of {_plain(address)}.',
            remedy="Choose an address without +; mail to a sub-address reaches the account by itself.",
        )
    if not LOGIN.fullmatch(local):
        raise errors.BadInput(
            f'"{address}" cannot be an account: its local-part is also a login name.',
            remedy="Use letters a to z, digits and . _ - before the @.",
        )
    return address


def own_address(text: str) -> str:
    """Return an alias's address, normalised; raises BadInput with a sentence."""
    address = _address(text)
    if not address.isascii():
        raise errors.BadInput(
            f'"{address}" has letters outside ASCII, which the attribute mail cannot hold.',
            remedy="Use letters a to z, digits and . _ - before the @.",
        )
    return address


def group_address(text: str) -> str:
    """Return the address of an alias of its own; ``@example.org`` is a catch-all."""
    if text.strip().startswith("@"):
        return f"@{domain_name(text.strip()[1:])}"
    return own_address(text)


def target_address(text: str) -> str:
    """Return an address that mail may go to, here or elsewhere."""
    return _address(text)


def domain_name(text: str) -> str:
    """Return a domain name, normalised; raises BadInput with a sentence."""
    try:
        return names.domain_name(text)
    except ValueError as error:
        raise errors.BadInput(f"{error}.") from error


def domain_of(address: str) -> str:
    """Return the domain of an address."""
    return address.rpartition("@")[2]


def managed(directory: Directory, address: str) -> Domain:
    """Return the domain of an address; raises NotFound when it is not one of ours."""
    name = domain_of(address)
    domain = directory.domains.get(name)
    if domain is None:
        raise errors.NotFound(
            f'"{address}" is outside the managed domains: {name} is none of them.',
            remedy=f"Add it first: keryx domain add {name}",
        )
    return domain


def free(directory: Directory, addresses: Iterable[str], *, owner: str = "") -> None:
    """Raise Exists when an address belongs to another entry than ``owner``."""
    seen = set()
    for address in addresses:
        if address in seen:
            raise errors.BadInput(f'"{address}" is given twice.', remedy="Give every address once.")
        seen.add(address)
        holder = directory.holder(address)
        if holder is not None and (holder.owner != owner or holder.kind == "alias"):
            raise errors.Exists(
                f'"{address}" is taken: it belongs to {holder}.',
                remedy="Choose another address, or remove it there first.",
            )


def _address(text: str) -> str:
    try:
        return names.mail_address(text)
    except ValueError as error:
        raise errors.BadInput(f"{error}.") from error


def _plain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
