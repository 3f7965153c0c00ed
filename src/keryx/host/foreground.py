"""``keryx run COMPONENT``: one component in the foreground.

The supervisor's command: the daemon takes this process's place. In a container its parent stays
(``parent.py``).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
from typing import NoReturn

from keryx.components import registry
from keryx.components.component import Command, Component
from keryx.core import errors
from keryx.host import leftovers
from keryx.host.prepare import prepare, record
from keryx.settings.site import Site


def become(component: Component, site: Site) -> NoReturn:
    """Prepare the component and replace this process by its daemon."""
    component.end_leftovers(site)
    prepare(component, site)
    record(component, site)
    leftovers.note(site.paths.home, component.name)
    _restart_followers(component, site)
    command = component.command(site)
    sys.stdout.flush()
    sys.stderr.flush()
    drop_rights(command)
    os.execvpe(command.argv[0], command.argv, environment(command))


def _restart_followers(component: Component, site: Site) -> None:
    followers = [other.name for other in registry.enabled(site) if component.name in other.follows]
    if not followers:
        return
    # Not above: every daemon's start waits for what is imported.
    from keryx.host.supervisor import Supervisor

    supervisor = Supervisor(site)
    for name in followers:
        # One that ends by itself just now refuses to be stopped: that must not keep this one from starting.
        with contextlib.suppress(errors.KeryxError):
            state = supervisor.processes().get(name)
            if state is not None and state.state in ("STARTING", "RUNNING"):
                supervisor.restart_component(name)


def environment(command: Command) -> dict[str, str]:
    """Return the daemon's environment: ours without what only Python cares about."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, **command.env}


def drop_rights(command: Command) -> None:
    """Take on the user that the command asks for, with its groups."""
    os.chdir("/")
    if command.user == "root":
        return
    entry = pwd.getpwnam(command.user)
    os.initgroups(entry.pw_name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir
