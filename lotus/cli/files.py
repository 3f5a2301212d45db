"""The commands that make, show and check the user's files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from lotus.operations.discover import Discovery

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Stack = Annotated[str | None, typer.Option("--stack", help="The stack; default: $PULUMI_STACK, else dev.")]

_EXPLAIN_WIDTH = 100


def _project() -> Path:
    from lotus.cli import app

    return app._project()  # pyright: ignore[reportPrivateUsage]  the group's option --project lives there


def _variables(stack: str | None) -> tuple[Path, str, dict[str, str]]:
    from lotus.cli import app

    project = _project()
    return project, *app._variables(project, stack)  # pyright: ignore[reportPrivateUsage]


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

    found = run(_project(), check=check)
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
        changed = write_schemas(_project())
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
    project, chosen, variables = _variables(stack)
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
    sum_up = "nothing changed" if not files else f"{files} files {'differ' if check else 'written or removed'}"
    if found.first:
        sum_up = f"discovered for the first time, {sum_up}"
    connector = f"{found.connector} {found.version}".strip()
    say(f"{found.source}: {found.streams} streams by {connector}; {sum_up}")


def interactive() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def add_to(app: typer.Typer) -> None:
    """Registers the commands on the main app."""
    for command in (discover, fmt, schema, explain):
        app.command()(command)
