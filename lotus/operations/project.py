"""Which project and which stack a command is about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lotus.errors import ConfigError
from lotus.operations import dev

if TYPE_CHECKING:
    from lotus.gitops.settings import GitOpsSettings


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


def delivery_of(project: Path, stack: str) -> GitOpsSettings | None:
    """The delivery that applies this stack, as the lotus:gitops of some `Pulumi.<name>.yaml` describes it.

    None where there is none, or where its settings have mistakes (which `pulumi up` of that stack shows).
    """
    from lotus.config import from_stack_file
    from lotus.gitops.settings import gitops_settings

    for file in sorted(project.glob("Pulumi.*.yaml")):
        name = file.name[len("Pulumi.") : -len(".yaml")]
        try:
            found = gitops_settings(from_stack_file(project, name).gitops)
        except ConfigError:
            continue
        if found.stack == stack:
            return found
    return None


def environment_of(project: Path, stack: str | None) -> dict[str, str]:
    """The shell's environment, and over it what the dev stack brings along where it is meant and set up."""
    known = dev.load(project) if stack == dev.STACK else None
    return {**os.environ, **(dev.environment(project, known) if known else {})}


def chosen_stack(asked: str | None) -> str:
    """The stack a command works on: as asked, else `PULUMI_STACK`, else dev."""
    return asked or os.environ.get("PULUMI_STACK") or dev.STACK
