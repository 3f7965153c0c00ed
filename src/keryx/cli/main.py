"""The ``keryx`` program: finds the command, turns errors into sentences."""

from __future__ import annotations

import os
import sys

import typer

from keryx.cli import context, output, run
from keryx.core import errors

DAEMONS_OWN = (["run"], ["ready"], ["dump"])
"""Commands that supervisors and containers call; they have a log that tracebacks may go to."""


def main() -> None:
    """Run a command; errors become a sentence, a remedy and an exit code."""
    os.umask(0o022)
    words: list[str] = []
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
    except Exception as error:
        if os.environ.get("KERYX_DEBUG") or words[:1] in DAEMONS_OWN:
            raise
        # What nobody foresaw: a full disk, or a mistake of Keryx's own.
        output.complain(f"keryx: {_unforeseen(error)}")
        output.complain("       keryx --debug before the command shows where.")
        raise SystemExit(1) from None


def _unforeseen(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return f"A mistake in Keryx: {type(error).__name__}: {error}."


def _app(words: list[str]) -> typer.Typer:
    if words[:1] in DAEMONS_OWN:
        return run.app
    from keryx.cli import commands

    return commands.app


if __name__ == "__main__":
    main()
