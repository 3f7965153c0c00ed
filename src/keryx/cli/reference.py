"""Generates docs/reference and the schema of the chart's values from the code itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from keryx.cli import chart
from keryx.cli.commands import app
from keryx.components import registry
from keryx.core.secret import PlaceholderSecrets
from keryx.settings import reference
from keryx.settings.site import Paths, Site
from keryx.web.api import application
from keryx.web.api import reference as api_reference


def pages(root: Path) -> dict[str, str]:
    """Return the generated files by their path in the checkout."""
    keryx = root / "charts/keryx"
    return {
        "docs/reference/settings.md": reference.page(registry.settings_model()),
        "docs/reference/commands.md": commands(),
        "docs/reference/api.md": api(),
        "docs/reference/values.md": chart.page(keryx),
        "charts/keryx/values.schema.json": chart.schema(keryx, registry.settings_model()),
    }


def api() -> str:
    """Return the page of the HTTP API."""
    settings = registry.settings_model()(domain="example.org")
    site = Site(settings, Paths(Path("/var/lib/keryx")), PlaceholderSecrets())
    return api_reference.markdown(application.create(site).openapi_schema or {})


def commands() -> str:
    """Return the page of all commands."""
    root: Any = typer.main.get_command(app)
    lines = ["# Commands", "", "Generated from the command line itself by `script/docs`.", "", root.help, ""]
    for path, command in _walk(root, "keryx"):
        arguments = " ".join(
            f"{p.metavar or p.name.upper()}{'...' if p.nargs == -1 else ''}"
            for p in command.params
            if p.param_type_name == "argument"
        )
        lines += [f"## {path} {arguments}".rstrip(), "", command.help or "", ""]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        lines += [f"- `{', '.join([*p.opts, *p.secondary_opts])}`: {p.help or ''}" for p in options]
        lines += [""] if options else []
    return "\n".join(lines)


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from _walk(child, f"{path} {name}")


def main() -> None:
    """Write the files, or with --check say which are out of date and exit with 1."""
    check = "--check" in sys.argv
    root = Path(sys.argv[-1])
    stale = []
    for name, text in pages(root).items():
        path = root / name
        text = text.rstrip() + "\n"
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if check and stale:
        sys.stderr.write(f"Out of date: {', '.join(stale)}. Run script/docs.\n")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
