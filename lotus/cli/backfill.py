"""`lotus backfill`: read one stream again, reviewed in git, once."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from lotus.cli.groups import DefaultCommand
from lotus.cli.options import Json, Stack, current_project, current_session
from lotus.cli.output import print_json, print_line, print_table, say
from lotus.errors import Exit

backfill_app = typer.Typer(
    cls=DefaultCommand,
    no_args_is_help=True,
    help="Read one stream again, once, by a request in its file.\n\nExample: lotus backfill shop orders",
)


class Mode(StrEnum):
    """Airbyte's ways to read again."""

    REFRESH_AND_RETAIN = "refresh_and_retain"
    REFRESH_AND_REMOVE = "refresh_and_remove"
    CLEAR = "clear"


@backfill_app.command("request")
def backfill_request(
    source: Annotated[str, typer.Argument(help="The source's folder.")],
    stream: Annotated[str, typer.Argument(help="The stream.")],
    mode: Annotated[
        Mode, typer.Option(help="Keep landed files; delete them after success; or delete files and state now.")
    ] = Mode.REFRESH_AND_RETAIN,
    start: Annotated[str | None, typer.Option("--from", help="Read again from this date on: 2025-01-31.")] = None,
    sync: Annotated[bool, typer.Option("--sync", help="After a clear or a --from: sync at once.")] = False,
    reason: Annotated[str, typer.Option(help="The reason, kept in git and in the receipt.")] = "",
    as_json: Json = False,
) -> None:
    """Request that a stream is read again (the word "request" may be left out).

    Edits the stream's file; `pulumi up` or a push carries it out, once.

    Example: lotus backfill shop orders --reason "ids were null"
    """
    from lotus.backfill.command import request

    edited = request(
        current_project(), source, stream, mode=mode.value, start=start, sync=sync or bool(start), reason=reason
    )
    if as_json:
        print_json(edited)
    else:
        print_line(f"{edited.file}: backfill {json.dumps(edited.backfill, ensure_ascii=False)}")
    if edited.consent:
        say(f"landed files are deleted; lotus:confirm of the stack must have: {edited.consent}")
    say("next: pulumi preview (what it does to the data, and how to agree), then pulumi up or a push")


@backfill_app.command("list")
def backfill_list(as_json: Json = False) -> None:
    """List every request in the files; no server is asked.

    Example: lotus backfill list
    """
    from lotus.backfill.command import listed

    requests = listed(current_project())
    if as_json:
        print_json(requests)
        return
    rows = [(each.source, each.stream, each.request, each.mode, each.start or "", each.file) for each in requests]
    print_table(("source", "stream", "request", "mode", "from", "file"), rows)
    say("next: lotus backfill status" if requests else "next: lotus backfill SOURCE STREAM --reason TEXT")


@backfill_app.command("status")
def backfill_status(stack: Stack = None, as_json: Json = False) -> None:
    """Show the result of every request; exits 1 when one failed.

    Example: lotus backfill status
    """
    from lotus.backfill.command import status

    receipts = status(current_session(stack))
    if as_json:
        print_json([{**vars(receipt), "finished": receipt.finished} for receipt in receipts])
    else:
        rows = [
            (r.source, r.stream, r.request, r.mode, r.status, r.job_id, r.rows_before, r.rows_read, r.note)
            for r in receipts
        ]
        titles = ("source", "stream", "request", "mode", "status", "job", "rows before", "rows read", "note")
        print_table(titles, rows, right=("job", "rows before", "rows read"))
        if any(receipt.finished for receipt in receipts):
            say("next: lotus landing shows the rows; lotus backfill clean removes finished requests")
    if any(receipt.status == "failed" for receipt in receipts):
        raise typer.Exit(Exit.FAILED)


@backfill_app.command("clean")
def backfill_clean(stack: Stack = None, as_json: Json = False) -> None:
    """Remove finished requests from the files.

    Example: lotus backfill clean
    """
    from lotus.backfill.command import clean

    edited = clean(current_session(stack))
    if as_json:
        print_json(edited)
        return
    for each in edited:
        print_line(f"{each.file}: backfill removed")
    say("next: pulumi up drops their receipts, without a call" if edited else "no request is finished")
