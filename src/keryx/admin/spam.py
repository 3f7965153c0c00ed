"""Spam settings of each user: threshold, senders that are let in or taken for spam.

Kept in records.preference. A map file made of all of them, ``Site.spam_settings``, is read by Rspamd (its
rule ``keryx_users``), which takes up a changed file by itself: one line for each address of an account,
the address and what its owner has set, as JSON. They hold for mail from outside to that one recipient; a
message to several, or to a list, is judged by the site's rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pydantic

from keryx.admin import addresses
from keryx.admin.access import Outcome, reading
from keryx.components.rspamd.settings import RspamdSettings
from keryx.core import errors, files
from keryx.core.privileged import privileged
from keryx.records import notices, preferences
from keryx.settings.site import Site

NAME = "spam"
USER = "_rspamd"
MOST = 500
"""Entries of each list."""
LOWEST = 1.0
"""A lower threshold would take nearly all mail for spam."""


@dataclass(frozen=True)
class Spam:
    """A user's settings."""

    threshold: float | None = None
    """Score from which mail is filed to Junk; None is the site's."""
    allow: tuple[str, ...] = ()
    """Addresses, or domains such as ``@example.org``, that are never spam."""
    block: tuple[str, ...] = ()
    """The same, that always are."""


_SPAM: pydantic.TypeAdapter[Spam] = pydantic.TypeAdapter(Spam)


def show(site: Site, address: str) -> Spam:
    """Return an account's settings."""
    return _SPAM.validate_python(preferences.get(site, addresses.own_address(address), NAME, {}))


def change(site: Site, address: str, wanted: Spam) -> Outcome:
    """Change them; they work within seconds. Raises BadInput."""
    owner = addresses.own_address(address)
    with reading(site) as directory:
        if directory.accounts.get(owner) is None:
            raise errors.NotFound(f"There is no account {owner}.", remedy="See keryx user list.")
    changed = _checked(site, wanted)
    before = show(site, owner)
    if changed != before:
        preferences.put(site, owner, NAME, _SPAM.dump_python(changed, mode="json"))
    write_map(site)
    same = changed == before
    said = (
        f"It is so already for {owner}; nothing changed." if same else f"Changed what {owner} takes for spam."
    )
    return Outcome(not same, (said,))


def has_any(site: Site, address: str) -> bool:
    """Whether an account's owner has set anything."""
    return show(site, address) != Spam()


@privileged(timeout=60)
def write_map(site: Site) -> bool:
    """Write Rspamd's map of all users anew; return whether it differed.

    In a cluster the filters' pods are told to do so.
    """
    if not site.works_here("rspamd"):
        notices.announce(site, notices.FILTER)
        return True
    lines: list[str] = []
    with reading(site) as directory:
        for owner, kept in preferences.everybodys(site, NAME).items():
            account = directory.accounts.get(owner)
            if account is None:
                continue
            value = _line(_SPAM.validate_python(kept))
            if value:
                text = json.dumps(value, separators=(",", ":"))
                named = (*account.addresses, *addresses.in_alias_domains(directory, account.addresses))
                lines += [f"{address} {text}" for address in named]
    heading = "# Made by Keryx of what users have set; do not edit.\n"
    text = heading + "".join(f"{line}\n" for line in sorted(lines))
    return files.write(site.spam_settings, text, mode=0o640, group=USER)


def _line(wanted: Spam) -> Mapping[str, Any]:
    """Return what Rspamd reads of one user; nothing when it is the site's."""
    found: dict[str, Any] = {}
    if wanted.threshold is not None:
        found["threshold"] = wanted.threshold
    for name, senders in (("allow", wanted.allow), ("block", wanted.block)):
        if senders:
            found[name] = list(senders)
    return found


def _checked(site: Site, wanted: Spam) -> Spam:
    """Return the settings normalised; raises BadInput."""
    highest = site.section(RspamdSettings).thresholds.reject
    threshold = wanted.threshold
    if threshold is not None and not LOWEST <= threshold <= highest:
        raise errors.BadInput(
            f"A threshold of {threshold:g} cannot be.",
            remedy=f"Take {LOWEST:g} to {highest:g}; from {highest:g} on mail is refused.",
        )
    allow, block = _senders(wanted.allow), _senders(wanted.block)
    both = sorted(set(allow) & set(block))
    if both:
        raise errors.BadInput(f'"{both[0]}" is in both lists.', remedy="Leave it in one of them.")
    return Spam(None if threshold is None else round(threshold, 1), allow, block)


def _senders(texts: Iterable[str]) -> tuple[str, ...]:
    found = []
    for text in texts:
        sender = text.strip()
        if "@" not in sender[1:]:
            found.append("@" + addresses.domain_name(sender.removeprefix("@")))
        else:
            found.append(addresses.target_address(sender))
    if len(found) > MOST:
        raise errors.BadInput(f"A list has {len(found)} entries, and {MOST} is the most.")
    return tuple(sorted(set(found)))
