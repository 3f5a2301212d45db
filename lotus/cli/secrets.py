"""`lotus secrets`: names, where each has its value, who uses it; never values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.groups import Families
from lotus.cli.options import Json, Stack, compared_session
from lotus.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from lotus.authoring.secrets import Secret

secrets_app = typer.Typer(cls=Families, no_args_is_help=True, help="Show the stack's secrets by name, never a value.")


def _print(listed: list[Secret]) -> None:
    rows = [(secret.name, secret.standing, secret.places, secret.used_by) for secret in listed]
    print_table(("secret", "standing", "where its value is", "who uses it"), rows)


@secrets_app.command("list")
def secrets_list(
    old: Annotated[
        Path | None, typer.Option(help="A Kubernetes Secret's file: show where its keys belong now.")
    ] = None,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """List secrets by name, with the places of their values.

    With --old, show where another system's keys belong now.

    Example: lotus secrets list --stack prod
    """
    from lotus.authoring.secrets import moved, secrets

    session = compared_session(stack)
    if old is not None:
        became = moved(session, old)
        if as_json:
            print_json(became)
        else:
            print_table(("old key", "now"), [(key.key, key.place) for key in became])
        return
    listed = secrets(session)
    if as_json:
        print_json(listed)
    else:
        _print(listed)
        say(f"next: lotus validate --stack {session.stack}")
