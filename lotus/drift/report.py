"""A check for drift as people and machines read it: plain text, Markdown, Prometheus' exposition format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from lotus.drift.scan import Drift, Line, Origin
from lotus.untrusted import Untrusted, block
from lotus.untrusted import lines as lines_of
from lotus.words import counted

_MOST = 12
"""Leaves of one object that people are shown; JSON has all."""


_UNMANAGED = "unmanaged: set in Airbyte, declared in no file, left as it is"


def summary(drift: Drift) -> str:
    """`3 differences: 2 airbyte, 1 bucket`; `no drift` without one."""
    counts = Counter(line.origin for line in drift.lines)
    words = ", ".join(f"{counts[origin]} {origin}" for origin in Origin if counts[origin])
    return f"{counted(len(drift.lines), 'difference')}: {words}" if words else "no drift"


def text(drift: Drift) -> str:
    """For a terminal: desired → live, who likely did it, and how to accept or restore it."""
    blocks = [lines_of(f"stack {drift.stack}: {summary(drift)}")]
    for origin, lines in _objects(drift):
        first = lines[0]
        rows = [f"{origin.upper():14}{first.resource}", *(f"  {row}" for row in _rows(lines))]
        rows += [f"  who:      {first.author}", f"  accept:   {first.accept}", f"  restore:  {first.restore}"]
        blocks.append(lines_of(*rows))
    for title, items in ((_UNMANAGED, _settings(drift)), ("notes", drift.notes), ("not checked", drift.not_checked)):
        if items:
            blocks.append(lines_of(f"{title}:", *(f"  {item}" for item in items)))
    return "\n\n".join(blocks)


def markdown(drift: Drift) -> str:
    """For an issue, a summary or a message."""
    blocks = [f"## Drift of {Untrusted(drift.stack).code()}: {summary(drift)}"]
    for origin, lines in _objects(drift):
        first = lines[0]
        blocks.append(
            f"### {origin}: {Untrusted(first.resource).markdown()}\n\n{block(_rows(lines))}\n\n"
            f"- Who: {Untrusted(first.author).markdown()}\n- Accept: {Untrusted(first.accept).code()}\n"
            f"- Restore: {Untrusted(first.restore).code()}"
        )
    titled = ((_UNMANAGED.capitalize(), _settings(drift)), ("Notes", drift.notes), ("Not checked", drift.not_checked))
    for title, items in titled:
        if items:
            blocks.append("\n".join([f"### {title}", "", *(f"- {Untrusted(item).markdown()}" for item in items)]))
    return "\n\n".join(blocks) + "\n"


def prometheus(drift: Drift) -> str:
    """For a textfile collector or a push gateway; an origin that was not checked has no count and `checked` 0."""
    counts = Counter(line.origin for line in drift.lines)
    objects = Counter((line.origin, line.name, line.resource) for line in drift.lines)
    stack = f'stack="{_label(drift.stack)}"'
    families = {
        ("lotus_drift", "Differences found, by origin."): [
            (f'{stack},origin="{origin}"', counts[origin]) for origin in drift.checked
        ],
        ("lotus_drift_checked", "Whether this origin could be checked."): [
            (f'{stack},origin="{origin}"', int(origin in drift.checked)) for origin in Origin
        ],
        ("lotus_drift_object", "Differences of one object."): [
            (f'{stack},origin="{origin}",name="{_label(name)}",resource="{_label(resource)}"', number)
            for (origin, name, resource), number in objects.items()
        ],
    }
    lines: list[str] = []
    for (name, words), values in families.items():
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
        lines += [f"{name}{{{labels}}} {value}" for labels, value in values]
    return "\n".join(lines) + "\n"


def _objects(drift: Drift) -> Iterator[tuple[Origin, list[Line]]]:
    """The lines of one object, with one author and one way out, together."""

    def key(line: Line) -> tuple[Origin, str, str, str]:
        return (line.origin, line.resource, line.author, line.accept)

    order = list(Origin)
    for group, lines in groupby(sorted(drift.lines, key=lambda x: (order.index(x.origin), *key(x)[1:])), key=key):
        yield group[0], list(lines)


def _settings(drift: Drift) -> tuple[str, ...]:
    return tuple(line.text for line in drift.unmanaged)


def _rows(lines: list[Line]) -> list[str]:
    rows = [f"{line.leaf or 'it'}: {line.declared} → {line.found}" for line in lines[:_MOST]]
    return [*rows, f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else rows


def _label(words: str) -> str:
    return Untrusted(words).terminal().replace("\\", "\\\\").replace('"', '\\"')
