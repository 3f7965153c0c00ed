"""``keryx dkim``: the keys that sign the domains' mail, and the DNS records that publish them."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
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


@app.command("import")
def import_(
    domain: Annotated[str, typer.Argument(help="The domain, or an alias domain.")],
    selector: Annotated[str, typer.Option(help="The name under which the public key is in DNS.")],
    file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The private key; standard input when not given.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also when another key has that selector, which is gone then.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Bring a domain's private key along: it signs instead of the one that was made here.

    RSA or Ed25519, as PEM without a passphrase or in Rspamd's base64.
    """
    private = _private(file)
    tell(
        domains.bring_key(context.site(), domain, selector, private, replace=replace, dry_run=dry_run),
        dry_run,
    )


@app.command()
def use(
    domain: Annotated[str, typer.Argument(help="The domain, or an alias domain.")],
    selector: Annotated[str, typer.Argument(help="The selector of one of its keys.")],
    dry_run: DryRun = False,
) -> None:
    """Sign a domain's mail with another of its keys, such as the one made here after one was imported."""
    tell(domains.use_key(context.site(), domain, selector, dry_run=dry_run), dry_run)


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
        does = "signs" if key.active else "does not sign"
        output.plain(f"; {key.algorithm} key, {does}")
        output.plain(dns.key_record(key).zone)


def _private(file: Path | None) -> str:
    """Return the private key's text; a file that everybody may read is refused."""
    if file is None:
        if sys.stdin.isatty():
            output.say("Paste the private key, then Ctrl-D.")
        return sys.stdin.read()
    try:
        if file.stat().st_mode & stat.S_IROTH:
            raise errors.Refused(
                f"Everybody may read the private key {file}.", remedy=f"Take that away: chmod 600 {file}"
            )
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.BadInput(f"The private key {file} cannot be read: {error}.") from error


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
