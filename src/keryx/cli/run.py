"""``keryx run``, ``keryx ready`` and ``keryx dump``: apart from the other commands, since every daemon
starts by the first, and each waits for what it imports. All three work in every container."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from keryx.cli import context
from keryx.components import registry
from keryx.core import errors
from keryx.host import foreground, parent
from keryx.host.foundation import Foundation
from keryx.host.probe import Probe, listening
from keryx.settings import placement
from keryx.settings.site import Site

OPERATOR = "operator"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def run(
    component: Annotated[str, typer.Argument(help="The component to run, or operator.")],
    exec_: Annotated[
        bool, typer.Option("--exec", help="Become the daemon instead of staying its parent.")
    ] = False,
) -> None:
    """Run one component in the foreground: the supervisor's command and a container's entrypoint.

    As its parent, settings, secrets and certificates are taken up when their files change. What keeps
    something in a database waits until keryx init has made it.
    """
    if component == OPERATOR:
        _operate()
    wanted = registry.find(component)
    if exec_:
        foreground.become(wanted, context.site())
    logging.basicConfig(level=logging.INFO, format="keryx: %(message)s")
    # The first process of a container is not ended by a signal that it does not handle (kill(2)).
    signal.signal(signal.SIGTERM, _leave)
    probe = Probe(wanted)
    with listening(probe):
        load = Foundation(context.anew)
        site = load()
        if wanted.databases:
            _await_databases(site, wanted.databases, probe)
        raise typer.Exit(parent.stay(wanted, load, _sources(site), probe))


def _operate() -> NoReturn:
    """Run the cluster's operator: no daemon of a machine, hence no component."""
    try:
        # Not above: a machine does without what it needs.
        from keryx.cluster import main
    except ImportError as error:
        raise errors.BadInput(
            f"The operator needs {error.name}, which is not installed.",
            remedy="Use the image keryx-operator, or install Keryx with the extra cluster.",
        ) from error
    logging.basicConfig(level=logging.INFO, format="keryx: %(message)s")
    signal.signal(signal.SIGTERM, _leave)
    raise typer.Exit(main.run(context.anew, context.chosen.settings_file.with_name(OPERATOR + ".yaml")))


@app.command()
def ready(
    component: Annotated[str, typer.Argument(help="The component to ask.")],
) -> None:
    """Ask a component whether it answers its own protocol: a container's probe. Exit status 1 if not."""
    wanted, site = registry.find(component), context.site()
    try:
        wanted.ready(site)
    except errors.NotReady:
        raise
    except errors.KeryxError as error:
        raise errors.NotReady(error.sentence, remedy=error.remedy) from error
    typer.echo(f"{wanted.name} is ready.")


@app.command()
def dump(
    component: Annotated[str, typer.Argument(help="The component: openldap or postgresql.")],
) -> None:
    """Write all that a database holds to one file below dump/ in the home, while it runs.

    A start without any data loads it. It holds passwords. Backups take it in place of the data.
    """
    wanted, site = registry.find(component), context.site()
    if not wanted.enabled(site):
        raise errors.BadInput(
            f"{component} is not part of this suite.", remedy="Dump what serves in its place, where it runs."
        )
    typer.echo(f"wrote {wanted.dump(site)}")


def _await_databases(site: Site, names: Sequence[str], probe: Probe) -> None:
    # Not above: the other daemons' starts need not wait for the database's client.
    from keryx.host import initial

    def tell(sentence: str) -> None:
        logging.info(sentence)
        probe.say(sentence)

    initial.await_databases(site, names, tell)


def _sources(site: Site) -> Sequence[Path]:
    """Return the files and folders that settings, secrets and the public certificate come from."""
    config = context.chosen.settings_file
    return (config, config.with_name(placement.FILE), site.paths.secrets, site.public_tls.key.parent)


def _leave(*_: object) -> None:
    raise SystemExit(0)
