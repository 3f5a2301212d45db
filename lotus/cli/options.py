"""What most commands take: which project, which stack, output for people or for machines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Stack = Annotated[str | None, typer.Option("--stack", help="The stack; default: $PULUMI_STACK, else dev.")]
ReviewedStack = Annotated[
    str | None, typer.Option("--stack", help="The stack; default: $PULUMI_STACK, else prod if it has a file.")
]
_start = Path()


def start_from(folder: Path) -> None:
    """What `lotus --project` says; absent, the current folder."""
    global _start  # noqa: PLW0603  typer hands options of the group to its callback only
    _start = folder


def current_project() -> Path:
    """The project's folder: the nearest one with a Pulumi.yaml.

    Raises:
        ConfigError: there is none.
    """
    from lotus.operations.project import find_project

    return find_project(_start)


def reviewed_stack(asked: str | None, *, otherwise: str = "") -> tuple[Path, str, dict[str, str]]:
    """The project, the stack whose files are compared (`otherwise` where none is meant), and the environment of both.

    Raises:
        ConfigError: there is no project.
    """
    from lotus.operations.diff import stack_to_compare
    from lotus.operations.project import environment_of

    project = current_project()
    chosen = stack_to_compare(project, asked, os.environ) or otherwise
    return project, chosen, environment_of(project, chosen or None)


def current_stack(asked: str | None) -> tuple[Path, str, dict[str, str]]:
    """The project, the stack that is meant, and the environment to work on it with.

    Raises:
        ConfigError: there is no project, or its dev stack was never set up.
    """
    from lotus.operations.project import chosen_stack, stack_environment

    project, chosen = current_project(), chosen_stack(asked)
    return project, chosen, {**os.environ, **stack_environment(project, chosen)}
