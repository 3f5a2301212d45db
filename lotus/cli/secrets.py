"""`lotus secrets`: names, where each has its value, who uses it; never values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.options import Json, Stack, current_project
from lotus.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from lotus.operations.secrets import Secret

secrets_app = typer.Typer(no_args_is_help=True, help="The stack's secrets by name: places and users, never values.")


def add_to(app: typer.Typer) -> None:
    """Registers the commands on the main app."""
    app.add_typer(secrets_app, name="secrets")


def _of(stack: str | None) -> tuple[Path, str, dict[str, str]]:
    from lotus.operations.project import chosen_stack, environment_of

    project, chosen = current_project(), chosen_stack(stack)
    return project, chosen, environment_of(project, chosen)


def _print(found: list[Secret]) -> None:
    rows = [(one.name, one.standing, "\n".join(one.places), "\n".join(one.used_by)) for one in found]
    print_table(("secret", "standing", "where its value is", "who uses it"), rows)


@secrets_app.command("list")
def secrets_list(
    old: Annotated[
        Path | None, typer.Option(help="A Kubernetes Secret's file: where does each of its keys belong now?")
    ] = None,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Names, where each has its value here, who uses it; with --old, what becomes of another system's keys.

    Example: lotus secrets list --stack prod
    """
    from lotus.operations.secrets import moved, secrets

    project, chosen, environment = _of(stack)
    if old is not None:
        became = moved(project, chosen, old, environment)
        if as_json:
            print_json(became)
        else:
            print_table(("old key", "now"), [(one.key, one.place) for one in became])
        return
    found = secrets(project, chosen, environment)
    if as_json:
        print_json(found)
    else:
        _print(found)
        say(f"next: lotus secrets check --stack {chosen}")


@secrets_app.command("check")
def secrets_check(stack: Stack = None, as_json: Json = False) -> None:
    """What would stop an apply: missing ones, two places with different values; exits 2 when there is any.

    Example: lotus secrets check --stack prod
    """
    from lotus.operations.secrets import secrets

    project, chosen, environment = _of(stack)
    found = secrets(project, chosen, environment)
    wrong = [one for one in found if one.wrong]
    if as_json:
        print_json([one for one in found if one.standing != "ok"])
    else:
        _print([one for one in found if one.standing != "ok"])
        for one in wrong:
            say(f"{one.name}: {one.standing}; fix: {one.fix}")
        used = [one for one in found if one.standing != "unused"]
        say(f"{len(used)} secrets, {len(wrong)} of them wrong")
    if wrong:
        raise typer.Exit(2)
    say(f"next: pulumi preview --stack {chosen} (which resources a changed value updates)")
