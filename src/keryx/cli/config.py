"""Commands about keryx.yaml: show, validate, schema, reference."""

from __future__ import annotations

import typer
import yaml

from keryx.cli import context, output
from keryx.components import registry
from keryx.host import home as homes
from keryx.settings import load, reference

app = typer.Typer(name="config", help="The settings in keryx.yaml.", no_args_is_help=True)


@app.command()
def show(as_json: output.JsonOption = False) -> None:
    """Print the settings in force, defaults included."""
    values = context.site().settings.model_dump(mode="json")
    if as_json:
        output.emit_json(values)
    else:
        output.console.print(
            yaml.safe_dump(values, sort_keys=False, allow_unicode=True), markup=False, end=""
        )


@app.command()
def validate(as_json: output.JsonOption = False) -> None:
    """Check keryx.yaml: keys, values and the files it names. Exit status 2 with every problem."""
    config = context.chosen.settings_file
    settings = load.read(config, registry.settings_model())
    homes.check_files(homes.of(context.chosen.home, settings, config))
    if as_json:
        output.emit_json({"file": str(config), "valid": True})
    else:
        output.say(f"{config} is valid.")


@app.command()
def schema() -> None:
    """Print the JSON schema of keryx.yaml, for editors and other tools."""
    output.emit_json(reference.schema(registry.settings_model()))


@app.command(name="reference")
def reference_page(as_json: output.JsonOption = False) -> None:
    """Print every key with its meaning, unit and default."""
    kind = registry.settings_model()
    if as_json:
        output.emit_json(list(reference.keys(kind)))
    else:
        output.console.print(reference.page(kind), markup=False)
