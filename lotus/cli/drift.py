"""`lotus drift`: what changed behind the files' back, and taking it over into them."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lotus.cli.options import ReviewedStack, reviewed_stack
from lotus.cli.output import print_json, say

drift_app = typer.Typer(
    help="Where files, state, Airbyte, sources and bucket differ; exits 2 on drift, 1 on an error.\n\n"
    "Takes no lock, writes nothing, needs no secret of a connector.\n\nExample: lotus drift --stack prod",
    invoke_without_command=True,
)
FOUND = 2
"""Exit code when there is drift; everything that keeps the look from its answer is 1."""


class Format(StrEnum):
    """How a look is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    PROMETHEUS = "prometheus"


class Part(StrEnum):
    """What can be looked at."""

    FILES = "files"
    STATE = "state"
    AIRBYTE = "airbyte"
    SCHEMA = "schema"
    BUCKET = "bucket"


@drift_app.callback()
def drift(
    context: typer.Context,
    stack: ReviewedStack = None,
    form: Annotated[Format, typer.Option("--format", help="text, json, markdown or prometheus.")] = Format.TEXT,
    only: Annotated[
        list[Part] | None,
        typer.Option(help="Look at this alone; can be repeated. Sources take longest: each connector is asked."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file; the text still comes here.")] = None,
) -> None:
    """Where files, state, Airbyte, sources and bucket differ, who likely did it, and the ways out."""
    if context.invoked_subcommand:
        return
    from lotus.errors import LotusError
    from lotus.operations import drift_report
    from lotus.operations.drift import Origin, look
    from lotus.operations.drift_event import record

    try:
        project, chosen, environment = reviewed_stack(stack, otherwise="dev")
        origins = [Origin[part.name] for part in only] if only else list(Origin)
        found = look(project, chosen, environment, origins=origins)
        forms = {Format.MARKDOWN: drift_report.markdown, Format.PROMETHEUS: drift_report.prometheus}
        if out is not None and form in forms:
            out.write_text(forms[form](found), encoding="utf-8")
            print(drift_report.text(found))
        elif form in forms:
            print(forms[form](found), end="")
        elif form is Format.JSON:
            print_json(found.json())
        else:
            print(drift_report.text(found))
        recorded = record(project, found, os.environ)
        if recorded:
            say(recorded)
    except LotusError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    if found.lines:
        raise typer.Exit(FOUND)
    if found.not_checked:
        say("what was checked has not drifted; the rest could not be looked at")
        raise typer.Exit(1)


@drift_app.command("accept")
def accept(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="As `lotus drift` prints them.")],
    stack: ReviewedStack = None,
) -> None:
    """Writes what is there into the files, so that the next apply changes nothing there.

    Example: lotus drift accept shop-to-lake
    """
    from lotus.operations.drift_accept import accept as take

    project, chosen, environment = reviewed_stack(stack, otherwise="dev")
    done = take(project, chosen, environment, names)
    for line in done.lines:
        print(f"accepted: {line.text}")
    for file in done.files:
        print(f"wrote: {file}")
    say("next: git diff, lotus validate, and commit it")


def add_to(app: typer.Typer) -> None:
    """Registers the commands on the main app."""
    app.add_typer(drift_app, name="drift")
