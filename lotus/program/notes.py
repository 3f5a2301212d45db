"""What the files do to the data, said by `pulumi preview` on the resources that it happens to.

The lines are those of `lotus diff`: the working tree against the files that were applied last, as the state knows them.
Where that cannot be known, they are against the commit where the branch left the main branch, and say so. Where nothing
differs from what is applied, git is not asked and no file is parsed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lotus.config import Settings
from lotus.errors import LotusError
from lotus.impact import Change, Risk
from lotus.impact.branch import compared
from lotus.program import applied
from lotus.session.preview import NOTES_OFF, NOTES_VARIABLE
from lotus.tools.git import Git
from lotus.untrusted import Untrusted

if TYPE_CHECKING:
    from pulumi_airbyte import Applied

_PARTLY = "partly"
FILES = "files"
"""The output of the `Lake` that has the digest of the files that were applied last."""


@dataclass(frozen=True, slots=True)
class Base:
    """What the files are compared with, and why it is not what is applied, if it is not."""

    commit: str
    reason: str = ""

    @property
    def heading(self) -> str:
        """The sentence above the notes."""
        same = f"as in `lotus diff {self.commit}`:"
        if not self.reason:
            return f"changes in the files since {self.commit}, which is applied, {same}"
        return (
            f"{self.reason}, so this compares with {self.commit}, where the branch left the main branch, and may "
            f"repeat what is applied; {same}"
        )


def wanted() -> bool:
    """Whether a preview says them: `lotus review` shows the same lines itself."""
    return os.environ.get(NOTES_VARIABLE) != NOTES_OFF


def changes(root: Path, settings: Settings, lake: Applied | None) -> tuple[Base, tuple[Change, ...]] | None:
    """What the files are compared with and the changes since, worst first; None where there is nothing to say.

    Args:
        lake: the `Lake` in the state, without outputs if it has none; None if the state cannot be read.
    """
    if lake is not None and not lake.outputs:
        return None  # nothing is applied: the plan shows all as new, and that is all there is to say
    files = _applied_files(root, settings, lake) if lake else ""
    if lake and files == _PARTLY and not lake.planned:
        return None
    try:
        base = _base(Git(root), settings, lake, files)
        if not Git(root).differs(base.commit, applied.paths(settings)):
            return None
        found = compared(root, settings.stack, base.commit).changes
        return (base, found) if found else None
    except LotusError:
        return None  # not a git checkout, or one without its history: that is where most previews of a pod run


def _applied_files(root: Path, settings: Settings, lake: Applied) -> str:
    """The digest in the state, or a word where it is that of the files as they are."""
    files = lake.outputs.get(FILES, "")
    return _PARTLY if files and files == applied.files_digest(root, settings) else files


def _base(git: Git, settings: Settings, lake: Applied | None, files: str) -> Base:
    commit = applied.commit_with(git, files, settings) if files not in ("", _PARTLY) else None
    if commit:
        return Base(commit)
    if lake is None:
        reason = "the state cannot be read"
    elif not files:
        reason = "the state does not say which files are applied"
    elif files == _PARTLY:
        reason = "the last update did not apply all of these files, or something else than a file has changed"
    else:
        reason = "the files that are applied are in no commit here"
    return Base(git.merge_base(git.default_base(os.environ))[: applied.NAME_LENGTH], reason)


def notice(change: Change) -> str:
    """One change as a notice: what, what that means for the data, and whether a revert brings it back."""
    lines = [f"{change.subject}: {change.what} ({change.risk})", *change.data]
    if change.revert and change.risk in (Risk.DESTRUCTIVE, Risk.HIGH):
        lines.append(f"a revert {change.revert}")
    if change.consent:
        lines.append(f"needs consent: {change.consent}")
    return "\n  ".join(Untrusted(line).terminal() for line in lines)


def by_resource(all_changes: Iterable[Change]) -> dict[tuple[str, str], list[Change]]:
    """The changes by kind and Pulumi name of the resource that they happen to."""
    grouped: dict[tuple[str, str], list[Change]] = {}
    for change in all_changes:
        grouped.setdefault((change.kind, change.name), []).append(change)
    return grouped
