"""How commands print: tables for people, JSON for programs, errors in one sentence."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import rich.box
import typer
from rich.console import Console
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

# On a pipe there is no width to keep to; 80 columns would fold tables for nothing.
WIDTH = None if sys.stdout.isatty() else 140
console = Console(highlight=False, soft_wrap=True, width=WIDTH)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str = "") -> None:
    """Print a line for a person; rich markup is understood."""
    console.print(text)


def plain(text: str) -> None:
    """Print a line to standard output as it is, for text that others will parse or paste."""
    console.print(text, markup=False)


def complain(text: str) -> None:
    """Print a line to standard error, as it is."""
    complaints.print(text, markup=False)


def emit_json(value: object) -> None:
    """Print ``value`` as JSON: dataclasses by their fields, enums by value, paths as text."""
    json.dump(value, sys.stdout, default=_plain, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "None.") -> None:
    """Print rows under headings, or the sentence ``empty``."""
    if not rows:
        say(empty)
        return
    grid = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        grid.add_column(heading, overflow="fold")
    for row in rows:
        grid.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(grid)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, (Path, tuple, set, frozenset)):
        return str(value) if isinstance(value, Path) else list(value)
    return str(value)
