"""The suite on this machine: up, down, restart.

``up`` goes in stages across all components: install all, make certificate and secrets, start
all, wait for each in start order. It may be run again at any time: what is already so stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keryx.components import registry
from keryx.components.component import Component
from keryx.core import debian, errors, files
from keryx.host import apparmor, apt, boot, foundation, leftovers, packages, ports, prepare, status
from keryx.host.progress import Progress
from keryx.host.supervisor import Supervisor, configuration
from keryx.records import migrations, provision
from keryx.settings.site import Site

LOG_LINES = 15


@dataclass(frozen=True)
class Plan:
    """What ``up`` would do to a suite."""

    missing_packages: tuple[str, ...]
    starts: tuple[str, ...]
    """Components that do not run and will."""
    stops: tuple[str, ...]
    """Components that run and are no longer wanted."""
    changes: dict[str, tuple[files.Change, ...]]
    """Changed files of running components."""
    upgrades: tuple[str, ...]
    """Running components whose packages were upgraded since they started."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.missing_packages or self.starts or self.stops or self.changes or self.upgrades)


class StartFailed(errors.KeryxError):
    """A component did not become ready: which, why, and the last lines of its log."""

    def __init__(self, component: str, reason: str, lines: Sequence[str]) -> None:
        self.component = component
        self.lines = tuple(lines)
        log = "\n".join(f"    {line}" for line in lines)
        super().__init__(
            f"{component} did not start: {reason}" + (f"\n  The end of its log:\n{log}" if lines else ""),
            remedy=f"See it whole with: keryx logs {component}",
        )


def plan(site: Site) -> Plan:
    """Return what ``up`` would do now, touching nothing."""
    wanted = registry.enabled(site)
    processes = Supervisor(site).processes()
    missing = packages.missing(wanted)
    changes, upgrades = {}, []
    for component in wanted:
        if not status.runs(processes.get(component.name)):
            continue
        if paths := prepare.changed(component, site):
            changes[component.name] = tuple(_describe(component, site, paths))
        elif prepare.started_with(component, site).packages != packages.exact_versions(component):
            upgrades.append(component.name)
    names = [component.name for component in wanted]
    running = [name for name in names if status.runs(processes.get(name))]
    return Plan(
        tuple(missing),
        tuple(name for name in names if name not in running),
        tuple(name for name in processes if name not in names),
        changes,
        tuple(upgrades),
    )


def up(site: Site, config: Path, progress: Progress) -> Plan:
    """Bring the suite to what the settings say and wait until every component answers.

    Returns what had to be done. Raises StartFailed, BadInput (a port in use, a wrong
    certificate) or KeryxError (packages that cannot be had).
    """
    if os.geteuid() != 0:
        raise errors.BadInput("keryx up needs to be root: it installs packages and binds ports below 1024.")
    packages.check_platform()
    with _alone(site):
        wanted = registry.enabled(site)
        site = _install(site, wanted, progress)
        foundation.lay(site)
        files.make_directory(files.Directory(site.paths.run("supervisor"), 0o700))
        todo = plan(site)
        same = not files.compare([configuration(site, wanted, config)])
        if todo.empty and same and _all_ready(site, wanted):
            _databases(site, progress)
            return todo
        _end_leftovers(site, progress)
        _check_ports(site, wanted)
        _apply(site, config, wanted, todo, progress)
        return todo


def down(site: Site) -> bool:
    """Stop the suite, last component first; return whether it was running."""
    supervisor = Supervisor(site)
    if supervisor.pid() is None:
        return leftovers.end(site.paths.home) > 0
    if boot.is_active(site):
        boot.stop(site)
    supervisor.stop()
    # A daemon's helper may take a moment longer than the daemon.
    leftovers.end(site.paths.home)
    return True


def restart(site: Site, names: Sequence[str], progress: Progress) -> None:
    """Restart components (all when none is named) and wait for each; raises StartFailed."""
    supervisor = Supervisor(site)
    if supervisor.pid() is None:
        raise errors.BadInput("The suite is not running.", remedy="Start it with: keryx up")
    chosen = [registry.find(name) for name in names] or list(registry.enabled(site))
    for component in chosen:
        if component.name not in supervisor.processes():
            raise errors.BadInput(
                f"{component.name} is switched off in keryx.yaml.",
                remedy="Switch it on there, then: keryx up",
            )
    for component in chosen:
        progress.step(f"Restarting {component.name}")
        _ask(component, site)
        supervisor.restart_component(component.name)
        _wait(component, site, supervisor)
        progress.done(f"{component.name} restarted")


def _install(site: Site, wanted: Sequence[Component], progress: Progress) -> Site:
    missing = packages.missing(wanted)
    if not missing:
        return site
    progress.step(f"Installing {len(missing)} packages with apt: {' '.join(missing)}")
    apt.install(missing)
    progress.done(f"installed {' '.join(missing)}")
    return replace(site, versions=debian.installed())


def _end_leftovers(site: Site, progress: Progress) -> None:
    if Supervisor(site).pid() is None and (count := leftovers.end(site.paths.home)):
        progress.done(f"ended {count} processes that an earlier supervisor left behind")


