"""The directory's dump: LDIF, written beside a running slapd, loaded where there is no database."""

from __future__ import annotations

from pathlib import Path

from keryx.components.openldap import commands, state, tree
from keryx.core import errors, files
from keryx.core.dump import Dump
from keryx.settings.site import Site

LAST_LINE = "Directory dump complete"
"""slapcat ends without a word of its own: this comment is what a broken-off copy lacks."""
HEAD = 16384
"""Bytes at the beginning of a dump in which the root's entry is looked for."""


def of(site: Site) -> Dump:
    """Return where the dump is, and how a whole one is told."""
    mark = site.paths.data("openldap") / "restoring"
    return Dump("openldap", site.paths.dumps / "openldap.ldif", LAST_LINE, mark)


def write(config: Path, place: Path) -> None:
    """Write all data to a file; raises Refused when there are none."""
    commands.write_dump(config, place)
    if not _root(place):
        raise errors.Refused(
            "The directory holds nothing to be dumped.", remedy="Dump it once it has started: keryx status"
        )
    with place.open("a") as file:
        file.write(f"# {LAST_LINE}\n")


def restore(site: Site, config: Path, database: Path) -> None:
    """Load the dump where there is no database, or a half loaded one; slapd must not run."""
    dump = of(site)
    if (database / "data.mdb").exists() and not dump.begun:
        return
    ldif = dump.find()
    if ldif is None:
        return
    _check_root(site, ldif)
    with dump.loading():
        state.place(site).unlink(missing_ok=True)
        for leftover in database.iterdir():
            leftover.unlink()
        commands.load(config, ldif)
        files.sync(database / "data.mdb")
        files.sync(database)


def _check_root(site: Site, ldif: Path) -> None:
    wanted, found = site.directory.root_dn, _root(ldif)
    if found.lower() != wanted.lower():
        raise errors.BadInput(
            f"The dump {ldif} is of {found or 'nothing'}, but directory.root_dn is {wanted}.",
            remedy="Set directory.root_dn to the dump's root, or bring this suite's dump.",
        )


def _root(ldif: Path) -> str:
    """Return the name of the first entry; empty where there is none."""
    with ldif.open("rb") as file:
        text = file.read(HEAD).decode(errors="replace")
    # Entry by entry: the last one is cut off somewhere.
    return next((names[0] for part in text.split("\n\n") if (names := tree.names(part))), "")
