"""``keryx doctor``: asks the running suite everything and explains each failure."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

import typer

from keryx.cli import context, output
from keryx.core import check, errors

MARKS = {
    check.Status.OK: "[green]✓[/green]",
    check.Status.WARNING: "[yellow]![/yellow]",
    check.Status.FAILED: "[red]✗[/red]",
}


def doctor(
    account: Annotated[
        str, typer.Option(help="Account for the test message; a passing one when not given.")
    ] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read its password.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Check the whole suite, a real message included. Exit status 1 when something does not work."""
    # Not above: no other command needs the clients of all protocols.
    from keryx.admin import doctor as checkup
    from keryx.admin import mail_loop

    login = None
    if account:
        if not password_stdin:
            raise errors.BadInput(
                "--account needs its password.", remedy="Add --password-stdin and pipe it in."
            )
        login = mail_loop.Login(account, sys.stdin.readline().rstrip("\r\n"))
    results = []
    with output.console.status("Asking ...") as spinner:
        for result in checkup.run(
            context.site(), login, begin=lambda planned: spinner.update(f"{planned.title} ...")
        ):
            results.append(result)
            if not as_json:
                _show(result)
    if as_json:
        output.emit_json([dataclasses.asdict(result) for result in results])
    failures = sum(result.status is check.Status.FAILED for result in results)
    if not as_json:
        output.say(f"{failures} of {len(results)} checks failed." if failures else "All is well.")
    if failures:
        raise typer.Exit(1)


def _show(result: check.Result) -> None:
    output.console.print(MARKS[result.status], f"{result.id}:", end=" ")
    output.console.print(result.sentence, markup=False)
    if result.remedy:
        output.console.print(f"    {result.remedy}", markup=False)
