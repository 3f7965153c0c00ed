"""Commands about the suite as a whole: up, init, down, restart, status, logs, run, ready, dump, render."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.status import Status

from keryx.cli import context, output, run
from keryx.components import registry
from keryx.core import errors, files
from keryx.core.check import ComponentStatus
from keryx.core.secret import PlaceholderSecrets
from keryx.host import initial, setup, suite
from keryx.host import status as components


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (up, init, down, restart, status, logs, run.run, run.ready, run.dump, render):
        app.command()(command)


class ShownProgress:
    """Shows the present step with a spinner and finished ones as lines with a tick."""

    def __init__(self, spinner: Status) -> None:
        self._spinner = spinner

    def step(self, sentence: str) -> None:
        """Show what is being done; on a pipe, as a line."""
        if output.console.is_terminal:
            self._spinner.update(f"{sentence} ...")
        else:
            output.say(f"  {sentence} ...")

    def done(self, sentence: str) -> None:
        """Print what was achieved."""
        output.say(f"[green]✓[/green] {sentence}")


@contextmanager
def shown_progress() -> Iterator[ShownProgress]:
    """Show progress while the block runs."""
    with output.console.status("Looking ...") as spinner:
        yield ShownProgress(spinner)


def up(
    domain: Annotated[str, typer.Option(help="First mail domain; creates keryx.yaml.")] = "",
    hostname: Annotated[str, typer.Option(help="Full host name; mail.DOMAIN when not given.")] = "",
    port_offset: Annotated[int | None, typer.Option(help="Added to every port.")] = None,
    bind: Annotated[
        list[str] | None, typer.Option(help="Address to listen at (many); all when none.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")
    ] = False,
) -> None:
    """Set the suite up, or bring it to what keryx.yaml says; run it as often as you like."""
    wishes = setup.Wishes(domain, hostname, port_offset, tuple(bind or ()))
    config = context.chosen.settings_file
    site, text = setup.settle(context.chosen.home, config, wishes)
    if dry_run:
        show_plan(suite.plan(site), new=text)
        return
    if text:
        files.write(config, text)
        output.say(f"[green]✓[/green] wrote {config}")
    before = suite.plan(site)
    for name, changes in before.changes.items():
        for change in changes:
            output.say(f"{name}: {change.path} {change.kind}")
            output.console.print(change.diff, markup=False)
    with shown_progress() as progress:
        done = suite.up(site, config, progress)
        setup.reach_directory(site)
        made = setup.first_account(site, progress)
        setup.personal_settings(site)
    if done.empty and not made:
        output.say("Everything runs as keryx.yaml says; nothing to do.")
        return
    output.say()
    for line in setup.summary(site):
        output.console.print(line, markup=False)


def init(
    wait: Annotated[float, typer.Option(help="Seconds to wait for the directory and the database.")] = 300,
) -> None:
    """Make databases, tables and the first account of a suite in containers; up does it on a machine.

    It waits until directory and database answer. Run it once at the start of every release.
    """
    site = context.site()
    with shown_progress() as progress:
        made = initial.make(site, progress, wait)
    output.say("The suite is set up." if made else "Everything is there; nothing to do.")


def show_plan(plan: suite.Plan, *, new: str = "") -> None:
    """Print what ``up`` would do."""
    if new:
        output.say("Would write keryx.yaml.")
    for label, names in (
        ("install", plan.missing_packages),
        ("start", plan.starts),
        ("stop", plan.stops),
        ("restart after an upgrade", plan.upgrades),
    ):
        if names:
            output.say(f"Would {label}: {', '.join(names)}")
    for name, changes in plan.changes.items():
        output.say(f"Would reload or restart {name}:")
        for change in changes:
            output.say(f"  {change.path} {change.kind}")
            output.console.print(change.diff, markup=False)
    if plan.empty and not new:
        output.say("Nothing to do.")


def down() -> None:
    """Stop the suite in the opposite order of starting; nothing is lost, it comes back with up."""
    with output.console.status("Stopping ..."):
        stopped = suite.down(context.site())
    output.say("The suite is stopped." if stopped else "The suite was not running.")


def restart(
    component: Annotated[list[str] | None, typer.Argument(help="Components; all when none is named.")] = None,
) -> None:
    """Restart components and wait until they answer again."""
    with shown_progress() as progress:
        suite.restart(context.site(), component or [], progress)


def status(as_json: output.JsonOption = False) -> None:
    """Show every component: state, ports, memory, since when. Exit status 1 unless all are ready."""
    rows = components.of_all(context.site())
    if as_json:
        output.emit_json([dataclasses.asdict(row) for row in rows])
    else:
        output.table(
            ("component", "for", "state", "ports", "memory", "up"),
            [
                (
                    row.name,
                    row.title,
                    _coloured(row),
                    " ".join(map(str, row.ports)),
                    f"{row.memory / 2**20:.0f} MiB" if row.memory else "",
                    _up(row),
                )
                for row in rows
            ],
        )
    if not all(row.ready for row in rows):
        raise typer.Exit(1)


def _up(row: ComponentStatus) -> str:
    if not row.ready:
        return row.sentence
    # In a cluster nobody but the cluster knows since when.
    return _duration(row.uptime) if row.pid else ""


def _coloured(row: ComponentStatus) -> str:
    colour = {"running": "green", "stopped": "dim"}.get(row.state, "red")
    return f"[{colour}]{row.state}[/{colour}]"


def _duration(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def logs(
    component: Annotated[list[str] | None, typer.Argument(help="Components; all when none is named.")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Stay and print what is added.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="Lines from the end.", min=0)] = 100,
) -> None:
    """Print what components said: the end of their logs."""
    site = context.site()
    chosen = [registry.find(name) for name in component or []] or registry.enabled(site)
    paths = [str(site.paths.log(item.name)) for item in chosen if site.paths.log(item.name).exists()]
    if not paths:
        raise errors.NotFound("There is no log yet.", remedy="Start the suite with: keryx up")
    options = ["-n", str(lines), *(["-F"] if follow else [])]
    os.execvp("tail", ["tail", *options, *paths])


def render(
    component: Annotated[str, typer.Argument(help="The component to render.")],
    output: Annotated[Path, typer.Option("--output", help="Folder to write below; made when missing.")],
) -> None:
    """Write what a component's files would be, below a folder, without a running suite."""
    chosen = registry.find(component)
    site = context.site()
    if not site.paths.secrets.exists():
        # Without a suite there are no secrets yet, and showing files is no reason to make some.
        site = dataclasses.replace(site, secrets=PlaceholderSecrets())
    for file in chosen.render(site):
        target = output / file.path.relative_to("/")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            files.write(target, file.content, mode=file.mode)
        except OSError as error:
            raise errors.BadInput(
                f"--output: {target} cannot be written: {error.strerror}.", remedy="Choose another folder."
            ) from error
