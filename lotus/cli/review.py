"""`lotus diff`, `lotus review` and `lotus drift`: what would change, and what did change behind the files' back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lotus.cli.output import print_json, say

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
StackOption = Annotated[
    str | None, typer.Option("--stack", help="The stack; default: $PULUMI_STACK, else prod if it has a file.")
]


def _project() -> Path:
    from lotus.cli import app

    return app._project()  # pyright: ignore[reportPrivateUsage]  the group's option --project lives there


def diff(
    revision: Annotated[str, typer.Argument(metavar="[REV]", help="The git revision to compare with.")] = "HEAD",
    stack: StackOption = None,
    as_json: Json = False,
) -> None:
    """What the files change, in the words of data: streams, columns, places, what is read again; exits 2 on mistakes.

    Example: lotus diff main
    """
    from lotus.operations.diff import diff as compare
    from lotus.operations.diff import stack_to_compare
    from lotus.operations.report import text

    project = _project()
    found = compare(project, stack_to_compare(project, stack, os.environ), revision)
    if as_json:
        print_json(found.json())
    else:
        print(text(found))
        if found.comparison.changes:
            say("next: lotus review    or: pulumi preview")
    if found.comparison.faults:
        raise typer.Exit(2)


def add_to(app: typer.Typer) -> None:
    """Registers the commands on the main app."""
    app.command()(diff)
