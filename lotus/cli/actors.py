"""`lotus sources`, `lotus destinations`, `lotus check`."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.groups import Families
from lotus.cli.options import Json, Stack, current_project, current_session
from lotus.cli.output import print_json, print_line, print_table, say
from lotus.cli.streams import print_discovery
from lotus.errors import Exit

if TYPE_CHECKING:
    from lotus.authoring.add import New
    from lotus.authoring.connectors import Role
    from lotus.authoring.questions import Question


sources_app = typer.Typer(cls=Families, invoke_without_command=True)
destinations_app = typer.Typer(cls=Families, invoke_without_command=True)


@sources_app.callback()
def sources(context: typer.Context, stack: Stack = None, as_json: Json = False) -> None:
    """List the sources in the files and in Airbyte.

    Example: lotus sources
    """
    if context.invoked_subcommand is None:
        _list_actors("source", stack, as_json=as_json)


@destinations_app.callback()
def destinations(context: typer.Context, stack: Stack = None, as_json: Json = False) -> None:
    """List the destinations in the files and in Airbyte.

    Example: lotus destinations
    """
    if context.invoked_subcommand is None:
        _list_actors("destination", stack, as_json=as_json)


def _list_actors(role: Role, stack: str | None, *, as_json: bool) -> None:
    from lotus.authoring.actors import list_actors

    actors = list_actors(current_session(stack), role)
    if as_json:
        print_json(actors)
        return
    if role == "source":
        titles = ("name", "in Airbyte", "connector", "state", "streams", "schedule", "to", "id", "")
        rows = [
            (a.name, a.title, a.connector, a.state, a.streams, a.schedule, a.destination, a.id, a.why)
            for a in actors.lines
        ]
    else:
        titles = ("name", "in Airbyte", "connector", "state", "connections", "id", "")
        rows = [(a.name, a.title, a.connector, a.state, ", ".join(a.connections), a.id, a.why) for a in actors.lines]
    print_table(titles, rows, right=("streams",))
    if actors.not_asked:
        say(f"Airbyte was not asked: {actors.not_asked}")
    if not actors.lines:
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
    check: Annotated[bool, typer.Option("--check/--no-check", help="Check it, and discover its streams.")] = True,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Add a source: ask for its settings, check it, discover streams.

    Example: lotus sources add source-faker --set count=100
    """
    from lotus.authoring.add import New

    if (connector is None) == (manifest is None):
        raise typer.BadParameter("name a connector, or a --manifest")
    _add(
        "source",
        New(connector or "", name, tuple(sets or ()), schedule, destination, manifest, check),
        stack,
        as_json=as_json,
    )


