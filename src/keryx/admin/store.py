"""What is done in the message store: Dovecot's commands, which are root's.

The web process has them done through the door (``core.privileged``), so each function looks at its
arguments itself: an address is one that this suite can carry, in which doveadm and the file system
see no pattern, no option and no path.
"""

from __future__ import annotations

import contextlib
import operator
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from keryx.admin import addresses
from keryx.components.dovecot import commands
from keryx.components.dovecot.commands import Connection
from keryx.components.sogod import cache
from keryx.core import errors
from keryx.core.privileged import privileged
from keryx.records import removal
from keryx.settings.site import Site

SCRIPT = "keryx"
"""The name of the personal Sieve script that is ours; a user's own scripts are not touched."""
FEW_FILES = 1000
LONGEST_SCRIPT = 512 * 1024
"""Characters of it."""


@dataclass(frozen=True)
class Disk:
    """A file system, in bytes."""

    total: int
    free: int
    files_low: bool
    """Whether hardly any more files fit, however much room there is."""


def disk(site: Site) -> Disk:
    """Return how much room there is for mail; on a machine anybody sees it."""
    return _room(site) if site.placement is None else disk_of_store(site)


@privileged(timeout=20, place="store")
def disk_of_store(site: Site) -> Disk:
    """The same, where the store is another pod's."""
    return _room(site)


def _room(site: Site) -> Disk:
    # Its own volume in a cluster; before the first message the folder is not there.
    folder = site.paths.data("dovecot")
    place = folder if folder.exists() else site.paths.home
    usage, state = shutil.disk_usage(place), os.statvfs(place)
    return Disk(usage.total, usage.free, bool(state.f_files) and state.f_favail < FEW_FILES)


def forget(site: Site, known: Sequence[str]) -> None:
    """Make Dovecot forget what it remembers of these addresses; of all when none is named.

    In a cluster submission has a Dovecot of its own, beside Postfix; neither waits for the other.
    """
    parts = [forget_at_store] if site.placement is None else [forget_at_store, forget_for_submission]
    failed = []
    for part in parts:
        try:
            part(site, known)
        except errors.KeryxError as error:
            failed.append(error)
    if failed:
        raise failed[0]


@privileged(timeout=60, shown=("known",), place="store")
def forget_at_store(site: Site, known: Sequence[str]) -> None:
    """The part of ``forget`` for logins at the mailboxes."""
    commands.flush(site, *[addresses.own_address(text) for text in known])


@privileged(timeout=60, shown=("known",), place="queue", merge=operator.itemgetter(0))
def forget_for_submission(site: Site, known: Sequence[str]) -> None:
    """The part of ``forget`` for logins at submission, in a cluster."""
    commands.flush(site, *[addresses.own_address(text) for text in known])


@privileged(timeout=60)
def forget_in_webmail(site: Site) -> None:
    """Make SOGo forget what it remembers of all accounts; it asks the directory anew.

    Its cache has no way to forget one of them. Without it a changed account counts after a minute.
    """
    with contextlib.suppress(errors.NotReady):
        cache.forget(site)


@privileged(timeout=60, shown=("address",), place="store")
def disconnect(site: Site, address: str) -> None:
    """End every session of an account."""
    commands.kick(site, addresses.own_address(address))


@privileged(timeout=60, shown=("address",), place="store")
def connections(site: Site, address: str) -> list[Connection]:
    """Return the mail programs that are connected as this account."""
    return commands.who(site, addresses.own_address(address))


@privileged(timeout=60, shown=("address",), place="store")
def quota_use_mb(site: Site, address: str) -> float | None:
    """Return how full a mailbox is, in MiB; None when there is none."""
    wanted = addresses.own_address(address)
    if not commands.mailbox_path(site, wanted).exists():
        return None
    use = commands.quota_use(site, wanted)
    return use.used if use else None


@privileged(timeout=60, shown=("address",), place="store")
def has_mailbox(site: Site, address: str) -> bool:
    """Whether mail of the address is kept on disk."""
    return commands.mailbox_path(site, addresses.own_address(address)).exists()


@privileged(timeout=600, shown=("address",), place="store")
def purge(site: Site, address: str) -> bool:
    """Remove a mailbox for good; return whether there was one."""
    return commands.purge(site, addresses.own_address(address))


@privileged(timeout=180, shown=("address",))
def purge_webmail(site: Site, address: str) -> None:
    """Remove what Roundcube keeps of an account: contacts, identities, preferences."""
    wanted = addresses.own_address(address)
    # A home's own database that was never made has nothing to be removed.
    if site.placement is None and not (site.paths.etc("roundcube") / "pgpass").exists():
        return
    if site.placement is None or site.roundcube_enabled:
        removal.forget_in_roundcube(site, wanted)


@privileged(timeout=60, shown=("address",), place="store")
def put_script(site: Site, address: str, script: str) -> None:
    """Store the account's script of ours; empty removes it. Raises BadInput when it does not compile."""
    wanted = addresses.own_address(address)
    if len(script) > LONGEST_SCRIPT:
        raise errors.BadInput(f"The Sieve script of {wanted} is too long.", remedy="Use fewer rules.")
    if "\0" in script:
        raise errors.BadInput(f"The Sieve script of {wanted} is no text.")
    if script:
        commands.sieve_put(site, wanted, SCRIPT, script)
    else:
        commands.sieve_delete(site, wanted, SCRIPT)


@privileged(timeout=60, shown=("address",), place="store")
def forget_script(site: Site, address: str) -> None:
    """Remove the script of ours of an account that is no more, or not yet again: Dovecot knows it not."""
    folder = commands.mailbox_path(site, addresses.own_address(address)) / "sieve"
    for name in (f"{SCRIPT}.sieve", f"{SCRIPT}.svbin"):
        (folder / name).unlink(missing_ok=True)
