"""What commands that change the directory have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from keryx.admin.access import Outcome
from keryx.cli import output

DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and tell, but change nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Do it although a rule advises against it.")]
IfMissing = Annotated[bool, typer.Option("--if-missing", help="Succeed when it exists already.")]
PurgeMail = Annotated[
    bool, typer.Option("--purge-mail", help="Remove the stored mail for good; it is kept otherwise.")
]


def tell(outcome: Outcome, dry_run: bool = False) -> None:
    """Print what was done, or would be."""
    for sentence in outcome.sentences:
        output.console.print(sentence, markup=False)
    if dry_run:
        output.console.print("A dry run: nothing was changed.")
