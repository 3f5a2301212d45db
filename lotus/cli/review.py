"""`lotus diff` and `lotus review`: what the files change."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lotus.cli.options import Json, Stack, compared_session
from lotus.cli.output import print_json, print_text, say
from lotus.errors import Exit


class ReviewFormat(StrEnum):
    """How a review is printed."""

    MARKDOWN = "markdown"
    JSON = "json"
    TEXT = "text"


def diff_command(
    revision: Annotated[
        str | None, typer.Argument(metavar="[REV]", help="The revision to compare with; default: as review --base.")
    ] = None,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Show what the files change; the same as review --offline --base REV.

    Example: lotus diff main
    """
    review_command(base=revision, offline=True, form=ReviewFormat.JSON if as_json else ReviewFormat.TEXT, stack=stack)


def review_command(
    base: Annotated[
        str | None, typer.Option(help="The branch to merge into; default: the pull request's target, else main.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="From the files alone: no pulumi, server, passphrase or secret.")
    ] = False,
    form: Annotated[ReviewFormat, typer.Option("--format", help="markdown, json or text.")] = ReviewFormat.TEXT,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the whole review to this file.")] = None,
    post: Annotated[bool, typer.Option("--post", help="Post it as the one comment of this pull request.")] = False,
    stack: Stack = None,
) -> None:
    """Show what a branch changes in Airbyte and in the data.

    The most dangerous change comes first. Exits 2 when files have faults.

    Example: lotus review --base main --offline
    """
    from lotus.review.report import COMMENT_LIMIT, cut, markdown, marker, text
    from lotus.review.review import review

    session = compared_session(stack)
    result = review(session, base=base, offline=offline)
    document = markdown(result)
    if out is not None:
        out.write_text(document, encoding="utf-8")
    short = cut(document, COMMENT_LIMIT, rest=str(out) if out else "")
    if form is ReviewFormat.JSON:
        print_json(result.json())
    elif form is ReviewFormat.MARKDOWN:
        print_text(short.rstrip("\n"))
    else:
        print_text(text(result))
    if post:
        from lotus.review.comment import post as send
        from lotus.review.comment import pull_request

        say(f"posted: {send(pull_request(os.environ), short, marker(session.stack))}")
    if result.difference.comparison.faults:
        raise typer.Exit(Exit.FAULTS)
    missing = result.difference.comparison.missing_consents
    if missing:
        say("next: add the missing consents to the stack's lotus:confirm, or change the branch")
