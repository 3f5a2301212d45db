"""A difference or a review as people read it: plain text for a terminal, Markdown for a pull request; worst first."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from lotus.impact import Action, Change, Comparison, Risk
from lotus.operations.diff import Difference
from lotus.operations.plan import Plan
from lotus.operations.review import Review

COMMENT_LIMIT = 65_000
"""GitHub refuses comments of more than 65,536 characters (peers.md section 5)."""

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


def counted(comparison: Comparison) -> str:
    """`2 destructive, 1 high, 4 low`."""
    counts = Counter(change.risk for change in comparison.changes)
    return ", ".join(f"{counts[risk]} {risk}" for risk in Risk if counts[risk])


def text(difference: Difference, review: Review | None = None) -> str:
    """For a terminal: a difference, or with `review` all that is known about it."""
    found = difference.comparison
    stack = f"stack {found.stack}" if found.stack else "all files, no stack"
    head = f"{difference.head} with uncommitted files" if difference.dirty else difference.head
    blocks = [f"{stack}, {difference.base} → {head}: {counted(found) or 'nothing changes'}"]
    if found.faults:
        blocks += ["the files have mistakes: nothing at all would be applied", *(f.text() for f in found.faults)]
    blocks += [_change_text(change) for change in found.changes]
    if found.missing_consents:
        lines = [f"needs consent in {_stack_file(found)}:", "  lotus:confirm:"]
        blocks.append("\n".join([*lines, *(f"    - {_quoted(line)}" for line in found.missing_consents)]))
    if review is not None and review.plan is not None:
        lines = [f"  {line}" for line in _plan_lines(review, review.plan)]
        blocks.append("\n".join([f"pulumi plans: {_planned(review.plan)}  ({review.plan.digest})", *lines]))
    for title, items in (
        ("not compared", found.not_compared),
        ("not checked", found.unchecked if review is None else review.unchecked),
    ):
        if items:
            blocks.append("\n".join([f"{title}:", *(f"  {item}" for item in items)]))
    return "\n\n".join(blocks)


def markdown(review: Review) -> str:
    """For a pull request: a table of everything, then each change, worst first. It may be longer than a comment."""
    found = review.difference.comparison
    stack = f"`{found.stack}`" if found.stack else "the files"
    title = counted(found) or "nothing changes"
    if found.faults:
        title = f"{_number(len(found.faults), 'mistake')} in the files, nothing would be applied"
    head = f"`{review.difference.head}`" + (" with uncommitted files" if review.difference.dirty else "")
    digest = f" · plan digest `{found.digest}`" if found.changes else ""
    offline = "" if review.plan else " · from the files alone"
    blocks = [
        f"{marker(found.stack)}\n## Lotus review of {stack}: {title}",
        f"`{review.difference.base}` → {head}{digest}{offline}",
    ]
    if found.faults:
        blocks += ["### Mistakes", *(_block(_without_ticks(fault.text())) for fault in found.faults)]
    if found.consents:
        blocks.append(_consents(found))
    if found.changes:
        rows = [f"| {_MARKS[c.risk]} | {_line(verb(c))} | {_line(f'{c.subject}: {c.what}')} |" for c in found.changes]
        blocks.append("\n".join(["| risk | in Airbyte | what |", "| --- | --- | --- |", *rows]))
    blocks += [_change_markdown(number, change) for number, change in enumerate(found.changes, start=1)]
    if review.plan is not None:
        body = "\n".join(_plan_lines(review, review.plan)) or "nothing to do"
        title = f"### Pulumi's plan: {_planned(review.plan)}"
        words = f"Against Airbyte as it is now; its digest is `{review.plan.digest}`."
        blocks.append(f"{title}\n\n{words}\n\n{_block(_without_ticks(body))}")
    for heading, items in (("Not compared", found.not_compared), ("Not checked", review.unchecked)):
        if items:
            blocks.append("\n".join([f"### {heading}", "", *(f"- {_line(item)}" for item in items)]))
    return "\n\n".join(blocks) + "\n"


def cut(whole: str, limit: int = COMMENT_LIMIT, *, rest: str = "") -> str:
    """The Markdown within `limit` characters, cut between blocks; `rest` says where the whole text is."""
    if len(whole) <= limit:
        return whole
    room = limit - _CUT_NOTICE
    end = whole.rfind("\n\n", 0, room)
    end = end if end > 0 else whole.rfind("\n", 0, room)
    shown = whole[:end]
    if shown.count("\n```") % 2:
        shown += "\n```"
    left = whole[end:].count("\n#### ")
    what = f"{_number(left, 'more change')}, none worse than the last one above" if left else "the rest"
    where = f" The whole review is in {rest}." if rest else " `lotus review` shows all of it."
    return f"{shown}\n\n**Cut here: {what}.**{where}\n"


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


def _change_markdown(number: int, change: Change) -> str:
    lines = [
        f"#### {number}. {_MARKS[change.risk]}: {_line(f'{change.subject}: {change.what}')}",
        "",
        f"- Airbyte: {_line(verb(change))} ({_code(change.file)})",
        *(f"- Data: {_line(line)}" for line in change.data),
    ]
    if change.downstream:
        lines.append(f"- Readers: {', '.join(_few(change.downstream))}")
    if change.verify:
        lines.append(f"- Verify: {_code(change.verify)}")
    if change.revert:
        lines.append(f"- Revert: {_line(change.revert)}")
    if change.consent:
        lines.append(f"- Consent: {_code(change.consent)}")
    return "\n".join(lines)


def _consents(found: Comparison) -> str:
    file = _code(_stack_file(found))
    given = [line for line in found.consents if line not in found.missing_consents]
    lines = ["### Consent"]
    if found.missing_consents:
        entries = [f"    - {_quoted(line)}" for line in found.missing_consents]
        block = _block("\n".join(["config:", "  lotus:confirm:", *entries]), "yaml")
        never = (
            " (what never synced needs none)" if any("stream" not in line for line in found.missing_consents) else ""
        )
        lines.append(f"Missing{never}. Whoever means it adds this to {file}:\n\n{block}")
    if given:
        lines.append(f"Given in {file}: " + "; ".join(_code(line) for line in given))
    return "\n\n".join(lines)


def _quoted(line: str) -> str:
    """A phrase as YAML that stays a text: one of a backfill has a colon in it."""
    return json.dumps(line, ensure_ascii=False)


def _stack_file(found: Comparison) -> str:
    return f"Pulumi.{found.stack or '<stack>'}.yaml"


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
    lines += dict.fromkeys(f"= {change.resource} (Airbyte has it so already)" for change in review.done_already)
    return [*lines, *(line for message in plan.messages for line in message.splitlines())]


def _few(names: Sequence[str], most: int = 9) -> list[str]:
    return [*names[:most], f"and {len(names) - most} more"] if len(names) > most else list(names)


def _number(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def _line(words: str) -> str:
    """Words of the files inside Markdown: no tag, link, mention or line end of theirs has an effect."""
    return re.sub(r"([<>`*|\\\[\]])", r"\\\1", " ".join(words.split())).replace("@", "@\u200b")


def _code(words: str) -> str:
    return "`" + words.replace("\n", " ").replace("`", "'") + "`"


def _block(words: str, language: str = "text") -> str:
    return f"```{language}\n{words}\n```"


def _without_ticks(words: str) -> str:
    """Words inside a block of code, which must not end it."""
    return words.replace("```", "'''")
