"""Which deliveries a project describes: every `lotus:gitops` of its stacks' files."""

from __future__ import annotations

import contextlib
from pathlib import Path

from lotus.config import from_stack_file
from lotus.errors import ConfigError
from lotus.gitops.settings import GitOpsSettings, gitops_settings


def delivery_of(project: Path, stack: str) -> GitOpsSettings | None:
    """The delivery that applies this stack; None where there is none."""
    return next((settings for settings in deliveries_of(project) if settings.stack == stack), None)


def deliveries_of(project: Path) -> list[GitOpsSettings]:
    """What the lotus:gitops of each `Pulumi.<name>.yaml` describes; those with faults are left out."""
    deliveries: list[GitOpsSettings] = []
    for file in sorted(project.glob("Pulumi.*.yaml")):
        values = from_stack_file(project, file.name[len("Pulumi.") : -len(".yaml")]).gitops
        if not isinstance(values, bool):
            with contextlib.suppress(ConfigError):
                deliveries.append(gitops_settings(values))
    return deliveries
