"""`lotus diff`: the working tree against a git revision, in the words of data. No engine, server or secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lotus.impact import Comparison
from lotus.impact.branch import compared
from lotus.session.session import Session


@dataclass(frozen=True, slots=True)
class Difference:
    """What the files say now and did not say at a revision."""

    base: str
    """The commit compared with, 12 digits."""
    head: str
    """The commit of the working tree, 12 digits; `dirty` if files differ from it."""
    dirty: bool
    comparison: Comparison

    def json(self) -> dict[str, Any]:
        """The difference as a JSON object; the keys are stable."""
        comparison = self.comparison
        return {
            "stack": comparison.stack or None,
            "base": self.base,
            "head": self.head,
            "dirty": self.dirty,
            "risk": comparison.risk.value if comparison.risk else None,
            "digest": comparison.digest,
            "changes": [change.json() for change in comparison.changes],
            "consents": list(comparison.consents),
            "missing_consents": list(comparison.missing_consents),
            "faults": [fault.json() for fault in comparison.faults],
            "not_compared": list(comparison.not_compared),
            "unchecked": list(comparison.unchecked),
        }


def diff(session: Session, revision: str = "HEAD") -> Difference:
    """The working tree against `revision` for one stack; without a stack, the files of all sources.

    Raises:
        ConfigError: git knows no such commit, or no such stack has a file.
    """
    return Difference(
        base=session.git.short(revision),
        head=session.git.short("HEAD"),
        dirty=session.git.changed(),
        comparison=compared(session.root, session.stack, revision),
    )
