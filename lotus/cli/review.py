"""`lotus diff` and `lotus review`: what the files change."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lotus.cli.options import Json, ReviewedStack, reviewed_stack
from lotus.cli.output import print_json, say


class Format(StrEnum):
    """How a review is printed."""

    MARKDOWN = "markdown"
    JSON = "json"
    TEXT = "text"


def diff(
    revision: Annotated[str, typer.Argument(metavar="[REV]", help="The git revision to compare with.")] = "HEAD",
    stack: ReviewedStack = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Ask Airbyte how many rows and bytes past jobs landed of each stream.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What the files change, in the words of data: streams, columns, places, what is read again; exits 2 on mistakes.

    Example: lotus diff main
    """
    from lotus.operations.diff import diff as compare
    from lotus.operations.report import text

    project, chosen, environment = reviewed_stack(stack)
    found = compare(project, chosen, revision)
    if rows:
        from dataclasses import replace

        from lotus.operations.past_jobs import with_past_rows

        counted = with_past_rows(found.comparison, project, chosen, environment)
        found = replace(found, comparison=counted)
    if as_json:
        print_json(found.json())
    else:
        print(text(found))
        if found.comparison.changes:
            say("next: lotus review    or: pulumi preview")
    if found.comparison.faults:
        raise typer.Exit(2)


def review(
    base: Annotated[
        str | None, typer.Option(help="What the branch goes into; default: the pull request's target, else main.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="From the files alone: no pulumi, server, passphrase or secret.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="markdown, json or text.")] = Format.TEXT,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the whole review to this file, never cut.")
    ] = None,
    post: Annotated[bool, typer.Option("--post", help="Put it into the one comment of this pull request.")] = False,
    stack: ReviewedStack = None,
) -> None:
    """What a branch does to Airbyte and to the data, worst first, for those who decide; exits 2 on mistakes.

    Example: lotus review --base main --offline
    """
    from lotus.operations.report import COMMENT_LIMIT, cut, markdown, marker, text
    from lotus.operations.review import review as look

    project, chosen, environment = reviewed_stack(stack)
    found = look(project, chosen, base=base, offline=offline, environment=environment)
    whole = markdown(found)
    if out is not None:
        out.write_text(whole, encoding="utf-8")
    short = cut(whole, COMMENT_LIMIT, rest=str(out) if out else "")
    if form is Format.JSON:
        print_json(found.json())
    elif form is Format.MARKDOWN:
        print(short, end="")
    else:
        print(text(found.difference, found))
    if post:
        from lotus.operations.comment import post as send
        from lotus.operations.comment import pull_request

        say(f"posted: {send(pull_request(os.environ), short, marker(chosen))}")
    if found.difference.comparison.faults:
        raise typer.Exit(2)
    missing = found.difference.comparison.missing_consents
    if missing:
        say("next: add what needs consent to the stack's lotus:confirm, or change the branch")


def add_to(app: typer.Typer) -> None:
    """Registers the commands on the main app."""
    app.command()(diff)
    app.command()(review)
