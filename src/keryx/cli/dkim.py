"""``keryx dkim``: the keys that sign the domains' mail, and the DNS records that publish them."""

from __future__ import annotations

from typing import Annotated

import typer

from keryx.admin import dkim, dns, domains
from keryx.cli import context, output
from keryx.cli.changes import DryRun, tell
from keryx.core import errors
from keryx.settings import names

app = typer.Typer(name="dkim", help="DKIM keys of the domains.", no_args_is_help=True)


@app.command("list")
def list_(as_json: output.JsonOption = False) -> None:
    """List every domain's keys."""
    keys = dkim.every(context.site())
    if as_json:
        output.emit_json([_plain(key) for key in keys])
        return
    output.table(
        ("Domain", "Selector", "Algorithm", "Signs"),
        [(key.domain, key.selector, key.algorithm, "yes" if key.active else "no") for key in keys],
        empty="No domain has a key. Keys are made by: keryx dkim add",
    )


@app.command()
def add(
    domain: Annotated[
        list[str] | None, typer.Argument(help="Domains; all of the directory when none is named.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Make the keys that domains lack, such as those that came by ldapadd; existing keys stay."""
    tell(domains.make_keys(context.site(), domain or (), dry_run=dry_run), dry_run)


@app.command()
def show(
    domain: Annotated[str, typer.Argument(help="The domain.")],
    as_json: output.JsonOption = False,
) -> None:
    """Show a domain's public keys as the DNS records to publish, in zone-file form."""
    try:
        name = names.domain_name(domain)
    except ValueError as error:
        raise errors.BadInput(f"{error}.") from error
    keys = dkim.show(context.site(), name)
    if not keys:
        raise errors.NotFound(f"{name} has no DKIM key.", remedy=f"Keys are made by: keryx dkim add {name}")
    if as_json:
        output.emit_json([_plain(key) for key in keys])
        return
    for key in keys:
        use = "signs" if key.active else "does not sign any more"
        output.plain(f"; {key.algorithm} key, {use}")
        output.plain(dns.key_record(key).zone)


def _plain(key: dkim.Key) -> dict[str, object]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "active": key.active,
        "name": key.record_name,
        "type": "TXT",
        "text": key.record_text,
        "zone": dns.key_record(key).zone,
    }
