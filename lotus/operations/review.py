"""`lotus review`: what a branch does, for the people who decide about it. Offline: files and git, nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lotus import revisions
from lotus.errors import LotusError
from lotus.impact import Action, Change
from lotus.operations.diff import Difference, diff
from lotus.operations.past_jobs import with_past_rows
from lotus.operations.plan import Plan, Step, preview

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

    def cause(self, step: Step) -> str:
        """Why pulumi plans a step: empty for what the branch itself changes."""
        if any(_about(step, change) for change in self.difference.comparison.changes):
            return ""
        if step.gone:
            return "not of this branch: it was deleted in Airbyte, and this makes it again (lotus drift)"
        if step.drifted:
            return "not of this branch: Airbyte was changed since the last apply, and this puts it back (lotus drift)"
        return "not of this branch: the files it starts from are not applied yet"

    @property
    def done_already(self) -> tuple[Change, ...]:
        """What the branch changes, and pulumi has nothing to do for: Airbyte has it so."""
        if self.plan is None:
            return ()
        steps = self.plan.steps
        changes = [change for change in self.difference.comparison.changes if change.action is not Action.NOTHING]
        return tuple(change for change in changes if not any(_about(step, change) for step in steps))

    def json(self) -> dict[str, Any]:
        """The review as a JSON object; the keys are stable."""
        plan = None
        if self.plan is not None:
            plan = {
                "digest": self.plan.digest,
                "steps": [
                    {
                        "op": s.op,
                        "resource": s.resource,
                        "name": s.name,
                        "leaves": [leaf.text for leaf in s.leaves],
                        "cause": self.cause(s) or None,
                    }
                    for s in self.plan.steps
                ],
                "done_already": [change.resource for change in self.done_already],
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
            found = with_past_rows(difference.comparison, project, stack, environment)
            difference = replace(difference, comparison=found)
        except LotusError as error:
            unchecked.append(f"how many rows it is about: {error.what}")
        try:
            plan = preview(project, stack, {**environment, "LOTUS_OFFLINE": "1"})
        except LotusError as error:
            unchecked += [f"pulumi's plan: {error.what}", *OFFLINE]
    return Review(difference, plan, tuple(unchecked))


def _about(step: Step, change: Change) -> bool:
    """Whether a step of pulumi's is (part of) what a change of the files makes necessary."""
    if step.kind == "backfill":
        return step.name == change.subject
    if step.kind.lower().endswith("definition"):
        # A source's or destination's own connector; `<name>-manifest` and `<name>-connector` are made by the program.
        return change.kind != "connection" and step.name.rsplit("-", 1)[0] == change.name
    if (step.kind, step.name) == (change.kind, change.name):
        return True
    # The other half of a replacement: what hangs on an id that changes.
    return change.action is Action.REPLACE and step.kind == "connection" and change.name in step.name.split("-to-")
