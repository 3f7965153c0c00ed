"""``keryx run``: apart from the other commands, since every daemon starts by it and waits for what
it imports."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from keryx.cli import context
from keryx.components import registry
from keryx.host import foreground, parent

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
    """Run one component in the foreground: the supervisor's command and a container's entrypoint.

    As its parent, settings, secrets and certificates are taken up when their files change.
    """
    wanted = registry.find(component)
    if exec_:
        foreground.become(wanted, context.site())
    logging.basicConfig(level=logging.INFO, format="keryx: %(message)s")
    config = context.chosen.config or context.site().paths.home / "keryx.yaml"
    sources = (config, context.site().paths.secrets)
    raise typer.Exit(parent.stay(wanted, context.anew, sources))
