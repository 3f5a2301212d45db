"""`lotus review`: what a branch does, for the people who decide about it. Offline: files and git, nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus.errors import LotusError
from lotus.operations import revisions
from lotus.operations.diff import Difference, diff
from lotus.operations.plan import Plan, preview

OFFLINE = (
    "whether Airbyte has changed since the last apply (lotus drift)",
    "configurations against Airbyte's own check, and that credentials work",
)
"""What files alone cannot tell."""


@dataclass(frozen=True, slots=True)
class Review:
    """A difference, and with access what pulumi plans for it."""

    difference: Difference
    plan: Plan | None
    unchecked: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """The review as a JSON object; the keys are stable."""
        plan = None
        if self.plan is not None:
            plan = {
                "steps": [
                    {"op": s.op, "resource": s.resource, "name": s.name, "leaves": [leaf.text for leaf in s.leaves]}
                    for s in self.plan.steps
                ],
                "unchanged": self.plan.unchanged,
                "messages": list(self.plan.messages),
            }
        return {**self.difference.json(), "unchecked": list(self.unchecked), "plan": plan}


def review(
    project: Path,
    stack: str,
    *,
    base: str | None = None,
    offline: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Review:
    """The working tree against the commit where it left `base`.

    Without `offline`, pulumi previews it against the live Airbyte; missing secrets keep what the state holds. If that
    fails, its words are listed as not checked: the files' own part stands.

    Raises:
        ConfigError: git does not know `base`, or the stack has no file.
    """
    environment = os.environ if environment is None else environment
    start = revisions.merge_base(project, base or revisions.default_base(project, environment))
    difference = diff(project, stack, start)
    unchecked = [*difference.comparison.unchecked]
    plan: Plan | None = None
    if offline or not stack:
        unchecked += OFFLINE
    elif difference.comparison.faults:
        unchecked.append("pulumi's plan: the files have mistakes")
    else:
        try:
            plan = preview(project, stack, {**environment, "LOTUS_OFFLINE": "1"}, refresh=True)
        except LotusError as error:
            unchecked += [f"pulumi's plan: {error.what}", *OFFLINE]
    return Review(difference, plan, tuple(unchecked))
