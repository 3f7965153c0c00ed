"""Commands about the suite as a whole: up, down, restart, status, logs, run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keryx.cli import context
from keryx.components import registry
from keryx.core import errors
from keryx.host import foreground


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(run)
    app.command()(render)


def run(
    component: Annotated[str, typer.Argument(help="The component to run.")],
    exec_: Annotated[
        bool, typer.Option("--exec", help="Become the daemon instead of staying its parent.")
    ] = False,
) -> None:
    """Run one component in the foreground: the supervisor's command and a container's entrypoint."""
    foreground.become(registry.find(component), context.site())


def render(
    component: Annotated[str, typer.Argument(help="The component to render.")],
    output: Annotated[Path, typer.Option("--output", help="Folder to write below; made when missing.")],
) -> None:
    """Write what a component's files would be, below a folder, without a running suite."""

    site = context.site()
    for file in registry.find(component).render(site):
        target = output / file.path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.write_text(file.content)
            target.chmod(file.mode)
        except OSError as error:
            raise errors.BadInput(
                f"{target} cannot be written: {error}.", remedy="Choose another --output."
            ) from error
