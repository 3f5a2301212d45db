"""`lotus sync` and `lotus landing`: the live lake."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.groups import Families
from lotus.cli.options import Json, Stack, current_session
from lotus.cli.output import print_json, print_table, say, size
from lotus.errors import Exit

if TYPE_CHECKING:
    from lotus.lake.queries import QueryResult

landing_app = typer.Typer(
    cls=Families,
    help="Show what landed, by stream and day.\n\nExample: lotus landing --json",
    invoke_without_command=True,
)


def sync_command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Connections or sources, as files or Airbyte name them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every connection of the stack.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the jobs to their end.")] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Sync connections now; a running sync is followed, not repeated.

    Example: lotus sync faker --wait
    """
    if bool(names) == every:
        raise typer.BadParameter("name connections, or use --all")
    run_sync(stack, names or [], wait=wait, as_json=as_json)


def run_sync(stack: str | None, names: list[str], *, wait: bool, as_json: bool) -> None:
    """Sync, and print the result; `lotus dev run` ends with it."""
    from lotus.cli.progress import continues_after_ctrl_c, following
    from lotus.lake.sync import sync

    session = current_session(stack)
    chosen = " ".join(map(shlex.quote, names or ["--all"]))
    again = f"the syncs continue; to follow them again: lotus sync {chosen} --wait --stack {session.stack}"
    with continues_after_ctrl_c(again), following(enabled=wait) as follow:
        results = sync(session, names, wait=wait, follow=follow)
    if as_json:
        print_json(results)
    else:
        rows = [
            (r.connection, s.stream, s.rows, s.files, size(s.bytes), s.where, f"{r.seconds:.1f}" if r.seconds else "")
            for r in results
            for s in r.streams
        ]
        titles = ("connection", "stream", "rows", "files", "bytes", "where", "seconds")
        print_table(titles, rows, right=("rows", "files", "bytes", "seconds"))
        for r in results:
            if r.failure:
                say(f"{r.connection}: {r.status}: {r.failure}")
    if any(r.status not in ("succeeded", "running", "pending") for r in results):
        raise typer.Exit(Exit.FAILED)


Sources = Annotated[list[str] | None, typer.Option("--source", help="Only these sources.")]


@landing_app.callback()
def landing_command(
    context: typer.Context, sources: Sources = None, stack: Stack = None, as_json: Json = False
) -> None:
    """Show what landed, by stream and day, also what the files do not declare.

    Example: lotus landing --json
    """
    if context.invoked_subcommand:
        return
    from lotus.lake.landing import landing

    landed = landing(current_session(stack), sources=sources or [])
    if as_json:
        print_json(landed.days)
    else:
        rows = [(d.source, d.stream, d.day, d.files, d.rows, size(d.bytes), d.note) for d in landed.days]
        titles = ("source", "stream", "day", "files", "rows", "bytes", "note")
        print_table(titles, rows, right=("files", "rows", "bytes"))
        say("next: lotus landing query 'select * from faker.users limit 5'")
    for trouble in landed.troubles:
        say(trouble)


@landing_app.command("query")
def landing_query(
    sql: Annotated[str, typer.Argument(help="Each stream is a table: <source>.<stream>.")],
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Query what landed in SQL, with DuckDB.

    Example: lotus landing query "select count(*) from shop.orders"
    """
    from lotus.lake.queries import query

    _print_result(query(current_session(stack), sql), as_json=as_json)


@landing_app.command("sample")
def landing_sample(
    stream: Annotated[str, typer.Argument(help="<source>.<stream>, or a stream's name that is the only one.")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many rows.")] = 5,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Show the newest rows of a stream.

    Example: lotus landing sample shop.orders --rows 3
    """
    from lotus.lake.queries import newest_rows

    _print_result(newest_rows(current_session(stack), stream, rows=rows), as_json=as_json)


def _print_result(result: QueryResult, *, as_json: bool) -> None:
    if as_json:
        print_json([dict(zip(result.columns, row, strict=True)) for row in result.rows])
    else:
        print_table(result.columns, result.rows)
    for note in result.notes:
        say(note)


@landing_app.command("gaps")
def landing_gaps(sources: Sources = None, stack: Stack = None, as_json: Json = False) -> None:
    """Show days on which a sync was due and nothing landed.

    Example: lotus landing gaps --source shop
    """
    from lotus.lake.measures import gaps

    days = gaps(current_session(stack), sources=sources or [])
    if as_json:
        print_json(days)
        return
    rows = [(gap.source, gap.stream, gap.begin, gap.end, gap.days) for gap in days]
    print_table(("source", "stream", "from", "to", "days"), rows, right=("days",))
    if not days:
        say("no gaps: something landed on each day on which a sync was due")


@landing_app.command("compare")
def landing_compare(sources: Sources = None, stack: Stack = None, as_json: Json = False) -> None:
    """Compare the rows that landed with the rows that Airbyte's jobs committed; exits 1 when some are missing.

    Example: lotus landing compare --source shop
    """
    from lotus.lake.measures import compare_rows

    streams = compare_rows(current_session(stack), sources=sources or [])
    if as_json:
        print_json(streams)
    else:
        rows = [(s.source, s.stream, s.committed, s.landed, s.missing, s.duplicates, s.note) for s in streams]
        titles = ("source", "stream", "committed", "landed", "missing", "duplicates", "note")
        print_table(titles, rows, right=("committed", "landed", "missing", "duplicates"))
    if any(stream.missing for stream in streams):
        raise typer.Exit(Exit.FAILED)


@landing_app.command("size")
def landing_size(sources: Sources = None, stack: Stack = None, as_json: Json = False) -> None:
    """Show how many files streams have, how small they are, and how fast they grow.

    Example: lotus landing size --json
    """
    from lotus.lake.measures import sizes

    streams = sizes(current_session(stack), sources=sources or [])
    if as_json:
        print_json(streams)
        return
    rows = [
        (s.source, s.stream, s.files, size(s.bytes), size(s.mean_bytes), s.small_files, size(s.recent_bytes))
        for s in streams
    ]
    titles = ("source", "stream", "files", "bytes", "mean", "small files", "last 7 days")
    print_table(titles, rows, right=("files", "bytes", "mean", "small files", "last 7 days"))
