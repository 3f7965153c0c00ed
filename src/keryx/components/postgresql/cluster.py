"""The data and the programs that fit them: which major version, made how, refused when.

Data of one major version can only be read by programs of the same (pg_upgrade(1)). Each version's
data have a folder of their own, so that an upgrade works beside them.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import psutil

from keryx.components.postgresql import commands, dumps
from keryx.core import errors, files
from keryx.core.dump import Dump
from keryx.core.files import Directory
from keryx.settings.site import Site

OWNER = commands.OWNER
PROGRAMS = Path("/usr/lib/postgresql")
ADMINISTRATOR = "postgresql-admin"
"""The secret with which other pods are the superuser."""
DEFAULT = 15
"""Debian 12's version, where none is installed yet."""


def installed(site: Site) -> list[int]:
    """Return the major versions whose server is installed, oldest first."""
    found = (re.fullmatch(r"postgresql-(\d+)", name) for name in site.versions)
    return sorted(int(match[1]) for match in found if match)


def present(site: Site) -> int | None:
    """Return the major version of the data, the newest where several lie; None without data."""
    versions = [
        int(mark.parent.name)
        for mark in site.paths.data("postgresql").glob("*/PG_VERSION")
        if mark.parent.name.isdigit()
    ]
    return max(versions, default=None)


def major(site: Site) -> int:
    """Return the major version that serves: the data's, or the newest installed one."""
    return present(site) or max(installed(site), default=DEFAULT)


def folder(site: Site) -> Path:
    """Return where the data are."""
    return site.paths.data("postgresql") / str(major(site))


def programs(site: Site) -> Path:
    """Return the folder of the programs that fit the data."""
    return PROGRAMS / str(major(site)) / "bin"


def check(site: Site) -> None:
    """Raise Refused when there are data whose programs are not installed."""
    version = present(site)
    if version is None or (PROGRAMS / str(version) / "bin" / "postgres").exists():
        return
    others = ", ".join(str(number) for number in installed(site)) or "none"
    raise errors.Refused(
        f"{folder(site)} holds data of PostgreSQL {version}, whose programs are not installed (installed: "
        f"{others}); nothing was started and the data are untouched.",
        remedy=f"Install postgresql-{version} again, or upgrade the data as docs/howto/postgresql-upgrade.md "
        "tells.",
    )


def prepare(site: Site) -> None:
    """Make the data at the first start; raises Refused when present data cannot be served."""
    check(site)
    dump = dumps.of(site)
    if present(site) is not None:
        dump.loaded()
    else:
        _make(site, dump)
    _forget_stale_mark(folder(site))


def _make(site: Site, dump: Dump) -> None:
    """Make a cluster, with what the dump holds, if there is one.

    It is made beside its place: a folder in its place is always whole.
    """
    script = dump.find()
    place = folder(site)
    fresh = place.with_name(f"{place.name}.new")
    with dump.loading() if script else contextlib.nullcontext():
        commands.end_leftover(programs(site), fresh)
        shutil.rmtree(fresh, ignore_errors=True)
        files.make_directory(Directory(fresh, 0o700, OWNER, OWNER))
        _initialize(site, fresh)
        if script:
            # What a dump has as the superuser's password is that of another day.
            secret = site.secrets.get(ADMINISTRATOR) if site.door("postgresql") else None
            dumps.load(programs(site), fresh, site.paths.run("postgresql") / "restore", script, secret)
        fresh.rename(place)
        files.sync(place.parent)


def _initialize(site: Site, fresh: Path) -> None:
    """Run initdb."""
    if site.door("postgresql"):
        # initdb reads it as its own user, who may not read ours.
        password = fresh.with_name("password")
        files.write(password, site.secrets.get(ADMINISTRATOR), mode=0o600, owner=OWNER)
        try:
            commands.make_cluster(programs(site), fresh, password)
        finally:
            password.unlink()
    else:
        commands.make_cluster(programs(site), fresh)


def _forget_stale_mark(place: Path) -> None:
    """Remove a postmaster.pid whose number now belongs to another suite's server.

    After a power cut the number may have been given to a process of the same user, which the
    server cannot tell from itself: it would refuse to start for ever.
    """
    mark = place / "postmaster.pid"
    try:
        pid = int(mark.read_text().split("\n", 1)[0])
        if not Path(psutil.Process(pid).cwd()).samefile(place):
            mark.unlink()
    except (OSError, ValueError, psutil.NoSuchProcess):
        # None there, or its process is gone: the server itself knows what to do.
        return
