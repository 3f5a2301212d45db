"""The commands of `lotus`: one line each, by family."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from lotus.cli import (
    actors,
    adopt,
    backfill,
    connectors,
    drift,
    files,
    gitops,
    lake,
    local,
    review,
    secrets,
    state,
    streams,
)
from lotus.cli.groups import Families
from lotus.cli.options import start_from
from lotus.cli.output import print_line

COMMANDS: dict[str, dict[str, Callable[..., Any] | typer.Typer]] = {
    "Files": {
        "init": files.init_command,
        "validate": files.validate_command,
        "discover": streams.discover_command,
        "streams": streams.streams_app,
        "sources": actors.sources_app,
        "destinations": actors.destinations_app,
        "connectors": connectors.connectors_app,
        "adopt": adopt.adopt_command,
        "catalog": streams.catalog_command,
        "backfill": backfill.backfill_app,
        "secrets": secrets.secrets_app,
        "fmt": files.fmt_command,
        "schema": files.schema_command,
        "explain": files.explain_command,
    },
    "The live lake": {
        "sync": lake.sync_command,
        "landing": lake.landing_app,
        "check": actors.check_command,
        "dev": local.dev_app,
        "env": local.env,
    },
    "Git and cluster": {
        "review": review.review_command,
        "diff": review.diff_command,
        "drift": drift.drift_app,
        "status": gitops.status_command,
        "reconcile": gitops.reconcile_command,
        "state": state.state_app,
        "gitops": gitops.gitops_app,
    },
}
"""Every command, by the family that `lotus --help` shows it in."""

app = typer.Typer(
    name="lotus",
    cls=Families,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich would double the time that `lotus --help` takes
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print_line(f"lotus {version('lotus-lake')}")
        raise typer.Exit


@app.callback()
def choose_project(
    project: Annotated[
        Path, typer.Option(help="The project's folder; default: the nearest one with a Pulumi.yaml.")
    ] = Path(),
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show lotus's version.")
    ] = False,
) -> None:
    """Manage an Airbyte lake from git: the commands that Pulumi does not have."""
    start_from(project)


for _family, _commands in COMMANDS.items():
    for _name, _command in _commands.items():
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_name, rich_help_panel=_family)
        else:
            app.command(_name, rich_help_panel=_family)(_command)
