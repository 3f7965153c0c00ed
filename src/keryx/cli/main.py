"""The ``keryx`` program: finds the command, turns errors into sentences."""

from __future__ import annotations

import os
import sys

import typer

from keryx.cli import context, output, run
from keryx.core import errors


def main() -> None:
    """Run a command; errors become a sentence, a remedy and an exit code."""
    os.umask(0o022)
    try:
        words = context.take(sys.argv[1:])
        _app(words)(words, prog_name="keryx")
    except errors.KeryxError as error:
        if os.environ.get("KERYX_DEBUG"):
            raise
        output.complain(f"keryx: {error.sentence}")
        if error.remedy:
            output.complain(f"       {error.remedy}")
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        # The reader of a pipe has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _app(words: list[str]) -> typer.Typer:
    if words[:1] in (["run"], ["ready"], ["dump"]):
        return run.app
    from keryx.cli import commands

    return commands.app


if __name__ == "__main__":
    main()
