"""`lotus connectors`: names, versions, and what is outdated."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.groups import DefaultCommand
from lotus.cli.options import Json, Stack, current_session, files_session
from lotus.cli.output import print_json, print_line, print_table, say

if TYPE_CHECKING:
    from lotus.authoring.connector_list import ConnectorDetails, Version
    from lotus.session.session import Session

connectors_app = typer.Typer(
    cls=DefaultCommand,
    invoke_without_command=True,
    help="List connectors by name, and show versions and settings of one.\n\nExample: lotus connectors google",
)


@connectors_app.callback()
def connectors(context: typer.Context) -> None:
    """List connectors by name, and show versions and settings of one.

    Example: lotus connectors google
    """
    if context.invoked_subcommand is None:
        list_command("")


@connectors_app.command("list")
def list_command(
    word: Annotated[str, typer.Argument(help="A part of the name; default: all.")] = "", as_json: Json = False
) -> None:
    """List connectors and where they run (the word "list" may be left out).

    Example: lotus connectors google
    """
    from lotus.authoring.connector_list import list_connectors

    lines = list_connectors(word)
    if as_json:
        print_json(lines)
        return
    print_table(("connector", "runs"), [(line.name, line.runs) for line in lines])
    say("next: lotus connectors show NAME, or lotus sources add NAME")


@connectors_app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="github, source-github or destination-s3.")],
    spec: Annotated[bool, typer.Option("--spec", help="Install it, and show its settings.")] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Show a connector's versions, Pythons and licence, and whether it runs here.

    Example: lotus connectors show github --spec
    """
    from lotus.authoring.connector_list import show_connector

    details = show_connector(_session_or_none(stack), name, spec=spec, say=say)
    if as_json:
        print_json(dataclasses.asdict(details))
        return
    _print_details(details)
    if details.spec is not None:
        print_line(json.dumps(details.spec, indent=2, ensure_ascii=False))


def _session_or_none(stack: str | None) -> Session | None:
    from lotus.errors import ConfigError

    try:
        return current_session(stack)
    except ConfigError:
        if stack:
            raise
        return None  # outside of a project there is PyPI, and no server to ask


def _print_details(details: ConnectorDetails) -> None:
    for title, text in _facts(details):
        print_line(f"{title}: {text}")
    if details.versions:
        print_line()
        print_table(("version", "uploaded", "Python", "licence", "here"), [_row(each) for each in details.versions])


def _facts(details: ConnectorDetails) -> list[tuple[str, str]]:
    on_server = f"{details.definition_id}, version {details.server_version}" if details.definition_id else "none"
    facts = [
        ("connector", details.name),
        ("runs", details.runs),
        ("definition on the server", details.server or on_server),
        ("package", details.package or details.not_looked_up),
    ]
    if details.package and details.not_looked_up:
        facts.append(("versions", details.not_looked_up))
    if details.required:
        facts.append(("required settings", ", ".join(details.required)))
    return facts


def _row(version: Version) -> tuple[str, ...]:
    here = f"Python {version.runs_on[0]}" if version.runs_on else "no Python fits"
    return version.version, version.uploaded, version.python, version.licence, here


@connectors_app.command("outdated")
def outdated_command(stack: Stack = None, as_json: Json = False) -> None:
    """Show which pinned connectors have newer versions.

    Example: lotus connectors outdated
    """
    from lotus.authoring.connector_list import outdated

    lines = outdated(files_session(stack).files, say)
    if as_json:
        print_json([{**dataclasses.asdict(line), "outdated": line.outdated} for line in lines])
        return
    rows = [
        (line.source, line.package, line.pinned, line.newest or line.reason, "newer" if line.outdated else "")
        for line in lines
    ]
    print_table(("source", "package", "pinned", "newest", ""), rows)
    if any(line.outdated for line in lines):
        say('next: write the newest version into "connector", then lotus discover SOURCE')
    elif not lines:
        say("no source pins a version of its connector")
