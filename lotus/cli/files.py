"""The commands that make, show and check the user's files."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.options import Json, Stack, current_project, current_stack
from lotus.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from lotus.config import Settings
    from lotus.operations.add import New
    from lotus.operations.connectors import Role
    from lotus.operations.discover import Discovery
    from lotus.operations.questions import Question


FileStack = Annotated[
    str | None, typer.Option("--stack", help="With this stack's overrides and values; absent: the files alone.")
]
_EXPLAIN_WIDTH = 100

sources_app = typer.Typer(invoke_without_command=True)
destinations_app = typer.Typer(invoke_without_command=True)
streams_app = typer.Typer(no_args_is_help=True, help="The streams that sources offer, and the files that sync them.")


def init(
    folder: Annotated[Path, typer.Argument(help="Made where it is missing; what is in it stays.")],
    name: Annotated[str | None, typer.Option(help="The Pulumi project's name; default: the folder's.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="git+https://…@TAG, or a folder with both wheels; default: as installed here."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Makes a repository of one's own: program, dev stack, a destination, schemas for editors.

    Example: lotus init my-lake
    """
    from lotus.operations.init import init as run

    done = run(folder, name=name, source=source)
    if as_json:
        print_json(done)
    else:
        for file in done.written:
            print(file)
    for file in done.kept:
        say(f"{file} was there already, and stays as it is")
    for line in done.pinned:
        say(f"pinned: {line}")
    say(f"next: cd {folder} && git init && make run")


def explain(
    code: Annotated[str | None, typer.Argument(help="A code such as LOT012; absent: all of them.")] = None,
    as_json: Json = False,
) -> None:
    """What an error's code means, why it matters, and the right form.

    Example: lotus explain LOT012
    """
    import textwrap

    from lotus.config.codes import CODES
    from lotus.config.codes import explain as look_up
    from lotus.config.faults import choose
    from lotus.errors import ConfigError

    if code is None:
        if as_json:
            print_json(list(CODES.values()))
        else:
            print_table(("code", "what"), [(found.code, found.title) for found in CODES.values()])
        return
    found = look_up(code)
    if found is None:
        fix, _, _ = choose(code.upper(), CODES)
        raise ConfigError(f'there is no code "{code}"', fix=fix if "mean" in fix else "lotus explain lists all codes")
    if as_json:
        print_json(found)
        return
    print(f"{found.code}  {found.title}\n")
    print(textwrap.fill(found.why, _EXPLAIN_WIDTH))
    if found.example:
        print(f"\nfor example:  {found.example}")


def fmt(
    check: Annotated[bool, typer.Option("--check", help="Only name the files; exit 2 when there are any.")] = False,
    as_json: Json = False,
) -> None:
    """Brings every JSON file of the streams folder into one form, keys in the order of the docs.

    Example: lotus fmt --check
    """
    from lotus.operations.fmt import fmt as run

    found = run(current_project(), check=check)
    if as_json:
        faults = [fault.json() for fault in found.faults]
        print_json({"changed": list(found.changed), "unchanged": found.unchanged, "faults": faults})
    else:
        for file in found.changed:
            print(file)
        for fault in found.faults:
            print(f"{fault.text()}\n")
        word = "to format" if check else "formatted"
        say(f"{len(found.changed)} {word}, {found.unchanged} as they should be, {len(found.faults)} faults")
    if found.faults or (check and found.changed):
        raise typer.Exit(2)


def schema(
    name: Annotated[str | None, typer.Argument(help="source, stream, destination, discovered, spec, stack.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write all of them to streams/_schemas/.")] = False,
) -> None:
    """JSON Schemas of the files, which editors complete and check by.

    Example: lotus schema stream
    """
    from lotus.operations.schema import NAMES, write_schemas
    from lotus.operations.schema import schema as make

    if write:
        changed = write_schemas(current_project())
        for file in changed:
            print(file)
        say(f"{len(changed)} schemas written" if changed else "all schemas are up to date")
    elif name is None:
        print_json({each: make(each) for each in NAMES})
    else:
        print_json(make(name))


