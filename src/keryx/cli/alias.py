"""``keryx alias``: addresses that deliver elsewhere, lists, catch-alls."""

from __future__ import annotations

from typing import Annotated

import typer

from keryx.admin import aliases
from keryx.cli import context, output
from keryx.cli.changes import DryRun, IfMissing, tell

app = typer.Typer(
    name="alias",
    help="Addresses that deliver elsewhere: aliases, distribution lists, and @example.org for "
    "whatever a domain has no other entry for.",
    no_args_is_help=True,
)

Address = Annotated[str, typer.Argument(help="Such as sales@example.org, or @example.org for a catch-all.")]
Description = Annotated[str | None, typer.Option(help="A note for people.")]


@app.command()
def add(
    address: Address,
    to: Annotated[list[str], typer.Option("--to", help="Where it delivers, here or elsewhere (repeat).")],
    description: Description = None,
    if_missing: IfMissing = False,
    dry_run: DryRun = False,
) -> None:
    """Add an alias; several targets make a list."""
    outcome = aliases.add(
        context.site(), address, to, description=description or "", if_missing=if_missing, dry_run=dry_run
    )
    tell(outcome, dry_run)


@app.command("list")
def list_(
    domain: Annotated[str, typer.Option(help="Only those of this domain.")] = "",
    as_json: output.JsonOption = False,
) -> None:
    """List aliases of their own; further addresses of an account are shown by keryx user."""
    found = aliases.all_of(context.site(), domain)
    if as_json:
        output.emit_json(found)
        return
    rows = [(alias.address, ", ".join(alias.targets), _yes(alias.active)) for alias in found]
    output.table(("Alias", "Delivers to", "Active"), rows, empty="No aliases.")


@app.command()
def show(address: Address, as_json: output.JsonOption = False) -> None:
    """Show an alias."""
    found = aliases.show(context.site(), address)
    if as_json:
        output.emit_json(found)
        return
    rows = [("Alias", found.address), *(("Delivers to", target) for target in found.targets)]
    output.table(("", ""), [*rows, ("Description", found.description), ("Active", _yes(found.active))])


@app.command("set")
def set_(
    address: Address,
    to: Annotated[list[str] | None, typer.Option("--to", help="All its targets anew (repeat).")] = None,
    add_to: Annotated[list[str] | None, typer.Option("--add-to", help="A further target (repeat).")] = None,
    remove_to: Annotated[
        list[str] | None, typer.Option("--remove-to", help="A target that goes (repeat).")
    ] = None,
    description: Description = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether it receives mail.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Change an alias; what is not given stays."""
    outcome = aliases.change(
        context.site(),
        address,
        targets=to or None,
        add_targets=add_to or (),
        remove_targets=remove_to or (),
        description=description,
        active=active,
        dry_run=dry_run,
    )
    tell(outcome, dry_run)


@app.command()
def remove(address: Address, dry_run: DryRun = False) -> None:
    """Remove an alias."""
    tell(aliases.remove(context.site(), address, dry_run=dry_run), dry_run)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
