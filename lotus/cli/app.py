"""The commands: each parses, calls one operation and prints what it returns."""

from __future__ import annotations

import shlex
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lotus.cli import backfill, drift, files, gitops, new, review, secrets, state
from lotus.cli.options import Json, Stack, current_project, current_stack, start_from
from lotus.cli.output import print_json, print_table, say, size

app = typer.Typer(
    name="lotus",
    help="An Airbyte lake in git: what Pulumi has no verb for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich would double the time that `lotus --help` takes
    context_settings={"help_option_names": ["-h", "--help"]},
)
dev_app = typer.Typer(no_args_is_help=True, help="The dev stack on this machine: embedded Airbyte, S3, the demo's API.")
landing_app = typer.Typer(
    help="What landed in the bucket, by stream and day.\n\nExample: lotus landing --json", invoke_without_command=True
)
app.add_typer(dev_app, name="dev")
app.add_typer(landing_app, name="landing")


@app.callback()
def choose_project(
    project: Annotated[
        Path, typer.Option(help="The project's folder; default: the nearest one with a Pulumi.yaml.")
    ] = Path(),
) -> None:
    """An Airbyte lake in git: what Pulumi has no verb for."""
    start_from(project)


@app.command()
def env(stack: Stack = None, as_json: Json = False) -> None:
    """Prints what `pulumi` needs in a shell.

    Example: eval "$(lotus env)" && pulumi preview
    """
    from lotus.operations.project import chosen_stack, stack_environment

    variables = stack_environment(current_project(), chosen_stack(stack))
    if as_json:
        print_json(variables)
    else:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")


@dev_app.command("up")
def dev_up() -> None:
    """Starts S3, the embedded Airbyte and the demo's API; makes buckets and the Pulumi stack.

    Example: lotus dev up
    """
    from lotus.operations import dev

    dev.up(current_project(), say=say)
    say('next: eval "$(lotus env)" && pulumi up')


@dev_app.command("down")
def dev_down() -> None:
    """Ends what `lotus dev up` started; data stays.

    Example: lotus dev down
    """
    from lotus.operations import dev

    names = list(dev.down(current_project()))
    say(f"ended: {', '.join(names)}" if names else "nothing was running")


@dev_app.command("status")
def dev_status(as_json: Json = False) -> None:
    """Shows the dev stack's processes; exits 4 when one of them is not healthy.

    Example: lotus dev status --json
    """
    from lotus.operations import dev

    found = dev.status(current_project())
    if as_json:
        print_json(found)
    else:
        rows = [(s.name, s.url, s.pid, "healthy" if s.healthy else "down", size(s.memory)) for s in found]
        print_table(("service", "address", "pid", "state", "memory"), rows, right=("pid", "memory"))
    if not found or not all(s.healthy for s in found):
        say("next: lotus dev up")
        raise typer.Exit(4)


@dev_app.command("run")
def dev_run() -> None:
    """From nothing to Parquet: `dev up`, `pulumi up`, the first sync of every connection, the rows.

    Example: lotus dev run
    """
    from lotus.operations import dev

    project = current_project()
    known = dev.up(project, say=say)
    say("pulumi up")
    dev.pulumi(project, known, ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", dev.STACK], show=True)
    _sync(dev.STACK, [], wait=True, as_json=False)
    for name, reason in sorted(known.left_out.items()):
        say(f"left out: {name}: {reason}")
    say('next: lotus landing    or: eval "$(lotus env)" && pulumi preview')


class Format(StrEnum):
    """How faults are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@app.command()
def validate(
    stack: Annotated[
        str | None, typer.Option(help="Also look up what this stack gives for $config and $secret.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="text, json, or github (annotations).")] = Format.TEXT,
) -> None:
    """Checks every file of the project, all faults at once; exits 2 when there are any.

    Example: lotus validate --stack dev
    """
    from lotus.operations.backfill import hints
    from lotus.operations.project import environment_of
    from lotus.operations.validate import validate as check

    project = current_project()
    environment = environment_of(project, stack)
    report = check(project, stack, environment=environment)
    if stack and report.ok:
        report = replace(report, hints=(*report.hints, *hints(project, stack, environment)))
    if form is Format.JSON:
        print_json(report.json())
    elif form is Format.GITHUB:
        for fault in (*report.faults, *report.hints):
            print(fault.github())
    else:
        for fault in (*report.faults, *report.hints):
            print(f"{fault.text()}\n")
        for item in report.left_out:
            say(f"left out: {item.name} ({item.reason})")
        for name in report.unchecked:
            say(f'not checked: secret "{name}" cannot be read here')
        streams = sum(len(source.streams) for source in report.sources)
        counted = f"{report.files} files, {len(report.sources)} sources, {streams} streams"
        say(f"{counted}: {len(report.faults)} faults")
    if not report.ok:
        raise typer.Exit(2)


@app.command()
def sync(
    names: Annotated[
        list[str] | None, typer.Argument(help="Connections or sources, as files or Airbyte name them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every connection of the stack.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the jobs to their end.")] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Asks Airbyte to sync; one that runs already is followed, not repeated.

    Example: lotus sync faker --wait
    """
    if bool(names) == every:
        raise typer.BadParameter("name connections, or say --all")
    _sync(stack, names or [], wait=wait, as_json=as_json)


def _sync(stack: str | None, names: list[str], *, wait: bool, as_json: bool) -> None:
    from lotus.cli.progress import following
    from lotus.operations.sync import sync as run

    project, chosen, variables = current_stack(stack)
    with following(enabled=wait) as follow:
        results = run(project, chosen, variables, names, wait=wait, follow=follow)
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
        raise typer.Exit(1)


@landing_app.callback()
def landing(
    context: typer.Context,
    sources: Annotated[list[str] | None, typer.Option("--source", help="Only these sources.")] = None,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """What landed in the bucket: stream, day, files, rows, bytes.

    Example: lotus landing --json
    """
    if context.invoked_subcommand:
        return
    from lotus.operations.landing import landing as look

    project, chosen, variables = current_stack(stack)
    found = look(project, chosen, variables, sources=sources or [])
    if as_json:
        print_json(found)
    else:
        rows = [(d.source, d.stream, d.day, d.files, d.rows, size(d.bytes)) for d in found]
        print_table(("source", "stream", "day", "files", "rows", "bytes"), rows, right=("files", "rows", "bytes"))
        say("next: lotus landing query 'select * from faker.users limit 5'")


@landing_app.command("query")
def landing_query(
    sql: Annotated[str, typer.Argument(help="Each stream is a table: <source>.<stream>.")],
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Asks the landed files in SQL, by DuckDB.

    Example: lotus landing query "select count(*) from shop.orders"
    """
    from lotus.operations.landing import query

    project, chosen, variables = current_stack(stack)
    answer = query(project, chosen, variables, sql)
    if as_json:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    else:
        print_table(answer.columns, answer.rows)


files.add_to(app)
review.add_to(app)
drift.add_to(app)
backfill.add_to(app)
gitops.add_to(app)
state.add_to(app)
secrets.add_to(app)
new.add_to(app)
