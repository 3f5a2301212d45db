"""What the files do to the data, said by `pulumi preview` on the resources that it happens to.

The lines are those of `lotus diff`: the working tree against the commit where it left the main branch. Where that
cannot be known (no git, no main branch, an operator's pod), or nothing differs, nothing is said and no file is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lotus import revisions
from lotus.errors import LotusError
from lotus.impact import Change, Risk

VARIABLE = "LOTUS_NOTICES"
OFF = "off"
"""For those who show the same lines themselves, such as `lotus review`."""


def changes(root: Path, stack: str, streams: str) -> tuple[str, tuple[Change, ...]]:
    """The commit compared with (12 digits, empty if there is none) and the changes since, worst first.

    Args:
        streams: the folder of the streams, relative to `root`.
    """
    if os.environ.get(VARIABLE) == OFF:
        return "", ()
    try:
        base = revisions.merge_base(root, revisions.default_base(root, os.environ))
        if not revisions.differs(root, base, [streams, f"Pulumi.{stack}.yaml"]):
            return "", ()
        return base[:12], revisions.compared(root, stack, base).changes
    except LotusError:
        return "", ()  # not a git checkout, or one without its history: that is where most previews of a pod run


def notice(change: Change) -> str:
    """One change as a notice: what, what that means for the data, and whether a revert brings it back."""
    lines = [f"{change.subject}: {change.what} ({change.risk})", *change.data]
    if change.revert and change.risk in (Risk.DESTRUCTIVE, Risk.HIGH):
        lines.append(f"a revert {change.revert}")
    if change.consent:
        lines.append(f"needs consent: {change.consent}")
    return "\n  ".join(lines)


def by_resource(found: Iterable[Change]) -> dict[tuple[str, str], list[Change]]:
    """The changes by kind and Pulumi name of the resource that they happen to."""
    grouped: dict[tuple[str, str], list[Change]] = {}
    for change in found:
        grouped.setdefault((change.kind, change.name), []).append(change)
    return grouped
