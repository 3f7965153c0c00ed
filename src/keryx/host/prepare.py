"""Making a component ready to start: folders, files, one-time work, the daemon's own check."""

from __future__ import annotations

import grp
import json
import pwd
from pathlib import Path

from keryx.components.component import Component, SystemUser
from keryx.core import errors, files
from keryx.core.process import run
from keryx.settings.site import Site


def prepare(component: Component, site: Site) -> None:
    """Bring the machine to where the component can start.

    When the daemon refuses the new files, the old ones are put back and the refusal is raised.
    """
    for user in component.users:
        _make_user(user)
    for directory in component.directories(site):
        files.make_directory(directory)
    wanted = list(component.render(site))
    before = {file.path: _keep(file.path) for file in wanted}
    stale = {path: _keep(path) for path in written(component, site) if path not in before}
    try:
        for file in wanted:
            files.install(file)
        for path in stale:
            path.unlink(missing_ok=True)
        component.prepare(site)
        component.validate(site)
    except BaseException:
        for path, kept in {**before, **stale}.items():
            _put_back(path, kept)
        raise


def started_with(component: Component, site: Site) -> dict[Path, str]:
    """Return the digests of the files that the daemon last started or reloaded with."""
    try:
        record = json.loads(_record(component, site).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {Path(path): digest for path, digest in record.items()}


def written(component: Component, site: Site) -> list[Path]:
    """Return the files that an earlier run wrote."""
    return list(started_with(component, site))


def changed(component: Component, site: Site) -> list[Path]:
    """Return the files that differ from what the daemon last started with."""
    before = started_with(component, site)
    now = {file.path: file.digest for file in component.render(site)}
    return sorted(path for path in {*before, *now} if before.get(path) != now.get(path))


def record(component: Component, site: Site) -> None:
    """Remember what the daemon starts with now."""
    digests = {str(file.path): file.digest for file in component.render(site)}
    files.write(_record(component, site), json.dumps(digests, indent=1, sort_keys=True) + "\n", mode=0o600)


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


def _make_user(user: SystemUser) -> None:
    try:
        pwd.getpwnam(user.name)
    except KeyError:
        argv = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", user.home]
        try:
            run([*argv, "--shell", "/usr/sbin/nologin", user.name])
        except errors.CommandFailed:
            # Another component's process may have been quicker.
            pwd.getpwnam(user.name)
