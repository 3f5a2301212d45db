"""A connection's settings: declared, declared otherwise, or declared no more, and what each does.

A setting that no file declares is left as Airbyte has it (docs/ownership.md), so what it was or will be is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from lotus.config import Connection
from lotus.config.schedule import BasicSchedule, Manual, QuartzSchedule
from lotus.impact.change import Action, Change, Risk
from lotus.impact.pair import Pair, changes_ends, owner, subjects

_MONDAY = datetime(2026, 11, 2, tzinfo=UTC)  # any week: how often a schedule runs must not depend on today
_RUNS = 200
_UNDECLARED = "not declared"
_COLUMNS = {
    "ignore": "columns that the source adds do not land until a file or a discovery names them",
    "disable_connection": "the first column that the source adds stops all syncs until a person reviews it",
    "propagate_columns": "columns that the source adds land automatically, new streams do not",
    "propagate_fully": "columns and streams that the source adds land automatically",
}
_NARROW = ("ignore", "disable_connection")


def setting_changes(pair: Pair) -> Iterator[Change]:
    """What the connection does otherwise, and what is not managed any more."""
    yield from _schedule(pair)
    yield from _status(pair)
    yield from _columns(pair)
    yield from _tags(pair)
    yield from _places(pair)
    titles = owner(pair.before, pair.old).title, pair.owner.title
    if titles[0] != titles[1] and not changes_ends(pair):
        yield _setting(pair, Risk.LOW, f"name {titles[0]} → {titles[1]}", "what lands does not change")


def _schedule(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.schedule, pair.new.schedule
    before, after = scheduled(pair.old), scheduled(pair.new)
    if old == new:
        return
    if new is None and before is None:
        yield _released(pair, "schedule", "it stays manual until somebody sets one in Airbyte")
    elif new is None:
        effect = "schedule: back to manual; the connection stops running by itself"
        yield _setting(
            pair, Risk.MEDIUM, effect, "start it with lotus sync", consent=f"stop schedule of {_title(pair)}"
        )
    elif after is None:
        text = "it no longer runs on a schedule; start it with lotus sync"
        yield _setting(pair, Risk.MEDIUM, f"schedule {old or _UNDECLARED} → manual", text)
    elif before is None:
        text = f"it now runs on a schedule: {often(after)}"
        yield _setting(pair, Risk.LOW, f"schedule {old or _UNDECLARED} → {new}", text)
    else:
        yield _setting(pair, Risk.LOW, f"schedule {old} → {new}", f"from {often(before)} to {often(after)}")


def scheduled(connection: Connection) -> QuartzSchedule | BasicSchedule | None:
    """What makes it run by itself, as far as the files say."""
    return None if isinstance(connection.schedule, Manual) else connection.schedule


def _status(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.settings.status, pair.new.settings.status
    if old == new:
        return
    if new is None and old == "active":
        yield _released(pair, "status", "it stays active until somebody pauses it in Airbyte")
    elif new is None:
        yield _setting(
            pair, Risk.LOW, "status: back to active; its schedule runs again", "syncs go on from where they stopped"
        )
    elif new == "inactive":
        text = "no sync runs, neither by schedule nor by hand; the position is kept"
        yield _setting(pair, Risk.MEDIUM, f"status {old or _UNDECLARED} → inactive", text)
    else:
        text = "syncs run again from where they stopped"
        yield _setting(pair, Risk.LOW, f"status {old or _UNDECLARED} → active", text)


def _columns(pair: Pair) -> Iterator[Change]:
    old = pair.old.settings.non_breaking_schema_updates_behavior
    new = pair.new.settings.non_breaking_schema_updates_behavior
    if old == new:
        return
    if new is not None:
        text = f"new columns and streams: {old or _UNDECLARED} → {new}"
        yield _setting(pair, Risk.LOW, text, _COLUMNS[new])
    elif old == "propagate_columns":
        yield _released(pair, "new columns and streams", "they stay propagate_columns until somebody changes that")
    else:
        text = "new columns and streams: back to propagate_columns"
        consent = f"widen columns of {_title(pair)}" if old in _NARROW else ""
        yield _setting(pair, Risk.LOW, text, _COLUMNS["propagate_columns"], consent=consent)


def _tags(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.settings, pair.new.settings
    if set(old.tags or ()) != set(new.tags or ()):
        tags = f"{', '.join(old.tags or ()) or 'none'} → {', '.join(new.tags or ()) or 'none'}"
        yield _setting(pair, Risk.LOW, f"tags {tags}", "what lands does not change")


def _places(pair: Pair) -> Iterator[Change]:
    """Namespace and prefix that are not declared any more; where rows land then is a change of its own."""
    old, new = pair.old.settings, pair.new.settings
    if old.prefix and new.prefix is None:
        text = "the next sync writes under the streams' own names"
        yield _setting(pair, Risk.LOW, "prefix: back to none", text)
    if _namespace(pair.old) and not _namespace(pair.new):
        text = "the next sync may write elsewhere"
        yield _setting(pair, Risk.LOW, f"namespace: back to custom_format {pair.new.first_name}", text)


def _namespace(connection: Connection) -> bool:
    options = connection.settings
    return options.namespace_definition is not None or options.namespace_format is not None


def _title(pair: Pair) -> str:
    return pair.owner.title


def _released(pair: Pair, setting: str, data: str) -> Change:
    """A setting that had its default and is not managed any more: nothing changes by itself."""
    return _setting(pair, Risk.LOW, f"{setting}: {_UNDECLARED} any more", data, action=Action.NOTHING)


def _setting(
    pair: Pair, risk: Risk, summary: str, data: str, *, consent: str = "", action: Action = Action.UPDATE
) -> Change:
    stack = f" --stack {pair.after.settings.stack}" if pair.after.settings.stack else ""
    return Change(
        risk=risk,
        action=action,
        kind="connection",
        name=pair.owner.name,
        title=pair.owner.title,
        subject=pair.new.name,
        what=summary,
        data=(data,),
        verify=f"pulumi preview --refresh --expect-no-changes{stack}",
        revert="undoes it",
        consent=consent,
        file=pair.new.file,
        streams=subjects(pair.new) if risk is not Risk.LOW else (),
    )


def often(schedule: QuartzSchedule | BasicSchedule) -> str:
    """How often a schedule runs: `every 10 minutes`, `3 times a week`."""
    if isinstance(schedule, BasicSchedule):
        return str(schedule)
    runs = schedule.runs(_MONDAY, _RUNS)
    gaps = {later - earlier for earlier, later in pairwise(runs)}
    if len(gaps) == 1 and len(runs) == _RUNS:
        return f"every {_span(gaps.pop())}"
    if not runs:
        return "never"
    return _times_a_week(sum(run < _MONDAY + timedelta(days=7) for run in runs))


def _times_a_week(count: int) -> str:
    if count == _RUNS:
        return f"more than {_RUNS} times a week"
    if count > 1:
        return f"{count} times a week"
    return "once a week" if count else "less than once a week"


def _span(gap: timedelta) -> str:
    minutes = int(gap.total_seconds()) // 60
    for unit, length in (("week", 7 * 24 * 60), ("day", 24 * 60), ("hour", 60)):
        if minutes % length == 0:
            return unit if minutes == length else f"{minutes // length} {unit}s"
    return f"{minutes} minutes"
