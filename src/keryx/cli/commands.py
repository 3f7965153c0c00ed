"""The commands of ``keryx``, put together."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from keryx import __version__
from keryx.cli import admin, alias, api_key, config, dkim, doctor, domain, queue, suite, trace, user

app = typer.Typer(
    name="keryx",
    help="A mail suite for your own domains. Start with: keryx up --domain example.org\n\n"
    "Every command takes --home DIR (the suite's folder, /var/lib/keryx or $KERYX_HOME) and "
    "--config FILE (keryx.yaml in the home).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keryx {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Log native commands; show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print Keryx's version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    if debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
        os.environ["KERYX_DEBUG"] = "1"


suite.register(app)
app.command()(doctor.doctor)
app.command()(trace.trace)
app.add_typer(config.app)
for noun in (domain, user, alias, admin, dkim, queue, api_key):
    app.add_typer(noun.app)