def discover(
    sources: Annotated[list[str] | None, typer.Argument(help="Folders of sources.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every source of the stack.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 2 when the committed files are not what is offered.")
    ] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Asks sources what they offer: one file per stream and the connector's spec; says what changed.

    Example: lotus discover shopify
    """
    from lotus.operations.discover import discover as run

    if bool(sources) == every:
        raise typer.BadParameter("name sources, or say --all")
    project, chosen, variables = current_stack(stack)
    found = run(project, chosen, variables, sources or [], check=check, say=say)
    if as_json:
        print_json(found)
    else:
        for one in found:
            print_discovery(one, check=check)
    stale = [one for one in found if one.written or one.removed]
    if check and stale:
        say(f"next: lotus discover {' '.join(one.source for one in stale)}")
        raise typer.Exit(2)
    if not check:
        say("next: lotus validate" if found else "the stack has no source to ask")


def print_discovery(found: Discovery, *, check: bool = False) -> None:
    """What was found at one source: changes on stdout, the sum on stderr."""
    for change in found.changes:
        print(f"{found.source}: {change.text()}")
    files = len(found.written) + len(found.removed)
    counted = "1 file" if files == 1 else f"{files} files"
    sum_up = "nothing changed" if not files else f"{counted} {'to write or remove' if check else 'written or removed'}"
    if found.first:
        sum_up = f"discovered for the first time, {sum_up}"
    connector = f"{found.connector} {found.version}".strip()
    say(f"{found.source}: {found.streams} streams by {connector}; {sum_up}")


def _settings(stack: str | None) -> tuple[Path, Settings]:
    """The project and its settings: of the stack that is named, else the defaults (all sources)."""
    from lotus.errors import FaultsError
    from lotus.operations.files import file_settings
    from lotus.operations.project import environment_of

    project = current_project()
    settings = file_settings(project, stack, environment=environment_of(project, stack))
    if settings.faults:
        raise FaultsError(settings.faults)
    return project, settings


@streams_app.command("list")
def streams_list(
    sources: Annotated[list[str] | None, typer.Argument(help="Only these sources.")] = None,
    stack: FileStack = None,
    as_json: Json = False,
) -> None:
    """The streams that sources offer, and how those with a file are synced.

    Example: lotus streams list shopify
    """
    from lotus.operations.streams import list_streams

    project, settings = _settings(stack)
    found = list_streams(project, settings, sources or [])
    if as_json:
        print_json(found)
        return
    rows = [
        (s.source, s.stream, s.state, s.mode, s.cursor, s.key, _of(s.fields, s.offered_fields), s.why) for s in found
    ]
    titles = ("source", "stream", "state", "mode", "cursor", "key", "fields", "")
    print_table(titles, rows, right=("fields",))
    offers = next((s for s in found if s.state == "offered"), None)
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
    """One stream: what the source offers of it, and which fields are selected.

    Example: lotus streams show shopify orders
    """
    from lotus.operations.streams import show

    found = show(*_settings(stack), source, stream)
    if as_json:
        print_json(found)
        return
    line = found.line
    print(f"{line.source}/{line.stream}: {line.state}{f' ({line.why})' if line.why else ''}")
    for word, value in (
        ("mode", line.mode),
        ("offers", ", ".join(found.sync_modes)),
        ("cursor", line.cursor),
        ("key", line.key),
        ("file", line.file),
    ):
        if value:
            print(f"{word:8}{value}")
    print()
    rows = [("x" if field.selected else "", field.name, field.type, field.role) for field in found.fields]
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
    cursor: Annotated[str | None, typer.Option(help="The cursor field, where the source has none of its own.")] = None,
    key: Annotated[str | None, typer.Option(help="The primary key's fields, with commas.")] = None,
    with_dbt: Annotated[bool, typer.Option("--dbt", help="Also the dbt model, sources entry and model-paths.")] = False,
    stack: FileStack = None,
    as_json: Json = False,
) -> None:
    """Writes a file for each stream, which is all it takes to sync it; files that are there stay as they are.

    Example: lotus streams add shopify orders --fields id,created_at,total_price
    """
    from lotus.operations.streams import Choice, add

    if fields is not None and every:
        raise typer.BadParameter("--fields selects some fields, --all takes all")
    choice = Choice(_names(fields), mode, cursor, _names(key))
    project, settings = _settings(stack)
    done = add(project, settings, source, streams or [], choice, every=every, with_dbt=with_dbt)
    if as_json:
        print_json(done)
    else:
        for file in done.files:
            print(file)
    for name in done.kept:
        say(f"{name} has a file already, which stays as it is")
    for note in done.notes:
        say(note)
    if done.files:
        say("next: pulumi preview")


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise typer.BadParameter("no name is given")
    return found


def catalog(
    source: Annotated[str, typer.Argument(help="A source's folder.")],
    stack: FileStack = None,
) -> None:
    """What the connection of a source asks Airbyte for, computed from the files; JSON.

    Example: lotus catalog shopify
    """
    from lotus.operations.streams import catalog as compute

    print_json({"streams": compute(*_settings(stack), source)})


@sources_app.callback()
def sources(context: typer.Context, stack: Stack = None, as_json: Json = False) -> None:
    """The sources of the files beside those of Airbyte.

    Example: lotus sources
    """
    if context.invoked_subcommand is None:
        _list_actors("source", stack, as_json=as_json)


@destinations_app.callback()
def destinations(context: typer.Context, stack: Stack = None, as_json: Json = False) -> None:
    """The destinations of the files beside those of Airbyte.

    Example: lotus destinations
    """
    if context.invoked_subcommand is None:
        _list_actors("destination", stack, as_json=as_json)


def _list_actors(role: Role, stack: str | None, *, as_json: bool) -> None:
    from lotus.operations.actors import list_actors

    found = list_actors(*current_stack(stack), role)
    if as_json:
        print_json(found)
        return
    if role == "source":
        titles = ("name", "in Airbyte", "connector", "state", "streams", "schedule", "to", "id", "")
        rows = [
            (a.name, a.title, a.connector, a.state, a.streams, a.schedule, a.destination, a.id, a.why)
            for a in found.lines
        ]
    else:
        titles = ("name", "in Airbyte", "connector", "state", "connections", "id", "")
        rows = [(a.name, a.title, a.connector, a.state, ", ".join(a.connections), a.id, a.why) for a in found.lines]
    print_table(titles, rows, right=("streams",))
    if found.not_asked:
        say(f"Airbyte was not asked: {found.not_asked}")
    if not found.lines:
        say(f"next: lotus {role}s add CONNECTOR")


@sources_app.command("add")
def sources_add(
    connector: Annotated[
        str | None, typer.Argument(help="source-shopify, a definition id, or airbyte-source-x==1.2.3.")
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="A low-code manifest instead; it is copied.")] = None,
    name: Annotated[str | None, typer.Option(help="The folder's name; default: the connector's.")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="A setting: name=value, a.b=value; or JSON.")] = None,
    schedule: Annotated[str | None, typer.Option(help="Quartz cron in UTC, such as '0 0 6 * * ?'.")] = None,
    destination: Annotated[str | None, typer.Option(help="A file of _destinations, where there are several.")] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try it, and discover its streams.")] = True,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Adds a source: asks for what its spec requires, checks it, discovers its streams, and previews.

    Example: lotus sources add source-faker --set count=100
    """
    from lotus.operations.add import New

    if (connector is None) == (manifest is None):
        raise typer.BadParameter("name a connector, or a --manifest")
    _add(
        "source",
        New(connector or "", name, tuple(sets or ()), schedule, destination, manifest, check),
        stack,
        as_json=as_json,
    )


@destinations_app.command("add")
def destinations_add(
    connector: Annotated[str, typer.Argument(help="destination-s3, or a definition id.")],
    name: Annotated[str | None, typer.Option(help="The file's name; default: the connector's.")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="A setting: name=value, a.b=value; or JSON.")] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try it.")] = True,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Adds a destination: asks for what its spec requires, and checks it.

    Example: lotus destinations add destination-s3 --name archive --set s3_bucket_name=archive
    """
    from lotus.operations.add import New

    _add("destination", New(connector, name, tuple(sets or ()), check=check), stack, as_json=as_json)


def _add(role: Role, new: New, stack: str | None, *, as_json: bool) -> None:
    from lotus.errors import LotusError
    from lotus.operations.add import add
    from lotus.operations.preview import preview_line

    project, chosen, variables = current_stack(stack)
    done = add(project, chosen, variables, role, new, ask=_ask if _interactive() else None, say=say)
    try:
        line = preview_line(project, chosen, current_stack(stack)[2])
    except LotusError as error:
        line = f"not yet: {error.what}"
    if as_json:
        print_json({**dataclasses.asdict(done), "preview": line})
    else:
        for file in done.files:
            print(file)
    if done.message or new.check:
        say(f"check: {done.message or 'succeeded'}")
    if done.discovery:
        print_discovery(done.discovery)
    _say_where_secrets_are(done.told, done.kept, chosen)
    say(f"preview of stack {chosen}: {line}")
    if role == "source":
        say(f"next: lotus streams add {done.name} STREAM…" if done.discovery else f"next: lotus discover {done.name}")
    else:
        say(f'next: "destination": "{done.name}" in a source, or lotus sources add … --destination {done.name}')


def _say_where_secrets_are(told: Sequence[str], kept: str, stack: str) -> None:
    for name in told:
        if kept:
            say(f"secret {name} is kept for this clone in {kept}")
            say(f"  for another stack: pulumi config set --path 'lotus:secrets.{name}' --secret --stack NAME")
        else:
            way = f"pulumi config set --path 'lotus:secrets.{name}' --secret --stack {stack}"
            say(f"secret {name} is kept nowhere: {way}")


def _ask(question: Question) -> str:
    """One question on the terminal; what is typed for a secret is not shown."""
    title = question.title if question.title.lower() == question.path.lower() else f"{question.title} ({question.path})"
    if question.description:
        say(f"  {question.description[:240]}")
    if question.choices:
        say(f"  one of: {', '.join(question.choices)}")
    if question.example and not question.secret:
        say(f"  for example: {question.example}")
    hint = "" if question.required else " (Enter: none)"
    if question.required and question.secret:
        hint = " (not shown; Enter: give it later)"
    return str(
        typer.prompt(
            f"{title}{hint}",
            default=question.default,
            show_default=bool(question.default),
            hide_input=question.secret,
            err=True,
        )
    )


def _interactive() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def check(
    name: Annotated[list[str], typer.Argument(help="A source or destination, as files or Airbyte name it.")],
    from_files: Annotated[
        bool, typer.Option("--files", help="Try what the files say, not what Airbyte has stored.")
    ] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Lets the connector try whether it reaches a source or destination; exits 1 with its words when it does not.

    Example: lotus check lake
    """
    from lotus.operations.actors import check as run

    wanted = "/".join(name) if len(name) == 2 and name[0] in ("source", "destination") else ""
    if not wanted and len(name) != 1:
        raise typer.BadParameter("one name, or: source NAME, destination NAME")
    found = run(*current_stack(stack), wanted or name[0], from_files=from_files)
    if as_json:
        print_json(found)
    else:
        said = f": {found.message}" if found.message else ""
        print(f"{found.role} {found.name}: {'succeeded' if found.succeeded else 'failed'}{said}")
    if not found.succeeded:
        if "credential" in found.message.lower() or "access" in found.message.lower():
            say("hint: after a rotation, some S3 gateways keep the old keys until they are restarted")
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Registers the commands on the main app."""
    app.add_typer(sources_app, name="sources")
    app.add_typer(destinations_app, name="destinations")
    app.add_typer(streams_app, name="streams")
    for command in (init, discover, check, catalog, fmt, schema, explain):
        app.command()(command)
