"""`lotus review`: what a branch does, for the people who decide about it. Offline: files and git, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lotus.errors import LotusError
from lotus.impact import Action, Change
from lotus.review.diff import Difference, diff
from lotus.review.past_jobs import with_past_rows
from lotus.session.preview import Plan, Step
from lotus.session.session import Session

OFFLINE = (
    "whether Airbyte has changed since the last apply (lotus drift)",
    "whether configurations pass Airbyte's own check, and whether credentials work",
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
            return "not from this branch: it was deleted in Airbyte; an apply recreates it (lotus drift)"
        if step.drifted:
            return (
                "not from this branch: it changed in Airbyte since the last apply; an apply restores it (lotus drift)"
            )
        return "not from this branch: the files it starts from are not applied yet"

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
    session: Session,
    *,
    base: str | None = None,
    offline: bool = False,
) -> Review:
    """The working tree against the commit where it left `base`.

    Without `offline`, pulumi previews it against the live Airbyte; missing secrets keep what the state holds. If that
    fails, its words are listed as not checked: the files' own part stands.

    Raises:
        ConfigError: git does not know `base`, or the stack has no file.
    """
    start = session.git.merge_base(base or session.git.default_base(session.environment))
    difference = diff(session, start)
    unchecked = [*difference.comparison.unchecked]
    plan: Plan | None = None
    if offline or not session.stack:
        unchecked += OFFLINE
    elif difference.comparison.faults:
        unchecked.append("pulumi's plan: the files have faults")
    else:
        try:
            comparison = with_past_rows(difference.comparison, session)
            difference = replace(difference, comparison=comparison)
        except LotusError as error:
            unchecked.append(f"the number of rows concerned: {error.what}")
        try:
            plan = session.preview()
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
