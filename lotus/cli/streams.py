"""`lotus streams`, `lotus discover`, `lotus catalog`: what sources offer, and the files that sync it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.groups import Families
from lotus.cli.options import Json, Stack, current_session, files_session
from lotus.cli.output import print_json, print_line, print_table, say
from lotus.errors import Exit
from lotus.words import counted

if TYPE_CHECKING:
    from lotus.authoring.discover import Discovery


FileStack = Annotated[
    str | None, typer.Option("--stack", help="With this stack's overrides and values; absent: the files alone.")
]
streams_app = typer.Typer(
    cls=Families, no_args_is_help=True, help="Show the streams that sources offer, and add files for them."
)


def discover_command(
    sources: Annotated[list[str] | None, typer.Argument(help="Folders of sources.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every source of the stack.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 5 when committed files are out of date.")
    ] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Ask sources what they offer, and write it to files.

    Writes one file per stream and the connector's spec, and shows what changed.

    Example: lotus discover shopify
    """
    from lotus.authoring.discover import discover

    if bool(sources) == every:
        raise typer.BadParameter("name sources, or use --all")
    discoveries = discover(current_session(stack), sources or [], check=check, say=say)
    if as_json:
        print_json(discoveries)
    else:
        for discovery in discoveries:
            print_discovery(discovery, check=check)
    stale = [discovery for discovery in discoveries if discovery.written or discovery.removed]
    if check and stale:
        say(f"next: lotus discover {' '.join(discovery.source for discovery in stale)}")
        raise typer.Exit(Exit.DIFFERENT)
    if not check:
        say("next: lotus validate" if discoveries else "the stack has no source to ask")


def print_discovery(discovery: Discovery, *, check: bool = False) -> None:
    """Print one source's discovery: changes on stdout, a summary on stderr."""
    for change in discovery.changes:
        print_line(f"{discovery.source}: {change.text()}")
    files = len(discovery.written) + len(discovery.removed)
    sum_up = "nothing changed"
    if files:
        sum_up = f"{counted(files, 'file')} {'to write or remove' if check else 'written or removed'}"
    if discovery.first:
        sum_up = f"discovered for the first time, {sum_up}"
    connector = f"{discovery.connector} {discovery.version}".strip()
    say(f"{discovery.source}: {counted(discovery.streams, 'stream')} by {connector}; {sum_up}")


@streams_app.command("list")
def streams_list(
    sources: Annotated[list[str] | None, typer.Argument(help="Only these sources.")] = None,
    stack: FileStack = None,
    as_json: Json = False,
) -> None:
    """List the streams that sources offer, and how they are synced.

    Example: lotus streams list shopify
    """
    from lotus.authoring.streams import list_streams

    lines = list_streams(files_session(stack), sources or [])
    if as_json:
        print_json(lines)
        return
    rows = [
        (s.source, s.stream, s.state, s.mode, s.cursor, s.key, _of(s.fields, s.offered_fields), s.why) for s in lines
    ]
    titles = ("source", "stream", "state", "mode", "cursor", "key", "fields", "")
    print_table(titles, rows, right=("fields",))
    offers = next((s for s in lines if s.state == "offered"), None)
    if offers:
        say(f"next: lotus streams add {offers.source} {offers.stream}")


def _of(selected: int | None, offered: int | None) -> str:
    if offered is None:
        return "" if selected is None else str(selected)
    return str(offered) if selected is None else f"{selected} of {offered}"


@streams_app.command("show")
def streams_show(
    source: Annotated[str, typer.Argument(help="A source's folder.")],
    stream: Annotated[str, typer.Argument(help="One of its streams.")],
    stack: FileStack = None,
    as_json: Json = False,
) -> None:
    """Show one stream: what is offered, and which fields are selected.

    Example: lotus streams show shopify orders
    """
    from lotus.authoring.streams import show

    detail = show(files_session(stack), source, stream)
    if as_json:
        print_json(detail)
        return
    line = detail.line
    print_line(f"{line.source}/{line.stream}: {line.state}{f' ({line.why})' if line.why else ''}")
    for label, value in (
        ("mode", line.mode),
        ("offers", ", ".join(detail.sync_modes)),
        ("cursor", line.cursor),
        ("key", line.key),
        ("file", line.file),
    ):
        if value:
            print_line(f"{label:8}{value}")
    print_line()
    rows = [("x" if field.selected else "", field.name, field.type, field.role) for field in detail.fields]
    print_table(("synced", "field", "type", "role"), rows)
    if line.state == "offered":
        say(f"next: lotus streams add {source} {stream}")


@streams_app.command("add")
def streams_add(
    source: Annotated[str, typer.Argument(help="A source's folder.")],
    streams: Annotated[list[str] | None, typer.Argument(help="Streams that it offers.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Without streams: all of the source; with streams: all of their fields.")
    ] = False,
    fields: Annotated[
        str | None, typer.Option("--fields", help="Top-level fields, with commas; absent: all, also later ones.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="incremental_append, full_refresh_overwrite, …; or incremental, full_refresh.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="The cursor field, where the source defines none.")] = None,
    key: Annotated[str | None, typer.Option(help="The primary key's fields, with commas.")] = None,
    with_dbt: Annotated[bool, typer.Option("--dbt", help="Also the dbt model, sources entry and model-paths.")] = False,
    stack: FileStack = None,
    as_json: Json = False,
) -> None:
    """Write a file for each stream; that is all it takes to sync it.

    Files that exist stay as they are.

    Example: lotus streams add shopify orders --fields id,created_at,total_price
    """
    from lotus.authoring.streams import Choice, add_streams

    if fields is not None and every:
        raise typer.BadParameter("--fields selects some fields, --all takes all")
    choice = Choice(_names(fields), mode, cursor, _names(key))
    added = add_streams(files_session(stack), source, streams or [], choice, every=every, with_dbt=with_dbt)
    if as_json:
        print_json(added)
    else:
        for file in added.files:
            print_line(file)
    for name in added.kept:
        say(f"{name} has a file already, which stays as it is")
    for note in added.notes:
        say(note)
    if added.files:
        say("next: pulumi preview")


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise typer.BadParameter("no field is named")
    return names


def catalog_command(
    source: Annotated[str, typer.Argument(help="A source's folder.")],
    stack: FileStack = None,
) -> None:
    """Print what a source's connection asks Airbyte for, as JSON.

    Example: lotus catalog shopify
    """
    from lotus.authoring.streams import catalog

    print_json({"streams": catalog(files_session(stack), source)})
