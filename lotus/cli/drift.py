"""`lotus drift`: what changed outside the files, and accepting it into them."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lotus.cli.groups import Families
from lotus.cli.options import Stack, compared_session
from lotus.cli.output import print_json, print_line, print_text, say
from lotus.errors import Exit

drift_app = typer.Typer(
    help="Show where files, state, Airbyte and the data differ.\n\nExits 5 on drift. "
    "Takes no lock, writes nothing, and needs no connector's secret.\n\nExample: lotus drift --stack prod",
    cls=Families,
    invoke_without_command=True,
)


class DriftFormat(StrEnum):
    """How drift is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    PROMETHEUS = "prometheus"


class Part(StrEnum):
    """What can be checked."""

    FILES = "files"
    STATE = "state"
    AIRBYTE = "airbyte"
    SCHEMA = "schema"
    BUCKET = "bucket"


@drift_app.callback()
def drift(
    context: typer.Context,
    stack: Stack = None,
    form: Annotated[
        DriftFormat, typer.Option("--format", help="text, json, markdown or prometheus.")
    ] = DriftFormat.TEXT,
    only: Annotated[
        list[Part] | None,
        typer.Option(help="Check only this part; repeatable. Sources take longest."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file, and print the text.")] = None,
) -> None:
    """Show what differs, who likely did it, and how to resolve it."""
    if context.invoked_subcommand:
        return
    from lotus.drift import report as drift_report
    from lotus.drift.event import record
    from lotus.drift.scan import Origin, scan

    session = compared_session(stack)
    origins = [Origin[part.name] for part in only] if only else list(Origin)
    result = scan(session, origins=origins)
    forms = {DriftFormat.MARKDOWN: drift_report.markdown, DriftFormat.PROMETHEUS: drift_report.prometheus}
    if out is not None and form in forms:
        out.write_text(forms[form](result), encoding="utf-8")
        print_text(drift_report.text(result))
    elif form in forms:
        print_text(forms[form](result).rstrip("\n"))
    elif form is DriftFormat.JSON:
        print_json(result.json())
    else:
        print_text(drift_report.text(result))
    recorded = record(session.root, result, os.environ)
    if recorded:
        say(recorded)
    if result.lines:
        raise typer.Exit(Exit.DIFFERENT)
    if result.not_checked:
        say("no drift in what was checked; the rest could not be checked")
        raise typer.Exit(Exit.FAILED)


@drift_app.command("accept")
def accept_command(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="As `lotus drift` prints them.")],
    stack: Stack = None,
) -> None:
    """Write what Airbyte has into the files.

    The next apply changes nothing there.

    Example: lotus drift accept shop-to-lake
    """
    from lotus.drift.accept import accept

    session = compared_session(stack)
    accepted = accept(session, names)
    for line in accepted.lines:
        print_line(f"accepted: {line.text}")
    for file in accepted.files:
        print_line(f"wrote: {file}")
    say("next: git diff, lotus validate, and commit it")
