"""`lotus backfill`: read one stream again, reviewed in git, once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from lotus.cli.options import current_project, current_stack
from lotus.cli.output import print_json, print_table, say


class Mode(StrEnum):
    """Airbyte's ways to read again."""

    REFRESH_AND_RETAIN = "refresh_and_retain"
    REFRESH_AND_REMOVE = "refresh_and_remove"
    CLEAR = "clear"


def add_to(app: typer.Typer) -> None:
    """Registers the command."""
    app.command("backfill")(backfill)


def backfill(
    source: Annotated[str | None, typer.Argument(help="The source's folder.")] = None,
    stream: Annotated[str | None, typer.Argument(help="The stream.")] = None,
    mode: Annotated[
        Mode, typer.Option(help="Landed files stay; go after success; go at once with the state.")
    ] = Mode.REFRESH_AND_RETAIN,
    start: Annotated[str | None, typer.Option("--from", help="Read again from this date on: 2025-01-31.")] = None,
    sync: Annotated[bool, typer.Option("--sync", help="After a clear or a --from: sync at once.")] = False,
    reason: Annotated[str, typer.Option(help="Why; it stands in git and in the receipt.")] = "",
    show: Annotated[bool, typer.Option("--status", help="What has become of every request.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Every request in the files; asks no server.")] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Take finished requests out of the files.")] = False,
    stack: Annotated[str | None, typer.Option(help="The stack; default: $PULUMI_STACK, else dev.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Asks for a stream to be read again: edits its file, which `pulumi up` (or a push) then carries out, once.

    Example: lotus backfill shop orders --reason "ids were null"
    """
    if sum((show, listing, clean, bool(source))) != 1 or bool(source) != bool(stream):
        raise typer.BadParameter("name a source and a stream, or say one of --status, --list, --clean")
    if source and stream:
        _request(source, stream, mode, start, sync, reason, as_json=as_json)
    elif listing:
        _list(as_json=as_json)
    elif show:
        _status(stack, as_json=as_json)
    else:
        _clean(stack, as_json=as_json)


def _request(
    source: str, stream: str, mode: Mode, start: str | None, sync: bool, reason: str, *, as_json: bool
) -> None:
    from lotus.operations.backfill import request

    edited = request(
        current_project(), source, stream, mode=mode.value, start=start, sync=sync or bool(start), reason=reason
    )
    if as_json:
        print_json(edited)
    else:
        print(f"{edited.file}: backfill {edited.backfill!r}")
    if edited.consent:
        say(f"landed files go; to agree: pulumi config set --path 'lotus:confirm[0]' '{edited.consent}'")
    say("next: pulumi preview (what it does to the data), then pulumi up or a push")


def _list(*, as_json: bool) -> None:
    from lotus.operations.backfill import listed

    found = listed(current_project())
    if as_json:
        print_json(found)
        return
    rows = [(a.source, a.stream, a.request, a.mode, a.start or "", a.file) for a in found]
    print_table(("source", "stream", "request", "mode", "from", "file"), rows)
    say("next: lotus backfill --status" if found else "next: lotus backfill SOURCE STREAM --reason TEXT")


def _status(stack: str | None, *, as_json: bool) -> None:
    from lotus.operations.backfill import status

    found = status(*current_stack(stack))
    if as_json:
        print_json([{**_plain(r), "finished": r.finished} for r in found])
    else:
        rows = [
            (r.source, r.stream, r.request, r.mode, r.status, r.job_id, r.rows_before, r.rows_read, r.note)
            for r in found
        ]
        titles = ("source", "stream", "request", "mode", "status", "job", "rows before", "rows read", "note")
        print_table(titles, rows, right=("job", "rows before", "rows read"))
        if any(r.finished for r in found):
            say("next: lotus landing shows the rows; lotus backfill --clean takes finished requests out")
    if any(r.status == "failed" for r in found):
        raise typer.Exit(1)


def _clean(stack: str | None, *, as_json: bool) -> None:
    from lotus.operations.backfill import clean

    edited = clean(*current_stack(stack))
    if as_json:
        print_json(edited)
        return
    for one in edited:
        print(f"{one.file}: no backfill any more")
    say("next: pulumi up drops their receipts, without a call" if edited else "nothing is finished")


def _plain(receipt: object) -> dict[str, object]:
    return dict(vars(receipt))
