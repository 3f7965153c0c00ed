"""Aliases of their own: single addresses, distribution lists, catch-alls."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from keryx.admin import addresses, limits
from keryx.admin.access import Outcome, reading, writing
from keryx.admin.routing import Router, keys
from keryx.core import errors
from keryx.core.model import Alias
from keryx.directory.repositories import Directory
from keryx.settings.site import Site


def all_of(site: Site, domain: str = "") -> Sequence[Alias]:
    """Return the aliases of a domain, or all, by address."""
    with reading(site) as directory:
        return directory.aliases.list(addresses.domain_name(domain) if domain else "")


def show(site: Site, address: str) -> Alias:
    """Return an alias; raises NotFound."""
    with reading(site) as directory:
        return _get(directory, addresses.group_address(address))


def add(
    site: Site,
    address: str,
    targets: Sequence[str],
    *,
    description: str = "",
    if_missing: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Add an alias that delivers to all its targets."""
    name = addresses.group_address(address)
    alias = Alias(name, _targets(targets), description)
    with writing(site) as directory:
        addresses.managed(directory, name)
        if if_missing and directory.aliases.get(name):
            return Outcome(False, (f"The alias {name} exists already; nothing changed.",))
        addresses.free(directory, [name])
        _check_targets(site, directory, alias)
        limits.check_aliases(directory, [name])
        if not dry_run:
            directory.aliases.add(alias)
    return Outcome(True, (f"Added the alias {name}: it delivers to {', '.join(alias.targets)}.",))


def change(
    site: Site,
    address: str,
    *,
    targets: Sequence[str] | None = None,
    add_targets: Sequence[str] = (),
    remove_targets: Sequence[str] = (),
    description: str | None = None,
    active: bool | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Change an alias: all its targets, or some of them; what is None stays."""
    name = addresses.group_address(address)
    with writing(site) as directory:
        before = _get(directory, name)
        wanted = set(before.targets if targets is None else _targets(targets))
        wanted |= {addresses.target_address(target) for target in add_targets}
        wanted -= {addresses.target_address(target) for target in remove_targets}
        if not wanted:
            raise errors.Refused(
                f"The alias {name} would deliver to nobody.", remedy=f"Remove it: keryx alias remove {name}"
            )
        after = Alias(
            name,
            tuple(sorted(wanted)),
            before.description if description is None else description,
            before.active if active is None else active,
        )
        if after == before:
            return Outcome(False, (f"The alias {name} is so already; nothing changed.",))
        _check_targets(site, directory, after, known=before.targets)
        if not dry_run:
            directory.aliases.change(after)
    return Outcome(True, (f"Changed the alias {name}: it delivers to {', '.join(after.targets)}.",))


def remove(site: Site, address: str, *, dry_run: bool = False) -> Outcome:
    """Remove an alias."""
    name = addresses.group_address(address)
    with writing(site) as directory:
        _get(directory, name)
        others = [alias.address for alias in directory.aliases.with_target(name)]
        if others:
            raise errors.Refused(
                f"The alias {name} is a target of {', '.join(others)}.",
                remedy="Take it out there first: keryx alias set ... --remove-to",
            )
        if not dry_run:
            directory.aliases.remove(name)
    return Outcome(True, (f"Removed the alias {name}.",))


def without_target(directory: Directory, address: str, *, spare: str = "", dry_run: bool) -> list[str]:
    """Take an address out of every alias but those of the domain ``spare``.

    One that would deliver to nobody goes. Returns sentences.
    """
    said = []
    for alias in directory.aliases.with_target(address):
        if addresses.domain_of(alias.address) == spare:
            continue
        rest = tuple(target for target in alias.targets if target != address)
        if rest:
            said.append(f"The alias {alias.address} no longer delivers to {address}.")
        else:
            said.append(f"Removed the alias {alias.address}, which delivered to {address} only.")
        if dry_run:
            continue
        if rest:
            directory.aliases.change(dataclasses.replace(alias, targets=rest))
        else:
            directory.aliases.remove(alias.address)
    return said


def _get(directory: Directory, name: str) -> Alias:
    alias = directory.aliases.get(name)
    if alias is None:
        account = directory.accounts.with_address(name)
        remedy = "See keryx alias list."
        if account is not None and account.address == name:
            remedy = f"It is an account: keryx user show {name}"
        elif account is not None:
            remedy = f"It is an alias of an account: keryx user set {account.address} --remove-alias {name}"
        raise errors.NotFound(f"There is no alias {name}.", remedy=remedy)
    return alias


def _targets(texts: Sequence[str]) -> tuple[str, ...]:
    if not texts:
        raise errors.BadInput("An alias needs a target.", remedy="Give --to ADDRESS, as often as needed.")
    return tuple(sorted({addresses.target_address(text) for text in texts}))


def _check_targets(site: Site, directory: Directory, alias: Alias, known: Sequence[str] = ()) -> None:
    """Raise when a new target of ours does not exist, or when mail would come back to the alias."""
    router = Router(site, directory, alias)
    for target in alias.targets:
        way = _way_back(router, alias, target, (alias.address,))
        if way:
            raise errors.Refused(
                f"Mail to {alias.address} would come back to it: {' > '.join(way)}.",
                remedy="Leave out the target that leads back.",
            )
        if target not in known:
            _check_exists(router, directory, alias, target)


def _way_back(router: Router, alias: Alias, target: str, way: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the way on which mail to ``target`` reaches ``alias`` again, or None."""
    found = router.match(target)
    if found is None or target in way[1:]:
        return None
    if found.entry == alias.address:
        return (*way, target) if target == alias.address else (*way, target, alias.address)
    if found.targets == (found.entry,):
        return None  # an account
    for further in found.targets:
        back = _way_back(router, alias, further, (*way, target))
        if back:
            return back
    return None


def _check_exists(router: Router, directory: Directory, alias: Alias, target: str) -> None:
    ours = router.home(addresses.domain_of(target))
    # An alias that is switched off leads nowhere, but exists.
    if ours and router.match(target) is None and not any(directory.holder(key) for key in keys(target)):
        raise errors.NotFound(
            f'The target "{target}" of {alias.address} does not exist here.',
            remedy=f"Add it first: keryx user add {router.at_home(target)}",
        )
