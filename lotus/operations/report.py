"""A difference as people read it: plain text for a terminal, Markdown for a pull request; worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lotus.config import Fault
from lotus.impact import Action, Change, Comparison, Risk
from lotus.operations.diff import Difference

_VERBS = {
    Action.CREATE: "creates",
    Action.UPDATE: "updates",
    Action.REPLACE: "replaces",
    Action.DELETE: "deletes",
    Action.NOTHING: "leaves",
}
_WIDTH_OF_RISK = 12


def verb(change: Change) -> str:
    """What happens in Airbyte: `deletes connection Shopify → Lake`."""
    if change.action is Action.NOTHING:
        return f"{change.resource} stays as it is"
    return f"{_VERBS[change.action]} {change.resource}"


def counted(comparison: Comparison) -> str:
    """`2 destructive, 1 high, 4 low`."""
    counts = Counter(change.risk for change in comparison.changes)
    return ", ".join(f"{counts[risk]} {risk}" for risk in Risk if counts[risk]) or "nothing"


def compared(difference: Difference) -> str:
    """`stack prod, 0123456789ab → the working tree`."""
    stack = f"stack {difference.comparison.stack}" if difference.comparison.stack else "all files, no stack"
    head = f"{difference.head} with uncommitted files" if difference.dirty else difference.head
    return f"{stack}: {difference.base} → {head}"


def text(difference: Difference) -> str:
    """For a terminal."""
    found = difference.comparison
    blocks = [f"{compared(difference)}: {counted(found)} to change"]
    if found.faults:
        blocks.append(_faults_text(found.faults))
    blocks += [_change_text(change) for change in found.changes]
    if found.missing_consents:
        lines = [f"needs consent in Pulumi.{found.stack or '<stack>'}.yaml:", "  lotus:confirm:"]
        blocks.append("\n".join([*lines, *(f"    - {line}" for line in found.missing_consents)]))
    for title, items in (("not compared", found.not_compared), ("not checked", found.unchecked)):
        if items:
            blocks.append("\n".join([f"{title}:", *(f"  {item}" for item in items)]))
    return "\n\n".join(blocks)


def _change_text(change: Change) -> str:
    lines = [f"{change.risk.upper():{_WIDTH_OF_RISK}}{change.subject}: {change.what}", f"  airbyte:  {verb(change)}"]
    lines += [f"  data:     {line}" for line in change.data]
    if change.downstream:
        lines.append(f"  readers:  {', '.join(_few(change.downstream))}")
    lines += [
        f"  {name:9} {value}" for name, value in (("verify:", change.verify), ("revert:", change.revert)) if value
    ]
    if change.consent:
        lines.append(f"  consent:  {change.consent}")
    lines.append(f"  file:     {change.file}")
    return "\n".join(lines)


def _faults_text(faults: Iterable[Fault]) -> str:
    return "\n\n".join(["the files have mistakes: nothing at all would be applied", *(f.text() for f in faults)])


def _few(names: tuple[str, ...], most: int = 12) -> list[str]:
    return [*names[:most], f"and {len(names) - most} more"] if len(names) > most else list(names)
