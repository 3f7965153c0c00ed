"""``keryx admin``: who administers the site, or a domain, in the browser and by the API."""

from __future__ import annotations

from typing import Annotated

import typer

from keryx.admin import audit, permissions, roles
from keryx.cli import context, output
from keryx.cli.changes import DryRun, tell

app = typer.Typer(
    name="admin",
    help="Administrators: accounts that manage the whole site, or single domains, in the browser.",
    no_args_is_help=True,
)

ROOT = permissions.Actor("root", "site", via="cli")

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An account here.")]
Domain = Annotated[
    str, typer.Option("--domain", metavar="DOMAIN", help="Only this domain; the whole site otherwise.")
]


@app.command("list")
def list_(domain: Domain = "", as_json: output.JsonOption = False) -> None:
    """List the administrators."""
    found = roles.all_of(context.site(), domain or None)
    if as_json:
        output.emit_json(found)
        return
    rows = [(grant.address, grant.domain or "the whole site") for grant in found]
    output.table(("Account", "Administers"), rows, empty="No administrators. Add one: keryx admin add")


@app.command()
def add(address: Address, domain: Domain = "", dry_run: DryRun = False) -> None:
    """Make an account administrator of a domain, or of the whole site."""
    outcome = roles.add(context.site(), address, domain, dry_run=dry_run)
    tell(outcome, dry_run)
    if outcome.changed and not dry_run:
        audit.record(context.site(), ROOT, "administrator.add", address, after=roles.Grant(address, domain))


@app.command()
def remove(address: Address, domain: Domain = "", dry_run: DryRun = False) -> None:
    """Take a role away; the account itself stays."""
    outcome = roles.remove(context.site(), address, domain, dry_run=dry_run)
    tell(outcome, dry_run)
    if not dry_run:
        grant = roles.Grant(address, domain)
        audit.record(context.site(), ROOT, "administrator.remove", address, before=grant)
