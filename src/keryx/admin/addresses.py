"""Rules about addresses: which ones may be made here, and that each belongs to one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keryx.core import errors
from keryx.core.model import Domain
from keryx.directory.repositories import Directory
from keryx.settings import names


def account_address(text: str) -> str:
    """Return a new account's address, normalised; raises BadInput with a sentence."""
    address = own_address(text)
    if "+" in address.rpartition("@")[0]:
        raise errors.BadInput(
            f'"{address}" cannot be an account: the part from + on is a sub-address of {_plain(address)}.',
            remedy="Choose an address without +; mail to a sub-address reaches the account by itself.",
        )
    return _checked(names.login_address, text)


def own_address(text: str) -> str:
    """Return an address here, normalised; raises BadInput with a sentence."""
    return _checked(names.local_address, text)


def group_address(text: str) -> str:
    """Return the address of an alias of its own; ``@example.org`` is a catch-all."""
    if text.strip().startswith("@"):
        return f"@{domain_name(text.strip()[1:])}"
    return own_address(text)


def target_address(text: str) -> str:
    """Return an address that mail may go to, here or elsewhere."""
    return _checked(names.mail_address, text)


def domain_name(text: str) -> str:
    """Return a domain name, normalised; raises BadInput with a sentence."""
    return _checked(names.domain_name, text)


def domain_of(address: str) -> str:
    """Return the domain of an address."""
    return address.rpartition("@")[2]


def managed(directory: Directory, address: str) -> Domain:
    """Return the domain of an address; raises NotFound when it is not one of ours."""
    name = domain_of(address)
    domain = directory.domains.get(name)
    if domain is None and (target := directory.domains.with_alias_domain(name)) is not None:
        raise errors.Refused(
            f'"{address}" cannot be made: {name} is an alias domain of {target.name}.',
            remedy=f"Make it at {target.name}; it has the other address by itself.",
        )
    if domain is None:
        raise errors.NotFound(
            f'"{address}" is outside the managed domains: {name} is none of them.',
            remedy=f"Add it first: keryx domain add {name}",
        )
    return domain


def in_alias_domains(directory: Directory, own: Iterable[str]) -> list[str]:
    """Return what these addresses are also called, in the alias domains of their domains."""
    found = []
    for address in sorted(own):
        local, _, name = address.rpartition("@")
        domain = directory.domains.get(name)
        found += [f"{local}@{alias}" for alias in (domain.alias_domains if domain else ())]
    return found


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


def _checked(rule: Callable[[str], str], text: str) -> str:
    try:
        return rule(text)
    except ValueError as error:
        raise errors.BadInput(f"{error}.") from error


def _plain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
