"""Which project and which stack a command is about."""

from __future__ import annotations

import os
from pathlib import Path

from lotus.errors import ConfigError
from lotus.local import dev

PROD = "prod"
"""The stack of the lake that people rely on, by the name that `lotus init` and the docs give it."""


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
    dev_state = dev.load(project)
    if stack != dev.STACK:
        from lotus.gitops.deliveries import delivery_of

        variables = {"PULUMI_STACK": stack, "PATH": dev.path(project)}
        delivery = delivery_of(project, stack)
        backend = os.environ.get("PULUMI_BACKEND_URL")
        of_dev = dev.backend_url(dev_state) if dev_state else None
        # A shell's own address may be another way to the same bucket; the dev stack's is not.
        if delivery is not None and backend in (None, "", of_dev):
            variables["PULUMI_BACKEND_URL"] = delivery.state
        return variables
    if dev_state is None:
        raise ConfigError(
            "the dev stack of this clone was never set up",
            where=str(dev.folder(project)),
            fix="lotus dev up",
        )
    return dev.environment(project, dev_state)


def environment_of(project: Path, stack: str | None) -> dict[str, str]:
    """The shell's environment, and over it what the dev stack brings along where it is meant and set up."""
    dev_state = dev.load(project) if stack == dev.STACK else None
    return {**os.environ, **(dev.environment(project, dev_state) if dev_state else {})}


def chosen_stack(project: Path, stack: str | None) -> str:
    """The stack that a command works on, by the one rule for all of them.

    As named; else `PULUMI_STACK`; else `dev` where it was set up in this clone; else `prod` if it has a file; else
    `dev`.
    """
    name = stack or os.environ.get("PULUMI_STACK")
    if name:
        return name
    if dev.load(project) is None and (project / f"Pulumi.{PROD}.yaml").is_file():
        return PROD
    return dev.STACK
