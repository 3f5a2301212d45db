"""`lotus dev` and `lotus env`: the dev stack on this machine, and what pulumi needs in a shell."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from lotus.cli.groups import Families
from lotus.cli.lake import run_sync
from lotus.cli.options import Json, Stack, current_project
from lotus.cli.output import print_json, print_line, print_table, say, size
from lotus.errors import Exit

dev_app = typer.Typer(
    cls=Families, no_args_is_help=True, help="Run the dev stack on this machine: Airbyte, S3, the demo's API."
)


def env(stack: Stack = None, as_json: Json = False) -> None:
    """Print the variables that `pulumi` needs in a shell.

    Example: eval "$(lotus env)" && pulumi preview
    """
    from lotus.session.project import chosen_stack, stack_environment

    project = current_project()
    variables = stack_environment(project, chosen_stack(project, stack))
    if as_json:
        print_json(variables)
    else:
        for name, value in variables.items():
            print_line(f"export {name}={shlex.quote(value)}")


_CONTINUES = "what was started continues; to stop it: make stop (or: lotus dev down)"
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=1024,
        max=65533,
        help="The first of three ports, from now on; default: as recorded, at first a free one.",
    ),
]


@dev_app.command("up")
def dev_up(port: Port = None) -> None:
    """Start S3, the local server and the demo's API.

    Creates the buckets and the Pulumi stack, too.

    Example: lotus dev up
    """
    from lotus.cli.progress import continues_after_ctrl_c
    from lotus.local import dev

    with continues_after_ctrl_c(_CONTINUES):
        dev.up(current_project(), say=say, port=port)
    say(f"next: {_activated()}pulumi up")


@dev_app.command("down")
def dev_down() -> None:
    """Stop what `lotus dev up` started; data stays.

    Example: lotus dev down
    """
    from lotus.local import dev

    names = list(dev.down(current_project()))
    say(f"stopped: {', '.join(names)}" if names else "nothing was running")


@dev_app.command("status")
def dev_status(as_json: Json = False) -> None:
    """Show the dev stack's processes; exits 4 when one is down.

    Example: lotus dev status --json
    """
    from lotus.local import dev

    services = dev.status(current_project())
    if as_json:
        print_json(services)
    else:
        rows = [(s.name, s.url, s.pid, "healthy" if s.healthy else "down", size(s.memory)) for s in services]
        print_table(("service", "address", "pid", "state", "memory"), rows, right=("pid", "memory"))
    if not services or not all(s.healthy for s in services):
        say("next: lotus dev up")
        raise typer.Exit(Exit.UNAVAILABLE)


@dev_app.command("run")
def dev_run(port: Port = None) -> None:
    """Go from nothing to Parquet: up, apply, first sync, rows.

    Example: lotus dev run
    """
    from lotus.cli.progress import continues_after_ctrl_c
    from lotus.local import dev

    project = current_project()
    with continues_after_ctrl_c(_CONTINUES):
        running = dev.up(project, say=say, port=port)
        say("pulumi up")
        dev.pulumi(
            project, running, ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", dev.STACK], show=True
        )
        if not dev.synced_sources(project, running):
            say(f"there is no source yet; next: {_activated()}lotus sources add source-faker")
            return
        run_sync(dev.STACK, [], wait=True, as_json=False)
    for name, reason in sorted(running.left_out.items()):
        say(f"left out: {name}: {reason}")
    credentials = f"client id {dev.CLIENT_ID}, client secret {dev.CLIENT_SECRET}, or any other pair"
    say(f"for clients of Airbyte: {running.airbyte_url}, {credentials}")
    say(f"next: {_activated()}lotus landing")


def _activated() -> str:
    """What a shell needs for the commands that follow; nothing where `lotus` is found already."""
    import shutil
    import sys
    from pathlib import Path

    binaries = Path(sys.executable).parent
    if shutil.which("lotus") == str(binaries / "lotus"):
        return ""
    activate = binaries / "activate"
    place = activate.relative_to(Path.cwd()) if activate.is_relative_to(Path.cwd()) else activate
    return f". {shlex.quote(str(place))} && "
