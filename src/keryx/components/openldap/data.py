"""The data on disk: made at the first start, kept in step with the settings at every later one."""

from __future__ import annotations

import os
from pathlib import Path

from keryx.components.openldap import commands, state, tree
from keryx.core import errors, files, password
from keryx.settings.site import Site

TEXT_INDEXES = ("mail", "mailAlias", "mailTarget", "cn", "ou", "uid")
"""Attributes searched by value, by presence and by part."""
PLAIN_INDEXES = ("mailActive", "mailSendOnly", "mailSuperUser", "mailHost", "mailDomainAlias")
"""Attributes searched by value and by presence: a boolean has no parts."""


def database(site: Site) -> Path:
    """The folder of the database."""
    return site.paths.data("openldap") / "db"


def prepare(site: Site, config: Path, *, running: bool) -> None:
    """Bring the data in step with the settings.

    slapd's tools must not write beside a running slapd; what remains to be done then waits for
    the next start. Raises BadInput when the data belong to another root.
    """
    path = state.place(site)
    before = state.read(path)
    access = site.directory
    if not before.root_dn and (database(site) / "data.mdb").exists() and not running:
        before = _found(site, config)
    if before.root_dn and before.root_dn.lower() != access.root_dn.lower():
        raise errors.BadInput(
            f"The directory's data are below {before.root_dn}, but directory.root_dn is {access.root_dn}.",
            remedy=f"Set directory.root_dn: {before.root_dn} in keryx.yaml; the tree keeps its first root.",
        )
    if running:
        return
    indexes = (*TEXT_INDEXES, *PLAIN_INDEXES)
    if before.root_dn and before.indexes != indexes:
        commands.index(config)
    branches = tuple(tree.branches(access))
    passwords = _passwords(site, before)
    additions, changes = _steps(branches, passwords, before)
    if additions:
        commands.add(config, additions)
    if changes:
        commands.modify(config, changes)
    give_to_openldap(database(site))
    after = state.State(
        access.root_dn, tuple(dict.fromkeys((*before.branches, *branches))), passwords, indexes
    )
    if after != before:
        state.write(path, after)


def _found(site: Site, config: Path) -> state.State:
    """Return the state of data that came without one: restored, or half made by a first start."""
    names = tree.names(commands.dump(config))
    if not names:
        return state.State()
    people = {name.lower() for name in tree.people(site.directory)}
    passwords = {name: "" for name in names if name.lower() in people}
    return state.State(names[0], tuple(names), passwords, ())


def _passwords(site: Site, before: state.State) -> dict[str, str]:
    """Return the hash of each name, a new one only where the secret has changed."""
    access = site.directory
    secrets = {access.bind_dn: site.reader_password, access.admin_dn: site.admin_password}
    return {
        name: before.passwords[name]
        if name in before.passwords and password.verify(secret, before.passwords[name])
        else password.hashed(secret)
        for name, secret in secrets.items()
    }


def _steps(branches: tuple[str, ...], passwords: dict[str, str], before: state.State) -> tuple[str, str]:
    """Return the entries to add and the changes to make, as LDIF."""
    additions = [tree.entry(name) for name in branches if name not in before.branches]
    changes = []
    for name, stored in passwords.items():
        if name not in before.passwords:
            additions.append(tree.entry(name, stored))
        elif before.passwords[name] != stored:
            changes.append(tree.new_password(name, stored))
    return "".join(additions), "".join(changes)


def give_to_openldap(folder: Path) -> None:
    """Make everything in the folder slapd's own: its tools ran as root."""
    uid, gid = files.identifiers("openldap", "openldap")
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            os.chown(os.path.join(parent, name), uid, gid)
