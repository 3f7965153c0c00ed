"""Making a component ready to start: folders, files, one-time work, the daemon's own check."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import json
import os
import pwd
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from keryx.components import python
from keryx.components.component import Component, SystemUser
from keryx.core import files
from keryx.core.process import run
from keryx.host import packages
from keryx.settings.site import Site

USERS_LOCK = Path("/run/keryx-users.lock")
"""Held while a system user is made, by whichever home on this machine."""


@dataclass(frozen=True)
class Started:
    """What a daemon last started (or reloaded) with."""

    files: dict[Path, str] = field(default_factory=dict)
    """Digests of its files."""
    packages: dict[str, str] = field(default_factory=dict)
    """Full versions of its packages."""


def prepare(component: Component, site: Site) -> None:
    """Bring the machine to where the component can start.

    When the daemon refuses the new files, the old ones are put back and the refusal is raised.
    """
    for user in component.users:
        make_user(user)
    for directory in component.directories(site):
        files.make_directory(directory)
    with _files_in_place(component, site) as keep:
        component.prepare(site)
        component.validate(site)
        keep()


def rehearse(component: Component, site: Site) -> None:
    """Let the daemon check its new files, then put the old ones back whatever it said."""
    for directory in component.directories(site):
        files.make_directory(directory)
    with _files_in_place(component, site):
        component.validate(site)


@contextlib.contextmanager
def _files_in_place(component: Component, site: Site) -> Iterator[Callable[[], None]]:
    """Write the component's files; at the end the old ones return unless ``keep`` was called."""
    wanted = list(component.render(site))
    before = {file.path: _keep(file.path) for file in wanted}
    stale = {path for path in started_with(component, site).files if _is_ours(path, site)} - set(before)
    before.update({path: _keep(path) for path in stale})
    kept = False

    def keep() -> None:
        nonlocal kept
        kept = True

    try:
        for file in wanted:
            files.install(file)
        for path in stale:
            path.unlink(missing_ok=True)
        yield keep
    finally:
        if not kept:
            for path, content in before.items():
                _put_back(path, content)


def started_with(component: Component, site: Site) -> Started:
    """Return what the component's daemon last started with."""
    try:
        record = json.loads(_record(component, site).read_text())
        digests = {Path(path): digest for path, digest in record["files"].items()}
        return Started(digests, record["packages"])
    except (FileNotFoundError, ValueError, KeyError):
        return Started()


def as_wanted(component: Component, site: Site) -> Started:
    """Return what the component's daemon would start with now."""
    digests = {file.path: file.digest for file in component.render(site)}
    for path in component.watched(site):
        digests[path] = files.digest(path.read_bytes()) if path.is_file() else ""
    # Arguments are settings too (a port, a domain); no file, but told apart like one.
    arguments = "\0".join(component.command(site).argv)
    digests[site.paths.etc(component.name) / "command"] = files.digest(arguments.encode())
    if component.own_code:
        digests[site.paths.etc(component.name) / "code"] = python.code_digest()
    return Started(digests, packages.exact_versions(component))


def changed(component: Component, site: Site) -> list[Path]:
    """Return the files that differ from what the daemon last started with, or that somebody edited since."""
    before, now = started_with(component, site).files, as_wanted(component, site).files
    edited = {change.path for change in files.compare(component.render(site))}
    return sorted(edited | {path for path in {*before, *now} if before.get(path) != now.get(path)})


def record(component: Component, site: Site) -> None:
    """Remember what the daemon starts with now."""
    now = as_wanted(component, site)
    text = json.dumps(
        {"files": {str(path): digest for path, digest in now.files.items()}, "packages": now.packages},
        indent=1,
        sort_keys=True,
    )
    files.write(_record(component, site), f"{text}\n", mode=0o600)


def _is_ours(path: Path, site: Site) -> bool:
    # A watched file, such as a certificate of the administrator's, is never ours to remove.
    return path.is_relative_to(site.paths.home / "etc")


def _record(component: Component, site: Site) -> Path:
    return site.paths.state / f"{component.name}.json"


def _keep(path: Path) -> tuple[bytes, int, str, str] | None:
    if not path.is_file():
        return None
    state = path.stat()
    owner, group = pwd.getpwuid(state.st_uid).pw_name, grp.getgrgid(state.st_gid).gr_name
    return path.read_bytes(), state.st_mode & 0o7777, owner, group


def _put_back(path: Path, kept: tuple[bytes, int, str, str] | None) -> None:
    if kept is None:
        path.unlink(missing_ok=True)
    else:
        content, mode, owner, group = kept
        files.write(path, content, mode=mode, owner=owner, group=group)


def make_user(user: SystemUser) -> None:
    """Make a system user that is not there."""
    if _known(user):
        return
    # useradd looks for the name before it locks the files: of two at a time the second one gives the
    # same name another number, and folders already made belong to nobody.
    with open(USERS_LOCK, "w", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _known(user):
            argv = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", user.home]
            run([*argv, "--shell", "/usr/sbin/nologin", user.name])


def _private(path: str, flags: int) -> int:
    # Whoever could open the lock could hold it.
    return os.open(path, flags, 0o600)


def _known(user: SystemUser) -> bool:
    try:
        pwd.getpwnam(user.name)
    except KeyError:
        return False
    return True
