"""``keryx domain``: the domains whose mail is accepted here."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from keryx.admin import alias_domains, dns, domains
from keryx.cli import context, output
from keryx.cli.changes import DryRun, Force, IfMissing, PurgeMail, tell
from keryx.dns.records import zone_file

app = typer.Typer(name="domain", help="Domains whose mail is accepted here.", no_args_is_help=True)
alias = typer.Typer(
    name="alias",
    help="Alias domains: any address at one is the same address at the domain it belongs to.",
    no_args_is_help=True,
)
app.add_typer(alias)

Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="Such as example.org.")]
Description = Annotated[str | None, typer.Option(help="A note for people.")]
DefaultQuota = Annotated[
    int | None,
    typer.Option(metavar="MB", help="Limit of a new account's store in MiB, 0 for none."),
]
MaxAccounts = Annotated[
    int | None, typer.Option(metavar="N", help="How many accounts it may have, 0 for no limit.")
]
MaxAliases = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="How many further addresses: aliases, lists, aliases of accounts; 0 for no limit.",
    ),
]
MaxQuota = Annotated[
    int | None,
    typer.Option(metavar="MB", help="What its accounts may be given together in MiB, 0 for no limit."),
]


@app.command()
def add(
    domain: Name,
    description: Description = None,
    default_quota: DefaultQuota = None,
    max_accounts: MaxAccounts = None,
    max_aliases: MaxAliases = None,
    max_quota: MaxQuota = None,
    if_missing: IfMissing = False,
    dry_run: DryRun = False,
) -> None:
    """Add a domain, with postmaster@ and abuse@ for the administrator and keys to sign its mail.

    With --if-missing a domain that exists gets whatever it lacks of these.
    """
    outcome = domains.add(
        context.site(),
        domain,
        description=description or "",
        default_quota_mb=default_quota,
        max_accounts=max_accounts or 0,
        max_aliases=max_aliases or 0,
        max_quota_mb=max_quota or 0,
        if_missing=if_missing,
        dry_run=dry_run,
    )
    tell(outcome, dry_run)
    if outcome.changed and not dry_run:
        output.say("Next: keryx user add NAME@" + domain)


@app.command("list")
def list_(as_json: output.JsonOption = False) -> None:
    """List the domains."""
    found = domains.all_of(context.site())
    if as_json:
        output.emit_json(found)
        return
    rows = [(domain.name, domain.accounts, domain.aliases, domain.description) for domain in found]
    output.table(
        ("Domain", "Accounts", "Aliases", "Description"), rows, empty="No domains. Add one: keryx domain add"
    )


@app.command()
def show(domain: Name, as_json: output.JsonOption = False) -> None:
    """Show a domain, and the DNS records to publish for it."""
    found = domains.show(context.site(), domain)
    records = dns.domain_records(context.site(), found.name)
    if as_json:
        shown = [{**dataclasses.asdict(record), "zone": record.zone} for record in records]
        output.emit_json({**dataclasses.asdict(found), "records": shown})
        return
    quota = "the site's" if found.default_quota_mb is None else f"{found.default_quota_mb or 'no limit'}"
    rows = [
        ("Domain", found.name),
        ("Description", found.description),
        ("Accounts", found.accounts),
        ("Most accounts", found.max_accounts or "no limit"),
        ("Aliases", found.aliases),
        ("Most aliases", found.max_aliases or "no limit"),
        ("Given to accounts in MiB", found.quota_given_mb),
        ("Most to give in MiB", found.max_quota_mb or "no limit"),
        ("Alias domains", ", ".join(found.alias_domains) or "none"),
        ("Quota of new accounts in MiB", quota),
    ]
    output.table(("", ""), rows)
    output.plain("DNS records to publish:\n\n" + zone_file(records))


@app.command("set")
def set_(
    domain: Name,
    description: Description = None,
    default_quota: DefaultQuota = None,
    max_accounts: MaxAccounts = None,
    max_aliases: MaxAliases = None,
    max_quota: MaxQuota = None,
    dry_run: DryRun = False,
) -> None:
    """Change what is kept about a domain; what is not given stays."""
    outcome = domains.change(
        context.site(),
        domain,
        description=description,
        default_quota_mb=default_quota,
        max_accounts=max_accounts,
        max_aliases=max_aliases,
        max_quota_mb=max_quota,
        dry_run=dry_run,
    )
    tell(outcome, dry_run)


@app.command()
def remove(
    domain: Name, force: Force = False, purge_mail: PurgeMail = False, dry_run: DryRun = False
) -> None:
    """Remove a domain. With --force also one that has accounts: they and its aliases go with it."""
    outcome = domains.remove(context.site(), domain, force=force, purge_mail=purge_mail, dry_run=dry_run)
    tell(outcome, dry_run)


AliasName = Annotated[str, typer.Argument(metavar="NAME", help="The alias domain, such as example.net.")]


@alias.command("list")
def list_aliases(domain: Name, as_json: output.JsonOption = False) -> None:
    """List the alias domains of a domain."""
    found = alias_domains.all_of(context.site(), domain)
    if as_json:
        output.emit_json(found)
        return
    output.table(("Alias domain",), [(name,) for name in found], empty=f"{domain} has no alias domains.")


@alias.command("add")
def add_alias(domain: Name, name: AliasName, dry_run: DryRun = False) -> None:
    """Make NAME an alias domain of DOMAIN, with keys to sign its mail."""
    tell(alias_domains.add(context.site(), domain, name, dry_run=dry_run), dry_run)


@alias.command("remove")
def remove_alias(domain: Name, name: AliasName, dry_run: DryRun = False) -> None:
    """Take an alias domain away; the domain it belongs to stays as it is."""
    tell(alias_domains.remove(context.site(), domain, name, dry_run=dry_run), dry_run)
