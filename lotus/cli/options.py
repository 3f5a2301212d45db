"""What most commands take: which project, which stack, output for people or for machines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lotus.session.session import Session

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Stack = Annotated[
    str | None, typer.Option("--stack", help="The stack; default: $PULUMI_STACK, else dev if set up here, else prod.")
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
    from lotus.session.project import find_project

    return find_project(_start)


def current_session(stack: str | None) -> Session:
    """The stack that a command works on, with what reaches its state.

    Raises:
        ConfigError: there is no project, or its dev stack was never set up.
    """
    from lotus.session.project import chosen_stack, stack_environment
    from lotus.session.session import Session

    project = current_project()
    chosen = chosen_stack(project, stack)
    return Session(project, chosen, {**os.environ, **stack_environment(project, chosen)})


def compared_session(stack: str | None) -> Session:
    """The stack whose files are looked at; the dev stack need not be set up for it.

    Raises:
        ConfigError: there is no project.
    """
    from lotus.session.project import chosen_stack

    return files_session(chosen_stack(current_project(), stack))


def files_session(stack: str | None) -> Session:
    """The files, with the overrides and values of the stack that is named.

    Raises:
        ConfigError: there is no project.
    """
    from lotus.session.project import environment_of
    from lotus.session.session import Session

    project = current_project()
    return Session(project, stack or "", environment_of(project, stack))
