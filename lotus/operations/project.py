"""Which project and which stack a command is about."""

from __future__ import annotations

import os
from pathlib import Path

from lotus.errors import ConfigError
from lotus.operations import dev


def find_project(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds a `Pulumi.yaml`.

    Raises:
        ConfigError: there is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "Pulumi.yaml").exists():
            return folder
    raise ConfigError(
        "this is not a lotus project: there is no Pulumi.yaml here or above",
        where=str(start.resolve()),
        fix="change into the project's folder, or name it: lotus --project DIR …",
    )


def stack_environment(project: Path, stack: str) -> dict[str, str]:
    """The variables that `pulumi` and lotus need for `stack`, besides what the shell has already.

    Raises:
        ConfigError: the dev stack was never set up.
    """
    if stack != dev.STACK:
        return {"PULUMI_STACK": stack, "PATH": dev.path(project)}
    known = dev.load(project)
    if known is None:
        raise ConfigError(
            "the dev stack of this clone was never set up",
            where=str(dev.folder(project)),
            fix="lotus dev up",
        )
    return dev.environment(project, known)


def environment_of(project: Path, stack: str | None) -> dict[str, str]:
    """The shell's environment, and over it what the dev stack brings along where it is meant and set up."""
    known = dev.load(project) if stack == dev.STACK else None
    return {**os.environ, **(dev.environment(project, known) if known else {})}


def chosen_stack(asked: str | None) -> str:
    """The stack a command works on: as asked, else `PULUMI_STACK`, else dev."""
    return asked or os.environ.get("PULUMI_STACK") or dev.STACK
