"""``keryx user``: the accounts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import rich.progress
import typer

from keryx.admin import accounts, imports, passwords
from keryx.admin.accounts import Changes, NewAccount
from keryx.cli import context, output
from keryx.cli.changes import DryRun, Force, IfMissing, PurgeMail, tell
from keryx.core import errors
from keryx.core.secret import Secret

app = typer.Typer(name="user", help="Accounts: who logs in and has a mailbox.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="Address and login name, such as alice@example.org.")]
Name = Annotated[str | None, typer.Option(help="Full name.")]
Quota = Annotated[int | None, typer.Option(metavar="MB", help="Limit of the store in MiB, 0 for none.")]
Alias = Annotated[
    list[str] | None, typer.Option(help="A further address, received and allowed as sender (repeat).")
]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="Inactive: no login, no mail.")]
SendOnly = Annotated[
    bool | None, typer.Option("--send-only/--no-send-only", help="May send and receives nothing.")
]
SuperUser = Annotated[
    bool | None, typer.Option("--super-user/--no-super-user", help="May use any sender address.")
]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")]
Generate = Annotated[bool, typer.Option("--generate-password", help="Make a password and print it.")]


@app.command()
def add(
    address: Address,
    name: Name = None,
    quota: Quota = None,
    alias: Alias = None,
    active: Active = None,
    send_only: SendOnly = None,
    super_user: SuperUser = None,
    password_stdin: PasswordStdin = False,
    generate_password: Generate = False,
    if_missing: IfMissing = False,
    dry_run: DryRun = False,
) -> None:
    """Add an account."""
    password = _password(password_stdin, generate_password)
    new = NewAccount(
        address,
        password,
        name=name or "",
        quota_mb=quota,
        aliases=tuple(alias or ()),
        active=active is not False,
        send_only=bool(send_only),
        super_user=bool(super_user),
    )
    outcome = accounts.add(context.site(), new, if_missing=if_missing, dry_run=dry_run)
    tell(outcome, dry_run)
    if generate_password and outcome.changed and not dry_run:
        _print_password(password)


@app.command("list")
def list_(
    domain: Annotated[str, typer.Option(help="Only those of this domain.")] = "",
    as_json: output.JsonOption = False,
) -> None:
    """List the accounts."""
    found = accounts.all_of(context.site(), domain)
    if as_json:
        output.emit_json(found)
        return
    rows = [
        (
            account.address,
            account.name,
            account.quota_mb or "no limit",
            ", ".join(account.aliases),
            _marks(account.active, account.send_only, account.super_user),
        )
        for account in found
    ]
    output.table(
        ("Account", "Name", "Quota MiB", "Aliases", ""), rows, empty="No accounts. Add one: keryx user add"
    )


@app.command()
def show(address: Address, as_json: output.JsonOption = False) -> None:
    """Show an account."""
    found = accounts.show(context.site(), address)
    if as_json:
        output.emit_json(found)
        return
    rows = [
        ("Account", found.address),
        ("Name", found.name),
        *(("Alias", alias) for alias in found.aliases),
        ("Active", _yes(found.active)),
        ("Quota in MiB", found.quota_mb or "no limit"),
        ("Send only", _yes(found.send_only)),
        ("Super-user", _yes(found.super_user)),
    ]
    output.table(("", ""), [*rows, ("Store", found.host)] if found.host else rows)


@app.command("set")
def set_(
    address: Address,
    name: Name = None,
    quota: Quota = None,
    alias: Alias = None,
    remove_alias: Annotated[list[str] | None, typer.Option(help="An alias that goes (repeat).")] = None,
    active: Active = None,
    send_only: SendOnly = None,
    super_user: SuperUser = None,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Change an account at once; what is not given stays. --alias adds to the aliases it has."""
    changes = Changes(
        name=name,
        quota_mb=quota,
        active=active,
        send_only=send_only,
        super_user=super_user,
        add_aliases=tuple(alias or ()),
        remove_aliases=tuple(remove_alias or ()),
    )
    tell(accounts.change(context.site(), address, changes, force=force, dry_run=dry_run), dry_run)


@app.command()
def passwd(
    address: Address,
    password_stdin: PasswordStdin = False,
    generate_password: Generate = False,
    dry_run: DryRun = False,
) -> None:
    """Give an account another password; its open sessions end."""
    password = _password(password_stdin, generate_password)
    tell(accounts.set_password(context.site(), address, password, dry_run=dry_run), dry_run)
    if generate_password and not dry_run:
        _print_password(password)


@app.command()
def remove(
    address: Address, force: Force = False, purge_mail: PurgeMail = False, dry_run: DryRun = False
) -> None:
    """Remove an account. Its mail stays on disk unless --purge-mail."""
    outcome = accounts.remove(context.site(), address, force=force, purge_mail=purge_mail, dry_run=dry_run)
    tell(outcome, dry_run)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV file in UTF-8 whose first line names the columns.")],
    dry_run: DryRun = False,
) -> None:
    """Add or change many accounts from a CSV file.

    Columns: address, name, password or password_hash, quota (MiB), aliases (separated by ; or
    spaces), active, send_only, super_user. Only address is required, and a password for a new
    account. The whole file is checked first: one bad line, and nothing is written. Accounts that
    exist are changed where the file differs; empty cells keep what they have. It can be run again.
    """
    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    with rich.progress.Progress(*columns, console=output.complaints, transient=True) as bar:
        task = bar.add_task("Reading", total=None)

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        result = imports.run(context.site(), file, dry_run=dry_run, progress=progress)
    output.say(f"{result.added} added, {result.changed} changed, {result.unchanged} left as they are.")
    if dry_run:
        output.say("A dry run: nothing was changed.")


def _password(from_stdin: bool, generate: bool) -> Secret:
    """Return the password in the way that was asked for; ask for it at a terminal."""
    if from_stdin and generate:
        raise errors.BadInput(
            "--password-stdin and --generate-password exclude each other.", remedy="Give one."
        )
    if generate:
        return passwords.generate()
    if from_stdin:
        return Secret(sys.stdin.readline().rstrip("\r\n"))
    if not sys.stdin.isatty():
        raise errors.BadInput(
            "The account needs a password.",
            remedy="Give --password-stdin and pipe it in, or --generate-password.",
        )
    return Secret(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _print_password(password: Secret) -> None:
    output.console.print(f"Password: {password.reveal()}", markup=False)


def _marks(active: bool, send_only: bool, super_user: bool) -> str:
    marks = {"inactive": not active, "send only": send_only, "super-user": super_user}
    return ", ".join(mark for mark, holds in marks.items() if holds)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