@sources_app.command("sample")
def sources_sample(
    name: Annotated[str, typer.Argument(help="The source's folder.")],
    stream: Annotated[str, typer.Argument(help="A stream that it offers.")],
    rows: Annotated[int, typer.Option(help="How many records, at most 1000.")] = 10,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Show a stream's first records, before anything lands.

    Runs the connector on this machine; prints one record a line.

    Example: lotus sources sample shop orders --rows 3
    """
    from lotus.authoring.sample import sample

    records = sample(current_session(stack), name, stream, rows=rows, say=say)
    if as_json:
        print_json(records)
        return
    for record in records:
        print_line(json.dumps(record, ensure_ascii=False))
    if not records:
        say(f"{stream} has no records")


@destinations_app.command("add")
def destinations_add(
    connector: Annotated[str, typer.Argument(help="destination-s3, or a definition id.")],
    name: Annotated[str | None, typer.Option(help="The file's name; default: the connector's.")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="A setting: name=value, a.b=value; or JSON.")] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Check it.")] = True,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Add a destination: ask for its settings, and check it.

    Example: lotus destinations add destination-s3 --name archive --set s3_bucket_name=archive
    """
    from lotus.authoring.add import New

    _add("destination", New(connector, name, tuple(sets or ()), check=check), stack, as_json=as_json)


def _add(role: Role, new: New, stack: str | None, *, as_json: bool) -> None:
    from lotus.authoring.add import add_actor
    from lotus.errors import LotusError
    from lotus.session.preview import preview_line

    session = current_session(stack)
    added = add_actor(session, role, new, ask=_ask if _interactive() else None, say=say)
    try:
        line = preview_line(session.root, session.stack, current_session(stack).environment)
    except LotusError as error:
        reason = " ".join(filter(None, map(str.strip, error.details)))
        line = f"not yet: {error.what}" + (f": {reason}" if reason else "")
    if as_json:
        print_json({**dataclasses.asdict(added), "preview": line})
    else:
        for file in added.files:
            print_line(file)
    if added.message or new.check:
        say(f"check: {added.message or 'succeeded'}")
    if added.discovery:
        print_discovery(added.discovery)
    _say_where_secrets_are(added.told, added.kept, session.stack)
    say(f"preview of stack {session.stack}: {line}")
    if role == "source":
        say(
            f"next: lotus streams add {added.name} STREAM…" if added.discovery else f"next: lotus discover {added.name}"
        )
    else:
        say(f'next: "destination": "{added.name}" in a source, or lotus sources add … --destination {added.name}')


def _say_where_secrets_are(names: Sequence[str], folder: str, stack: str) -> None:
    for name in names:
        if folder:
            say(f"secret {name} is kept for this clone in {folder}")
            say(f"  for another stack: pulumi config set --path 'lotus:secrets.{name}' --secret --stack NAME")
        else:
            way = f"pulumi config set --path 'lotus:secrets.{name}' --secret --stack {stack}"
            say(f"secret {name} is not saved; to save it: {way}")


def _ask(question: Question) -> str:
    """Ask one question on the terminal; a secret is not shown while it is typed."""
    title = question.title if question.title.lower() == question.path.lower() else f"{question.title} ({question.path})"
    if question.description:
        say(f"  {question.description[:240]}")
    if question.choices:
        say(f"  one of: {', '.join(question.choices)}")
    if question.example and not question.secret:
        say(f"  for example: {question.example}")
    return str(
        typer.prompt(
            f"{title}{_enter_hint(question)}",
            default=question.default,
            show_default=bool(question.default),
            hide_input=question.secret,
            err=True,
        )
    )


def _enter_hint(question: Question) -> str:
    """What Enter alone means."""
    if question.secret and question.answered:
        return " (not shown; Enter: as before)"
    if question.secret and question.required:
        return " (not shown; Enter: give it later)"
    return "" if question.required else " (Enter: none)"


def _interactive() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def check_command(
    name: Annotated[list[str], typer.Argument(help="A source or destination, as files or Airbyte name it.")],
    from_files: Annotated[
        bool, typer.Option("--files", help="Try the files' configuration, not the one in Airbyte.")
    ] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Check that a source or destination can be reached.

    Exits 1 with the connector's message if it cannot.

    Example: lotus check lake
    """
    from lotus.authoring.actors import check

    qualified = "/".join(name) if len(name) == 2 and name[0] in ("source", "destination") else ""
    if not qualified and len(name) != 1:
        raise typer.BadParameter("one name, or: source NAME, destination NAME")
    result = check(current_session(stack), qualified or name[0], from_files=from_files)
    if as_json:
        print_json(result)
    else:
        detail = f": {result.message}" if result.message else ""
        print_line(f"{result.role} {result.name}: {'succeeded' if result.succeeded else 'failed'}{detail}")
    if not result.succeeded:
        if "credential" in result.message.lower() or "access" in result.message.lower():
            say("hint: after a rotation, some S3 gateways keep the old keys until they are restarted")
        raise typer.Exit(Exit.FAILED)


@destinations_app.command("new")
def destinations_new(
    name: Annotated[str, typer.Argument(help="Small letters, digits, dashes; users write destination-NAME.")],
    folder: Annotated[Path, typer.Option("--in", help="Create lotus-destination-NAME here.")] = Path(),
    inside: Annotated[bool, typer.Option("--inside", help="In this checkout of lotus instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Create a destination of your own for the local server.

    It works and has a test; change it as you need.

    Example: lotus destinations new memo
    """
    from lotus.authoring.new_destination import new_destination, new_destination_inside

    created = new_destination_inside(name, current_project()) if inside else new_destination(name, folder)
    if as_json:
        print_json(created)
    else:
        for file in created.files:
            print_line(file)
        for table in created.tables:
            print_line(f"{table}: one entry added")
    install = "" if inside else f"uv pip install pytest -e {Path(created.files[0]).parent} && "
    say(f"next: {install}pytest {created.files[-1]}")
