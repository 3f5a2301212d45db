"""The commands for files as a whole: create, check, format, explain."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.options import Json, current_project
from lotus.cli.output import print_json, print_line, print_table, print_text, say
from lotus.errors import Exit
from lotus.words import counted

if TYPE_CHECKING:
    from lotus.authoring.validate import Report

_EXPLAIN_WIDTH = 80


class FaultFormat(StrEnum):
    """How faults are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def validate_command(
    stack: Annotated[str | None, typer.Option(help="Also check this stack's values of $config and $secret.")] = None,
    form: Annotated[
        FaultFormat, typer.Option("--format", help="text, json, or github (annotations).")
    ] = FaultFormat.TEXT,
) -> None:
    """Check every file of the project; exits 2 when there are faults.

    Example: lotus validate --stack dev
    """
    from lotus.authoring.validate import validate
    from lotus.backfill.command import hints
    from lotus.session.project import environment_of
    from lotus.session.session import Session

    project = current_project()
    environment = environment_of(project, stack)
    report = validate(project, stack, environment=environment)
    if stack and report.ok:
        report = replace(report, hints=(*report.hints, *hints(Session(project, stack, environment))))
    if form is FaultFormat.JSON:
        print_json(report.json())
    elif form is FaultFormat.GITHUB:
        for fault in (*report.faults, *report.hints):
            print_line(fault.github())
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(Exit.FAULTS)


def _print_report(report: Report) -> None:
    for fault in (*report.faults, *report.hints):
        print_text(f"{fault.text()}\n")
    for item in report.left_out:
        say(f"left out: {item.name} ({item.reason})")
    for name in report.unchecked:
        say(f'not checked: secret "{name}" cannot be read here')
    streams = sum(len(source.streams) for source in report.sources)
    numbers = (counted(report.files, "file"), counted(len(report.sources), "source"), counted(streams, "stream"))
    say(f"{', '.join(numbers)}: {counted(len(report.faults), 'fault')}")


def init_command(
    folder: Annotated[Path, typer.Argument(help="Created if missing; files in it stay.")],
    name: Annotated[str | None, typer.Option(help="The Pulumi project's name; default: the folder's.")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="git+https://…@TAG, or a folder with the three wheels; default: as installed here."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a repository of your own, with a dev stack.

    Example: lotus init my-lake
    """
    from lotus.authoring.init import init

    project = init(folder, name=name, source=source)
    if as_json:
        print_json(project)
    else:
        for file in project.written:
            print_line(file)
    for file in project.kept:
        say(f"{file} exists already and stays as it is")
    for line in project.pinned:
        say(f"pinned: {line}")
    if project.not_ignored:
        say(f"hint: .gitignore lacks {', '.join(project.not_ignored)}")
    say(f"next: {_first_steps(folder)}make run")


def _first_steps(folder: Path) -> str:
    """What comes before `make run`: into the folder, and git where there is none yet."""
    import shlex

    steps = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    return steps + ("" if _in_repository(folder) else "git init && ")


def _in_repository(folder: Path) -> bool:
    from lotus.errors import ToolError
    from lotus.tools.git import Git

    try:
        return not Git(folder).run("rev-parse", check=False).returncode
    except ToolError:
        return False  # there is no git yet


def explain_command(
    code: Annotated[str | None, typer.Argument(help="A code such as LOT012; absent: all of them.")] = None,
    as_json: Json = False,
) -> None:
    """Explain an error's code: what it means and the right form.

    Example: lotus explain LOT012
    """
    import textwrap

    from lotus.config.codes import CODES, explain
    from lotus.config.faults import choose
    from lotus.errors import ConfigError

    if code is None:
        if as_json:
            print_json(list(CODES.values()))
        else:
            print_table(("code", "what"), [(entry.code, entry.title) for entry in CODES.values()])
        return
    entry = explain(code)
    if entry is None:
        fix, _, _ = choose(code.upper(), CODES)
        raise ConfigError(f'there is no code "{code}"', fix=fix if "mean" in fix else "lotus explain lists all codes")
    if as_json:
        print_json(entry)
        return
    print_text(f"{entry.code}  {entry.title}\n\n{textwrap.fill(entry.why, _EXPLAIN_WIDTH)}")
    if entry.example:
        print_text(f"\nfor example:  {entry.example}")


def fmt_command(
    check: Annotated[bool, typer.Option("--check", help="Only name the files; exit 5 when there are any.")] = False,
    as_json: Json = False,
) -> None:
    """Format the JSON files, with keys in the order of the docs.

    Example: lotus fmt --check
    """
    from lotus.authoring.fmt import fmt

    result = fmt(current_project(), check=check)
    if as_json:
        faults = [fault.json() for fault in result.faults]
        print_json({"changed": list(result.changed), "unchanged": result.unchanged, "faults": faults})
    else:
        for file in result.changed:
            print_line(file)
        for fault in result.faults:
            print_text(f"{fault.text()}\n")
        verb = "to format" if check else "formatted"
        changed = f"{counted(len(result.changed), 'file')} {verb}"
        say(f"{changed}, {result.unchanged} unchanged, {counted(len(result.faults), 'fault')}")
    if result.faults:
        raise typer.Exit(Exit.FAULTS)
    if check and result.changed:
        raise typer.Exit(Exit.DIFFERENT)


def schema_command(
    name: Annotated[
        str | None, typer.Argument(help="source, connection, stream, destination, connector, discovered, spec, stack.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write all of them to streams/_schemas/.")] = False,
) -> None:
    """Print or write the JSON Schemas for editors.

    Example: lotus schema stream
    """
    from lotus.authoring.schema import NAMES, schema, write_schemas

    if write:
        changed = write_schemas(current_project())
        for file in changed:
            print_line(file)
        say(f"{counted(len(changed), 'schema')} written" if changed else "all schemas are up to date")
    elif name is None:
        print_json({each: schema(each) for each in NAMES})
    else:
        print_json(schema(name))
