"""``keryx api-key``: keys with which programs use the API."""

from __future__ import annotations

import datetime
from typing import Annotated

import typer

from keryx.admin import audit, keys, permissions
from keryx.admin.keys import Key
from keryx.cli import context, output
from keryx.core import errors

app = typer.Typer(
    name="api-key",
    help="Keys with which programs use the API: Authorization: Bearer KEY. See docs/howto/api.md.",
    no_args_is_help=True,
)

ROOT = permissions.Actor("root", "site", via="cli")
LONGEST_DAYS = 36_500


@app.command("list")
def list_(
    owner: Annotated[str, typer.Option(metavar="ADDRESS", help="Only the keys of this account.")] = "",
    as_json: output.JsonOption = False,
) -> None:
    """List the keys; a key itself is shown only when it is made."""
    found = keys.all_of(context.site(), owner)
    if as_json:
        output.emit_json(found)
        return
    rows = [
        (
            key.id,
            key.name,
            f"{key.prefix}...",
            key.owner,
            ", ".join(key.domains) or "the whole site",
            key.access,
            _day(key.expires) or "never",
            _day(key.last_used) or "never",
        )
        for key in found
    ]
    headings = ("Id", "Name", "Key", "Owner", "For", "May", "Expires", "Last used")
    output.table(headings, rows, empty="No API keys. Make one: keryx api-key add")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is for, to tell it from others.")],
    owner: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Who answers for it; the site's administrator otherwise.")
    ] = "",
    domain: Annotated[
        list[str] | None, typer.Option(help="Only for this domain (repeat); for the whole site otherwise.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="May change things; only read otherwise.")] = False,
    days: Annotated[int, typer.Option(help="Days after which it expires; 0 for never.", min=0)] = 365,
    as_json: output.JsonOption = False,
) -> None:
    """Make a key and print it: nobody will see it again."""
    site = context.site()
    made = keys.add(
        site,
        owner or site.settings.administrator_address,
        name,
        role="domain" if domain else "site",
        domains=tuple(domain or ()),
        access="write" if write else "read",
        expires=_in_days(days),
    )
    audit.record(site, ROOT, "api-key.add", str(made.key.id), after=made.key)
    if as_json:
        output.emit_json({"id": made.key.id, "key": made.secret.reveal(), "expires": made.key.expires})
        return
    output.plain(f"Key: {made.secret.reveal()}")
    output.plain(f"It {_allowed(made.key)}; write it down, it is not shown again.")
    output.plain(f"Revoke it with: keryx api-key revoke {made.key.id}")


@app.command()
def revoke(
    id: Annotated[int, typer.Argument(metavar="ID", help="As keryx api-key list shows it.")],
    as_json: output.JsonOption = False,
) -> None:
    """Revoke a key; it is refused from now on."""
    site = context.site()
    gone = keys.revoke(site, id)
    audit.record(site, ROOT, "api-key.revoke", str(id), before=gone)
    if as_json:
        output.emit_json(gone)
        return
    output.plain(f'Revoked the key {id}, "{gone.name}".')


def _in_days(days: int) -> datetime.datetime | None:
    if days > LONGEST_DAYS:
        raise errors.BadInput(f"--days {days} is too far away.", remedy="Use 0 for a key that never expires.")
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days) if days else None


def _allowed(key: Key) -> str:
    what = "reads and changes" if key.access == "write" else "reads"
    where = ", ".join(key.domains) or "the whole site"
    until = f"until {_day(key.expires)}" if key.expires else "without end"
    return f"{what} {where}, {until}"


def _day(moment: datetime.datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""
