"""``keryx run``: apart from the other commands, since every daemon starts by it and waits for what
it imports."""

from __future__ import annotations

from typing import Annotated

import typer

from keryx.cli import context
from keryx.components import registry
from keryx.host import foreground

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def _only() -> None:
    """Keep ``run`` a word of the command line although it stands alone here."""


@app.command()
def run(
    component: Annotated[str, typer.Argument(help="The component to run.")],
    exec_: Annotated[
        bool, typer.Option("--exec", help="Become the daemon instead of staying its parent.")
    ] = False,
) -> None:
    """Run one component in the foreground: the supervisor's command and a container's entrypoint."""
    foreground.become(registry.find(component), context.site())
