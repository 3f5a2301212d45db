"""A difference or a review as people read it: plain text for a terminal, Markdown for a pull request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from lotus.impact import Action, Change, Comparison, Risk
from lotus.review.review import Review
from lotus.session.preview import Plan
from lotus.untrusted import Untrusted, block
from lotus.untrusted import lines as lines_of
from lotus.words import counted

COMMENT_LIMIT = 65_000
"""GitHub refuses comments of more than 65,536 characters (docs/pulumi-behaviour.md#size-of-a-comment)."""

_CUT_NOTICE = 700
_MOST_LEAVES = 12
"""Of one object in pulumi's plan; a manifest can have hundreds."""
_WIDTH_OF_RISK = 12
_VERBS = {
    Action.CREATE: "creates",
    Action.UPDATE: "updates",
    Action.REPLACE: "replaces",
    Action.DELETE: "deletes",
}
_MARKS = {
    Risk.DESTRUCTIVE: "🛑 destructive",
    Risk.HIGH: "🔶 high",
    Risk.MEDIUM: "🔷 medium",
    Risk.LOW: "▫️ low",
}
_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}


def marker(stack: str) -> str:
    """The first line of a comment, by which the next run finds it; each stack has a comment of its own."""
    return f"<!-- lotus review of {stack or 'the files'} -->"


def verb(change: Change) -> str:
    """What happens in Airbyte: `deletes connection Shopify → Lake`."""
    if change.action is Action.NOTHING:
        return f"{change.resource} stays as it is"
    return f"{_VERBS[change.action]} {change.resource}"


def risk_counts(comparison: Comparison) -> str:
    """`2 destructive, 1 high, 4 low`."""
    counts = Counter(change.risk for change in comparison.changes)
    return ", ".join(f"{counts[risk]} {risk}" for risk in Risk if counts[risk])


def text(review: Review) -> str:
    """For a terminal."""
    difference, comparison = review.difference, review.difference.comparison
    stack = f"stack {comparison.stack}" if comparison.stack else "all files, no stack"
    head = f"{difference.head} with uncommitted files" if difference.dirty else difference.head
    blocks = [lines_of(f"{stack}, {difference.base} → {head}: {risk_counts(comparison) or 'nothing changes'}")]
    if comparison.faults:
        faults = counted(len(comparison.faults), "fault")
        blocks += [f"{faults} in the files: nothing would be applied", *(f.text() for f in comparison.faults)]
    blocks += [_change_text(change) for change in comparison.changes]
    if comparison.missing_consents:
        lines = [f"needs consent in {_stack_file(comparison)}:", "  lotus:confirm:"]
        blocks.append(lines_of(*lines, *(f"    - {_quoted(line)}" for line in comparison.missing_consents)))
    if review.plan is not None:
        lines = [f"  {line}" for line in _plan_lines(review, review.plan)]
        blocks.append(lines_of(f"pulumi plans: {_planned(review.plan)}  ({review.plan.digest})", *lines))
    for title, items in (("not compared", comparison.not_compared), ("not checked", review.unchecked)):
        if items:
            blocks.append(lines_of(f"{title}:", *(f"  {item}" for item in items)))
    return "\n\n".join(blocks)


def markdown(review: Review) -> str:
    """For a pull request: a table of everything, then each change, most dangerous first. May exceed a comment."""
    comparison = review.difference.comparison
    blocks = [_heading(review)]
    if comparison.faults:
        blocks += ["### Faults", *(block(fault.text().splitlines()) for fault in comparison.faults)]
    if comparison.consents:
        blocks.append(_consents(comparison))
    if comparison.changes:
        blocks.append(_table(comparison.changes))
    blocks += [_change_markdown(number, change) for number, change in enumerate(comparison.changes, start=1)]
    if review.plan is not None:
        blocks.append(_plan_markdown(review, review.plan))
    for heading, items in (("Not compared", comparison.not_compared), ("Not checked", review.unchecked)):
        if items:
            blocks.append("\n".join([f"### {heading}", "", *(f"- {_line(item)}" for item in items)]))
    return "\n\n".join(blocks) + "\n"


def _heading(review: Review) -> str:
    comparison = review.difference.comparison
    stack = _code(comparison.stack) if comparison.stack else "the files"
    title = risk_counts(comparison) or "nothing changes"
    if comparison.faults:
        title = f"{counted(len(comparison.faults), 'fault')} in the files, nothing would be applied"
    head = f"`{review.difference.head}`" + (" with uncommitted files" if review.difference.dirty else "")
    digest = f" · plan digest `{comparison.digest}`" if comparison.changes else ""
    offline = "" if review.plan else " · from the files alone"
    return (
        f"{marker(comparison.stack)}\n## Lotus review of {stack}: {title}\n\n"
        f"`{review.difference.base}` → {head}{digest}{offline}"
    )


