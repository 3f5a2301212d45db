"""`lotus diff`: the working tree against a git revision, in the words of data. No engine, server or secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus import revisions
from lotus.impact import Comparison

PROD = "prod"


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
        found = self.comparison
        return {
            "stack": found.stack or None,
            "base": self.base,
            "head": self.head,
            "dirty": self.dirty,
            "risk": found.risk.value if found.risk else None,
            "digest": found.digest,
            "changes": [change.json() for change in found.changes],
            "consents": list(found.consents),
            "missing_consents": list(found.missing_consents),
            "faults": [fault.json() for fault in found.faults],
            "not_compared": list(found.not_compared),
            "unchecked": list(found.unchecked),
        }


def diff(project: Path, stack: str, revision: str = "HEAD") -> Difference:
    """The working tree against `revision` for one stack; without a stack, the files of all sources.

    Raises:
        ConfigError: git knows no such commit, or no such stack has a file.
    """
    return Difference(
        base=revisions.short(project, revision),
        head=revisions.short(project, "HEAD"),
        dirty=revisions.changed(project),
        comparison=revisions.compared(project, stack, revision),
    )


def stack_to_compare(project: Path, asked: str | None, environment: Mapping[str, str]) -> str:
    """The stack that a difference is about: as asked, else `PULUMI_STACK`, else `prod` if it has a file, else none."""
    named = asked or environment.get("PULUMI_STACK")
    if named:
        return named
    return PROD if (project / f"Pulumi.{PROD}.yaml").is_file() else ""