def _check_ports(site: Site, wanted: Sequence[Component]) -> None:
    listeners = [listener for component in wanted for listener in component.listeners(site)]
    inner = [endpoint for component in wanted for endpoint in component.inner(site)]
    addresses = [str(address) for address in site.settings.bind]
    ports.check(listeners, addresses, Supervisor(site).pid(), inner)


def _apply(site: Site, config: Path, wanted: Sequence[Component], todo: Plan, progress: Progress) -> None:
    supervisor = Supervisor(site)
    apparmor.allow(site)
    if boot.has_systemd():
        boot.install(site)
    file = configuration(site, wanted, config)
    if supervisor.pid() is None:
        files.install(file)
        if boot.has_systemd():
            boot.start(site)
            supervisor.wait_until_it_answers()
        else:
            supervisor.start()
    else:
        for component in wanted:
            if component.name in todo.changes:
                # All are asked before any is touched: refused settings change nothing at all.
                _ask(component, site)
        if files.install(file):
            supervisor.update()
    pending = True
    for component in wanted:
        if pending and component.databases:
            progress.step("Setting up the databases")
            _databases(site, progress)
            pending = False
        progress.step(f"Starting {component.name} ({component.title})")
        begun = time.monotonic()
        how = _take_up(component, site, supervisor, todo)
        _wait(component, site, supervisor)
        if how:
            progress.done(f"{component.name} {how} in {time.monotonic() - begun:.1f} s")
    if pending:
        progress.step("Setting up the databases")
        _databases(site, progress)


def _databases(site: Site, progress: Progress) -> None:
    """Make the databases, ours or on somebody else's server, and bring the records' tables up to date."""
    done = provision.ensure(site)
    done += migrations.upgrade(site)
    if done:
        progress.done(f"set up {', '.join(done)}")


def _take_up(component: Component, site: Site, supervisor: Supervisor, todo: Plan) -> str:
    """Start, reload or restart one component; return what was done to it."""
    state = supervisor.processes().get(component.name)
    if not status.runs(state):
        if state is not None and state.state in ("STOPPED", "EXITED", "FATAL"):
            supervisor.start_component(component.name)
        elif state is not None and state.state == "BACKOFF":
            # It died for want of what has become ready since; the next try may be far off.
            supervisor.restart_component(component.name)
        return "ready"
    if component.name in todo.upgrades:
        supervisor.restart_component(component.name)
        return "restarted after its upgrade"
    if component.name in todo.starts:
        return "ready"
    if changes := todo.changes.get(component.name):
        prepare.prepare(component, site)
        if component.reload(site, [change.path for change in changes]):
            prepare.record(component, site)
            return "reloaded"
        supervisor.restart_component(component.name)
        return "restarted"
    return ""


def _ask(component: Component, site: Site) -> None:
    """Let the daemon check its new files; raises BadInput and leaves the old ones in place."""
    try:
        prepare.rehearse(component, site)
    except errors.CommandFailed as error:
        said = (error.stderr.strip() or error.stdout.strip()).splitlines()[-LOG_LINES:]
        lines = "\n".join(f"    {line}" for line in said)
        raise errors.BadInput(
            f"{component.name} refuses its new configuration; the old one stays in force:\n{lines}",
            remedy="Correct keryx.yaml, then run keryx up again.",
        ) from error


def _wait(component: Component, site: Site, supervisor: Supervisor) -> None:
    """Return when the component is ready; raises StartFailed when it is dying or too slow."""
    deadline = time.monotonic() + component.start_timeout
    deaths = 0
    while True:
        try:
            component.ready(site)
            return
        except errors.KeryxError as error:
            reason = error.sentence
        state = supervisor.processes().get(component.name)
        deaths += state is None or state.state in ("BACKOFF", "FATAL", "EXITED")
        # A dying process is seen several times between two tries: 1.5 s of it is enough to tell.
        if deaths > 15 or time.monotonic() > deadline:
            why = reason if deaths <= 15 else f"it ends right after its start ({reason})"
            raise StartFailed(component.name, why, log_tail(site, component.name, LOG_LINES))
        time.sleep(0.1)


def log_tail(site: Site, component: str, lines: int) -> list[str]:
    """Return the last lines of a component's log."""
    path = site.paths.log(component)
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 200 * lines - 4096))
            return stream.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def _all_ready(site: Site, wanted: Sequence[Component]) -> bool:
    try:
        for component in wanted:
            component.ready(site)
    except errors.KeryxError:
        return False
    return True


def _describe(component: Component, site: Site, paths: Sequence[Path]) -> list[files.Change]:
    known = {change.path: change for change in files.compare(component.render(site))}
    return [known.get(path) or files.Change(path, "changed", "") for path in paths]


@contextlib.contextmanager
def _alone(site: Site) -> Iterator[None]:
    """Let one ``up`` at a time work on a home."""
    files.make_directory(files.Directory(site.paths.home))
    files.make_directory(files.Directory(site.paths.state, 0o700))
    with (site.paths.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise errors.BadInput(
                f"Another keryx up is working on {site.paths.home}.", remedy="Wait until it is done."
            ) from error
        yield
