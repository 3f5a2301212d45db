"""Connections: that come, go, are made anew, or stay and change their options and streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from lotus.config import Destination, Project, Source, Stream
from lotus.config.cron import Cron
from lotus.impact import streams
from lotus.impact.change import Action, Change, Risk
from lotus.impact.places import place, short, sorts_before
from lotus.impact.streams import Owner, appends, count, downstream, some

_MONDAY = datetime(2026, 11, 2, tzinfo=UTC)  # any week: how often a schedule runs must not depend on today
_RUNS = 200
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """One source before and after, each with its project, and the destinations that are made anew."""

    before: Project
    after: Project
    old: Source
    new: Source
    replaced_destinations: frozenset[str]

    @property
    def owner(self) -> Owner:
        """The connection as it is from now on."""
        return owner(self.after, self.new)


def owner(project: Project, source: Source) -> Owner:
    """The connection of a source, as the program names it."""
    destination = project.destination(source.destination)
    return Owner(f"{source.name}-to-{destination.name}", source.connection_to(destination), project.settings.stack)


def comes(project: Project, source: Source) -> Change:
    """A connection that was not there."""
    held = owner(project, source)
    destination = project.destination(source.destination)
    data = [f"{count(len(source.streams), 'stream')}, each read from the beginning: {_names(source.streams)}"]
    where = sorted({short(place(project, source, stream, destination)) for stream in source.streams} - {""})
    if where:
        data.append(f"they land in {some(where[:_EXAMPLES])}{' …' if len(where) > _EXAMPLES else ''}")
    data.append(_runs(source))
    return Change(
        risk=Risk.LOW,
        action=Action.CREATE,
        kind="connection",
        name=held.name,
        title=held.title,
        subject=source.name,
        what=f"a new connection with {count(len(source.streams), 'stream')}",
        data=tuple(data),
        downstream=tuple(name for stream in source.streams for name in downstream(source.name, stream.name)),
        verify=f"lotus sync {source.name} --wait && lotus landing --source {source.name}",
        revert="deletes the connection again; files that landed stay",
        file=source.file,
        streams=_subjects(source),
    )


def goes(before: Project, after: Project, source: Source, reason: str) -> Change:
    """A connection that is no more."""
    held = owner(before, source)
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.DELETE,
        kind="connection",
        name=held.name,
        title=held.title,
        subject=source.name,
        what="deleted" + (f" ({reason})" if reason else ""),
        data=(
            f"{count(len(source.streams), 'stream')} stop: {_names(source.streams)}"
            if len(source.streams) > 1
            else f"1 stream stops: {_names(source.streams)}",
            "sync state and job history go; files that landed stay, nothing new lands",
        ),
        downstream=tuple(name for stream in source.streams for name in downstream(source.name, stream.name)),
        verify=f"pulumi stack export --stack {after.settings.stack or 'NAME'} | grep -c '::{held.name}\"'  # 0",
        revert="makes a new connection without sync state: every stream is read from the beginning"
        + (", and lands a second time" if any(appends(stream) for stream in source.streams) else ""),
        consent=f"delete connection {held.title}",
        file=source.file,
        streams=_subjects(source),
    )


def changed(pair: Pair, *, replaced: bool) -> Iterator[Change]:
    """What happens to the connection of a source that stays."""
    if pair.old.streams and not pair.new.streams:
        yield goes(pair.before, pair.after, pair.old, "its source has no streams any more")
        return
    if not pair.old.streams:
        if pair.new.streams:
            yield comes(pair.after, pair.new)
        return
    made_anew = (
        replaced or pair.new.destination in pair.replaced_destinations or pair.old.destination != (pair.new.destination)
    )
    if made_anew:
        yield _replaced(pair)
    yield from _options(pair)
    yield from _landing(pair)
    yield from _streams(pair)


def _replaced(pair: Pair) -> Change:
    old = owner(pair.before, pair.old)
    held = pair.owner
    elsewhere = pair.old.destination != pair.new.destination
    why = (
        f'it lands in "{pair.new.destination}", not in "{pair.old.destination}" any more'
        if elsewhere
        else "its destination is made anew"
        if pair.new.destination in pair.replaced_destinations
        else "its source is made anew"
    )
    verb = "delete" if elsewhere else "replace"
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.REPLACE,
        kind="connection",
        name=held.name,
        title=held.title,
        subject=pair.new.name,
        what=f"deleted and made again: {why}",
        data=(
            f"sync state and job history of {count(len(pair.old.streams), 'stream')} are lost",
            "the new connection reads every stream from the beginning"
            + (": rows land a second time" if any(appends(s) for s in pair.new.streams) else ""),
        ),
        downstream=tuple(name for stream in pair.new.streams for name in downstream(pair.new.name, stream.name)),
        verify=f"lotus sync {pair.new.name} --wait && lotus landing --source {pair.new.name}",
        revert="makes it anew once more: sync state does not come back",
        consent=f"{verb} connection {old.title}",
        file=pair.new.file,
        streams=_subjects(pair.new),
    )


def _options(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.settings.connection, pair.new.settings.connection
    if pair.old.schedule != pair.new.schedule:
        yield _schedule(pair)
    was, becomes = old.status or "active", new.status or "active"
    if was != becomes:
        stops = becomes == "inactive"
        yield _option(
            pair,
            Risk.MEDIUM if stops else Risk.LOW,
            f"status {was} → {becomes}",
            "no sync runs, neither by schedule nor by hand; the position is kept"
            if stops
            else "syncs run again from where they stopped",
        )
    was, becomes = _behavior(pair.old), _behavior(pair.new)
    if was != becomes:
        yield _option(
            pair,
            Risk.LOW,
            f"new columns and streams: {was} → {becomes}",
            {
                "ignore": "columns that the source adds do not land until a file or a discovery names them",
                "disable_connection": "the first column that the source adds stops all syncs until somebody looks",
                "propagate_columns": "columns that the source adds land by themselves, new streams do not",
                "propagate_fully": "columns and streams that the source adds land by themselves",
            }[becomes],
        )
    titles = owner(pair.before, pair.old).title, pair.owner.title
    if titles[0] != titles[1] and pair.old.destination == pair.new.destination:
        yield _option(pair, Risk.LOW, f"name {titles[0]} → {titles[1]}", "what lands does not change")


def _schedule(pair: Pair) -> Change:
    old, new = pair.old.schedule, pair.new.schedule
    if new is None:
        text = "it no longer runs by itself: somebody must ask (lotus sync)"
    elif old is None:
        text = f"it runs by itself now: {_often(new)}"
    else:
        text = f"from {_often(old)} to {_often(new)}"
    risk = Risk.MEDIUM if new is None else Risk.LOW
    return _option(pair, risk, f"schedule {old or 'manual'} → {new or 'manual'}", text)


def _option(pair: Pair, risk: Risk, what: str, data: str) -> Change:
    stack = f" --stack {pair.after.settings.stack}" if pair.after.settings.stack else ""
    return Change(
        risk=risk,
        action=Action.UPDATE,
        kind="connection",
        name=pair.owner.name,
        title=pair.owner.title,
        subject=pair.new.name,
        what=what,
        data=(data,),
        verify=f"pulumi preview --refresh --expect-no-changes{stack}",
        revert="undoes it",
        file=pair.new.file,
        streams=_subjects(pair.new) if risk is not Risk.LOW else (),
    )


def _landing(pair: Pair) -> Iterator[Change]:
    """Streams that stay and land elsewhere because of their source's options; a destination's own change is its own."""
    old_destination = pair.before.destination(pair.old.destination)
    new_destination = pair.after.destination(pair.new.destination)
    moved: list[tuple[Stream, str, str]] = []
    for old, new in _both(pair):
        was = place(pair.after, pair.old, old, new_destination)
        becomes = place(pair.after, pair.new, new, new_destination)
        if was != becomes:
            moved.append((new, place(pair.before, pair.old, old, old_destination), becomes))
    if not moved or old_destination.name != new_destination.name:
        return
    _, was, becomes = moved[0]
    names = [stream.name for stream, _, _ in moved]
    yield Change(
        risk=Risk.HIGH,
        action=Action.UPDATE,
        kind="connection",
        name=pair.owner.name,
        title=pair.owner.title,
        subject=pair.new.name,
        what=f"{count(len(moved), 'stream')} in another place: {some(names)}"
        if len(moved) > 1
        else f"1 stream lands in another place: {names[0]}",
        data=moved_data(was, becomes),
        downstream=tuple(name for stream in names for name in downstream(pair.new.name, stream)),
        verify=f"lotus sync {pair.new.name} --wait && lotus landing --source {pair.new.name}",
        revert="lands new files in the old place again; those of the time between stay where they are",
        file=pair.new.file,
        streams=tuple(f"{pair.new.name}/{name}" for name in names),
    )


def moved_data(was: str, becomes: str) -> tuple[str, ...]:
    """What a new place means, in sentences."""
    order = (
        "new files sort before old ones: a feeder that goes on behind its cursor skips them; set its cursor anew"
        if sorts_before(was, becomes)
        else "new files sort behind old ones: a feeder that sees both goes on behind its cursor"
    )
    return (
        f"old files stay in {short(was)}, new ones land in {short(becomes)}"
        if short(was) != short(becomes)
        else f"old files keep their keys, new ones are called {becomes}",
        "sync state is kept: nothing is read again, so the new place has no history until a backfill",
        order,
    )


def _streams(pair: Pair) -> Iterator[Change]:
    destination = pair.after.destination(pair.new.destination)
    old = {(s.namespace, s.name): s for s in pair.old.streams}
    new = {(s.namespace, s.name): s for s in pair.new.streams}
    for key in sorted({*old, *new}, key=lambda k: (k[1], k[0] or "")):
        if key not in new:
            was = place(pair.before, pair.old, old[key], pair.before.destination(pair.old.destination))
            yield streams.stops(pair.owner, pair.new, old[key], short(was))
        elif key not in old:
            yield streams.starts(
                pair.owner, pair.new, new[key], short(place(pair.after, pair.new, new[key], destination))
            )
        else:
            yield from streams.changes(pair.owner, pair.new, old[key], new[key])


def _both(pair: Pair) -> Iterator[tuple[Stream, Stream]]:
    new = {(s.namespace, s.name): s for s in pair.new.streams}
    for stream in pair.old.streams:
        other = new.get((stream.namespace, stream.name))
        if other is not None:
            yield stream, other


def lands_in(project: Project, destination: Destination) -> list[tuple[Source, Stream]]:
    """Every stream of the stack that lands in the destination."""
    return [(s, stream) for s in project.sources if s.destination == destination.name for stream in s.streams]


def _runs(source: Source) -> str:
    if source.schedule is None:
        return "it runs when somebody asks (lotus sync): it has no schedule"
    return f"it runs by itself, {_often(source.schedule)}"


def _often(schedule: str) -> str:
    """How often a schedule runs: `every 10 minutes`, `3 times a week`."""
    runs = Cron(schedule).runs(_MONDAY, _RUNS)
    gaps = {later - earlier for earlier, later in pairwise(runs)}
    if len(gaps) == 1 and len(runs) == _RUNS:
        return f"every {_span(gaps.pop())}"
    week = [run for run in runs if run < _MONDAY + timedelta(days=7)]
    if len(week) == _RUNS:
        return f"more than {_RUNS} times a week"
    if not week:
        return "less than once a week" if runs else "never"
    return "once a week" if len(week) == 1 else f"{len(week)} times a week"


def _span(gap: timedelta) -> str:
    minutes = int(gap.total_seconds()) // 60
    for unit, length in (("week", 7 * 24 * 60), ("day", 24 * 60), ("hour", 60)):
        if minutes % length == 0:
            return unit if minutes == length else f"{minutes // length} {unit}s"
    return f"{minutes} minutes"


def _behavior(source: Source) -> str:
    return source.settings.connection.non_breaking_schema_updates_behavior or "propagate_columns"


def _subjects(source: Source) -> tuple[str, ...]:
    return tuple(f"{source.name}/{stream.name}" for stream in source.streams)


def _names(of: tuple[Stream, ...]) -> str:
    return some(stream.name for stream in of)
