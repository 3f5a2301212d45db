"""`lotus new …`: code to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lotus.cli.options import current_project
from lotus.cli.output import print_json, say


def add_to(app: typer.Typer) -> None:
    """Registers the commands."""
    new = typer.Typer(no_args_is_help=True, help="Code to begin with.")
    new.command("destination")(destination)
    app.add_typer(new, name="new")


def destination(
    name: Annotated[str, typer.Argument(help="Small letters, digits, dashes; users write destination-NAME.")],
    folder: Annotated[Path, typer.Option("--in", help="Where lotus-destination-NAME is made.")] = Path(),
    inside: Annotated[bool, typer.Option("--inside", help="In this checkout of lotus instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """A destination for the embedded Airbyte that works, with its test, to be changed into one's own.

    Example: lotus new destination memo
    """
    from lotus.operations.new_destination import new_destination, new_destination_inside

    made = new_destination_inside(name, current_project()) if inside else new_destination(name, folder)
    if as_json:
        print_json(made)
    else:
        for file in made.files:
            print(file)
        for table in made.tables:
            print(f"{table}: one entry more")
    install = "" if inside else f"uv pip install pytest -e {Path(made.files[0]).parent} && "
    say(f"next: {install}pytest {made.files[-1]}")