def _table(changes: Sequence[Change]) -> str:
    rows = [f"| {_MARKS[c.risk]} | {_line(verb(c))} | {_line(f'{c.subject}: {c.what}')} |" for c in changes]
    return "\n".join(["| risk | in Airbyte | what |", "| --- | --- | --- |", *rows])


def _plan_markdown(review: Review, plan: Plan) -> str:
    body = _plan_lines(review, plan) or ["nothing to do"]
    words = f"Against Airbyte as it is now; its digest is `{plan.digest}`."
    return f"### Pulumi's plan: {_planned(plan)}\n\n{words}\n\n{block(body)}"


def cut(document: str, limit: int = COMMENT_LIMIT, *, rest: str = "") -> str:
    """The Markdown within `limit` characters, cut between blocks; `rest` says where the whole text is."""
    if len(document) <= limit:
        return document
    room = limit - _CUT_NOTICE
    end = document.rfind("\n\n", 0, room)
    end = end if end > 0 else document.rfind("\n", 0, room)
    visible = document[:end]
    if visible.count("\n```") % 2:
        visible += "\n```"
    left = document[end:].count("\n#### ")
    omitted = f"{counted(left, 'more change')}, none more dangerous than the last one above" if left else "the rest"
    pointer = f" The whole review is in {rest}." if rest else " `lotus review` shows all of it."
    return f"{visible}\n\n**Cut here: {omitted}.**{pointer}\n"


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
    return lines_of(*lines)


def _change_markdown(number: int, change: Change) -> str:
    lines = [
        f"#### {number}. {_MARKS[change.risk]}: {_line(f'{change.subject}: {change.what}')}",
        "",
        f"- Airbyte: {_line(verb(change))} ({_code(change.file)})",
        *(f"- Data: {_line(line)}" for line in change.data),
    ]
    if change.downstream:
        lines.append(f"- Readers: {', '.join(map(_line, _few(change.downstream)))}")
    if change.verify:
        lines.append(f"- Verify: {_code(change.verify)}")
    if change.revert:
        lines.append(f"- Revert: {_line(change.revert)}")
    if change.consent:
        lines.append(f"- Consent: {_code(change.consent)}")
    return "\n".join(lines)


def _consents(comparison: Comparison) -> str:
    file = _code(_stack_file(comparison))
    granted = [line for line in comparison.consents if line not in comparison.missing_consents]
    lines = ["### Consent"]
    if comparison.missing_consents:
        entries = [f"    - {_quoted(line)}" for line in comparison.missing_consents]
        yaml = block(["config:", "  lotus:confirm:", *entries], "yaml")
        never = (
            " (not needed for what never synced)"
            if any("stream" not in line for line in comparison.missing_consents)
            else ""
        )
        lines.append(f"Missing{never}. To agree, add this to {file}:\n\n{yaml}")
    if granted:
        lines.append(f"Given in {file}: " + "; ".join(_code(line) for line in granted))
    return "\n\n".join(lines)


def _quoted(line: str) -> str:
    """A phrase as YAML that stays a text: one of a backfill has a colon in it."""
    return json.dumps(line, ensure_ascii=False)


def _stack_file(comparison: Comparison) -> str:
    return f"Pulumi.{comparison.stack or '<stack>'}.yaml"


def _planned(plan: Plan) -> str:
    counts = Counter(step.op for step in plan.steps)
    return ", ".join([*(f"{count} to {op}" for op, count in counts.items()), f"{plan.unchanged} unchanged"])


def _plan_lines(review: Review, plan: Plan) -> list[str]:
    lines: list[str] = []
    for step in plan.steps:
        cause = review.cause(step)
        lines.append(f"{_SIGNS[step.op]} {step.resource}")
        mark = "  (changed in Airbyte since the last apply)"
        leaves = [f"{leaf.text}{mark if not cause and leaf.path in step.drifted else ''}" for leaf in step.leaves]
        lines += [f"    {leaf}" for leaf in _few(leaves, _MOST_LEAVES)]
        if cause:
            lines.append(f"    ({cause})")
    lines += dict.fromkeys(f"= {change.resource} (already so in Airbyte)" for change in review.done_already)
    return [*lines, *(line for message in plan.messages for line in message.splitlines())]


def _few(names: Sequence[str], most: int = 9) -> list[str]:
    return [*names[:most], f"and {len(names) - most} more"] if len(names) > most else list(names)


def _line(words: str) -> str:
    return Untrusted(words).markdown()


def _code(words: str) -> str:
    return Untrusted(words).code()
