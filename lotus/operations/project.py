"""Which project and which stack a command is about."""

from __future__ import annotations

import os
from pathlib import Path

from lotus.config import pulumi_yaml
from lotus.config.pulumi_yaml import stack_config
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
    known = dev.load(project)
    if stack != dev.STACK:
        from lotus.gitops.deliveries import delivery_of

        found = {"PULUMI_STACK": stack, "PATH": dev.path(project)}
        delivery = delivery_of(project, stack)
        given = os.environ.get("PULUMI_BACKEND_URL")
        of_dev = dev.environment(project, known)["PULUMI_BACKEND_URL"] if known else None
        # A shell's own address may be another way to the same bucket; the dev stack's is not.
        if delivery is not None and given in (None, "", of_dev):
            found["PULUMI_BACKEND_URL"] = delivery.state
        return found
    if known is None:
        raise ConfigError(
            "the dev stack of this clone was never set up",
            where=str(dev.folder(project)),
            fix="lotus dev up",
        )
    return dev.environment(project, known)


def project_name(project: Path) -> str:
    """The name in Pulumi.yaml, a part of every key of the state.

    Raises:
        ConfigError: there is none.
    """
    name = pulumi_yaml.project_name(project)
    if not name:
        raise ConfigError("the project has no name", where=str(project / "Pulumi.yaml"), fix="add: name: lake")
    return name


def writer(project: Path, stack: str) -> str:
    """Who alone changes the stack, as its file says; empty: everybody."""
    return str(stack_config(project, stack).get("airbyte:writer") or "")


def environment_of(project: Path, stack: str | None) -> dict[str, str]:
    """The shell's environment, and over it what the dev stack brings along where it is meant and set up."""
    known = dev.load(project) if stack == dev.STACK else None
    return {**os.environ, **(dev.environment(project, known) if known else {})}


def chosen_stack(asked: str | None) -> str:
    """The stack a command works on: as asked, else `PULUMI_STACK`, else dev."""
    return asked or os.environ.get("PULUMI_STACK") or dev.STACK
