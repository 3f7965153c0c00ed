"""What people set for their own mail: forwarding, vacation, filter rules.

Kept as entered (records.preference) and compiled (``sieve``) to one Sieve script named ``keryx``, which
Dovecot runs after spam was filed to Junk and before the user's own active script. It is stored first and
noted then: what the pages show is what is in force.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic

from keryx.admin import addresses, sieve, store
from keryx.admin.access import Outcome, reading
from keryx.admin.routing import Router
from keryx.admin.sieve import Do, Field, Filter, Forwarding, Test, Vacation, Wishes
from keryx.components.dovecot.settings import DovecotSettings
from keryx.core import errors
from keryx.core.model import Account
from keryx.directory.repositories import Directory
from keryx.records import preferences
from keryx.settings.site import Site

__all__ = [
    "Do", "Field", "Filter", "Forwarding", "Test", "Vacation", "filters", "forwarding", "refresh",
    "set_filters", "set_forwarding", "set_vacation", "vacation",
]  # fmt: skip

FORWARDING, VACATION, FILTERS = "forwarding", "vacation", "filters"
_WISHES: pydantic.TypeAdapter[Wishes] = pydantic.TypeAdapter(Wishes)


def forwarding(site: Site, address: str) -> Forwarding:
    """Return an account's forwarding."""
    return wishes(site, address).forwarding


def set_forwarding(site: Site, address: str, wanted: Forwarding) -> Outcome:
    """Change it; raises BadInput, and Refused for a loop."""
    targets = tuple(dict.fromkeys(addresses.target_address(text) for text in wanted.targets))
    if wanted.active and not targets:
        raise errors.BadInput(
            "A forwarding needs an address to send to.", remedy="Give one, or switch it off."
        )
    changed = dataclasses.replace(wanted, targets=targets)
    return _change(site, address, FORWARDING, dataclasses.replace(wishes(site, address), forwarding=changed))


def vacation(site: Site, address: str) -> Vacation:
    """Return an account's vacation answer."""
    return wishes(site, address).vacation


def set_vacation(site: Site, address: str, wanted: Vacation) -> Outcome:
    """Change it; raises BadInput."""
    sieve.check_vacation(wanted, site.section(DovecotSettings).vacation_min_days)
    return _change(site, address, VACATION, dataclasses.replace(wishes(site, address), vacation=wanted))


def filters(site: Site, address: str) -> Sequence[Filter]:
    """Return an account's rules, in order."""
    return wishes(site, address).filters


def set_filters(site: Site, address: str, wanted: Sequence[Filter]) -> Outcome:
    """Replace them all; raises BadInput naming the rule."""
    sieve.check_filters(wanted)
    rules = tuple(
        dataclasses.replace(rule, argument=addresses.target_address(rule.argument))
        if rule.action == "redirect"
        else rule
        for rule in wanted
    )
    return _change(site, address, FILTERS, dataclasses.replace(wishes(site, address), filters=rules))


def wishes(site: Site, address: str) -> Wishes:
    """Return all that somebody has set."""
    return _read(preferences.of(site, addresses.own_address(address)))


def refresh(site: Site, address: str) -> None:
    """Compile an account's script anew: its addresses, which a vacation answer looks for, changed."""
    wanted = wishes(site, address)
    if wanted.vacation.active:
        with reading(site) as directory:
            store.put_script(site, address, sieve.compiled(wanted, _own(directory, address)))


def _read(kept: Mapping[str, Any]) -> Wishes:
    return _WISHES.validate_python(
        {name: kept[name] for name in (FORWARDING, VACATION, FILTERS) if name in kept}
    )


def _change(site: Site, address: str, name: str, wanted: Wishes) -> Outcome:
    owner = addresses.own_address(address)
    before = wishes(site, owner)
    with reading(site) as directory:
        if directory.accounts.get(owner) is None:
            raise errors.NotFound(f"There is no account {owner}.", remedy="See keryx user list.")
        _check_redirects(site, directory, owner, wanted, before)
        script = sieve.compiled(wanted, _own(directory, owner))
    # Although nothing else may have changed: the script may have been removed over ManageSieve.
    store.put_script(site, owner, script)
    if wanted == before:
        return Outcome(False, (f"It is so already for {owner}; nothing changed.",))
    preferences.put(site, owner, name, _WISHES.dump_python(wanted, mode="json")[name])
    return Outcome(True, (f"Changed what {owner} has set ({name}).",))


def _own(directory: Directory, address: str) -> list[str]:
    """Return the addresses of an account, those in alias domains too: what a sender may have written to."""
    account = directory.accounts.get(address)
    if account is None:
        return [address]
    return [*account.addresses, *addresses.in_alias_domains(directory, account.addresses)]


def _check_redirects(site: Site, directory: Directory, owner: str, wanted: Wishes, before: Wishes) -> None:
    """Raise when a message would be sent on too often, to nobody, or in a circle."""
    most = site.section(DovecotSettings).sieve_max_redirects
    if len(wanted.redirects) > most and wanted.redirects != before.redirects:
        raise errors.Refused(
            f"A message may be sent on to no more than {most} addresses.",
            remedy="Name fewer; an administrator can make a list, which counts as one.",
        )
    account = directory.accounts.get(owner)
    router = Router(site, directory)
    for target in wanted.redirects:
        if target in before.redirects:
            continue
        way = _way_back(site, router, account, target, (owner,))
        if way:
            raise errors.Refused(
                f"Mail sent on to {target} would come back: {' > '.join(way)}.",
                remedy="Leave out the address that leads back.",
            )
        _check_exists(router, target)


def _way_back(
    site: Site, router: Router, owner: Account | None, target: str, way: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the way on which mail to ``target`` reaches the owner again; nothing when it does not."""
    found = router.match(target) if router.home(addresses.domain_of(target)) else None
    if found is None or owner is None:
        return ()
    if found.entry == owner.address:
        return (*way, target)
    if target in way or len(way) > 20:
        return ()
    further = found.targets
    if found.rule == "account" or (found.rule == "alias-domain" and router.account(found.entry)):
        further = wishes(site, found.entry).redirects
    for following in further:
        back = _way_back(site, router, owner, following, (*way, target))
        if back:
            return back
    return ()


def _check_exists(router: Router, target: str) -> None:
    if router.home(addresses.domain_of(target)) and router.match(target) is None:
        raise errors.NotFound(f"The address {target} does not exist here.", remedy="Look for a misspelling.")
