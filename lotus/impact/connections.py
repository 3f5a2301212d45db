"""Connections: added, removed, recreated, or kept with other options and streams."""

from __future__ import annotations

from collections.abc import Iterator
from filecmp import cmp

from lotus.config import Connection, Destination, Project, Stream
from lotus.config.readers import Readers
from lotus.impact import settings, streams
from lotus.impact.change import Action, Change, Risk, landing_of
from lotus.impact.pair import Pair, changes_ends, owner, subjects
from lotus.impact.places import location, short
from lotus.impact.settings import often, scheduled
from lotus.impact.streams import appends, some
from lotus.words import counted

_EXAMPLES = 3


def added(project: Project, connection: Connection) -> Change:
    """A new connection."""
    named = owner(project, connection)
    destination = project.destination_of(connection)
    streams = connection.streams
    data = [f"{counted(len(streams), 'stream')}, each read from the beginning: {_names(streams)}"]
    folders = sorted({short(location(project, connection, stream, destination)) for stream in streams} - {""})
    if folders:
        data.append(f"they land in {some(folders[:_EXAMPLES])}{' …' if len(folders) > _EXAMPLES else ''}")
    data.append(_runs(connection))
    return Change(
        risk=Risk.LOW,
        action=Action.CREATE,
        kind="connection",
        name=named.name,
        title=named.title,
        subject=connection.name,
        what=f"a new connection with {counted(len(streams), 'stream')}",
        data=tuple(data),
        downstream=_readers(named.readers, connection),
        verify=landing_of(connection.name),
        revert="deletes the connection again; files that landed stay",
        file=connection.file,
        streams=subjects(connection),
    )


def removed(before: Project, after: Project, connection: Connection, reason: str) -> Change:
    """A connection that the files no longer declare."""
    named = owner(before, connection)
    streams = connection.streams
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.DELETE,
        kind="connection",
        name=named.name,
        title=named.title,
        subject=connection.name,
        what="deleted" + (f" ({reason})" if reason else ""),
        data=(
            f"{counted(len(streams), 'stream')} stop: {_names(streams)}"
            if len(streams) > 1
            else f"1 stream stops: {_names(streams)}",
            "sync state and job history are deleted; files that landed stay, nothing new lands",
        ),
        downstream=_readers(named.readers, connection),
        verify=f"pulumi stack export --stack {after.settings.stack or 'NAME'} | grep -c '::{named.name}\"'  # 0",
        revert="creates a new connection without sync state: every stream is read from the beginning"
        + (", and lands a second time" if any(appends(stream) for stream in streams) else ""),
        consent=f"delete connection {named.title}",
        file=connection.file,
        streams=subjects(connection),
    )


def renamed(pair: Pair) -> Change:
    """A folder with another name; for Airbyte nothing changes, so no preview of Pulumi shows it."""
    return Change(
        risk=Risk.LOW,
        action=Action.NOTHING,
        kind="connection",
        name=pair.owner.name,
        title=pair.owner.title,
        subject=pair.new.name,
        what=f"renamed from {pair.old.name}",
        data=("its streams keep their sync state, and land where they landed",),
        verify="pulumi preview",
        revert="renames it back, if that has renamed_from too",
        file=pair.new.file,
    )


def changed(pair: Pair, *, replaced: bool) -> Iterator[Change]:
    """What happens to a connection that stays; `replaced`: its source is recreated."""
    if pair.old.streams and not pair.new.streams:
        yield removed(pair.before, pair.after, pair.old, "it no longer has streams")
        return
    if not pair.old.streams:
        if pair.new.streams:
            yield added(pair.after, pair.new)
        return
    if replaced or changes_ends(pair) or pair.new.destination in pair.replaced_destinations:
        yield _replaced(pair)
    yield from settings.setting_changes(pair)
    yield from _landing(pair)
    yield from _streams(pair)


def _replaced(pair: Pair) -> Change:
    old = owner(pair.before, pair.old)
    connection = pair.owner
    verb, reason = "replace", "its source is recreated"
    if pair.old.destination not in pair.after.destination_of(pair.new).names:
        verb, reason = "delete", f'it lands in "{pair.new.destination}" instead of "{pair.old.destination}"'
    elif pair.old.source.name not in pair.new.source.names:
        reason = f'it reads source "{pair.new.source.name}" instead of "{pair.old.source.name}"'
    elif pair.new.destination in pair.replaced_destinations:
        reason = "its destination is recreated"
    return Change(
        risk=Risk.DESTRUCTIVE,
        action=Action.REPLACE,
        kind="connection",
        name=connection.name,
        title=connection.title,
        subject=pair.new.name,
        what=f"deleted and recreated: {reason}",
        data=(
            f"sync state and job history of {counted(len(pair.old.streams), 'stream')} are lost",
            "the new connection reads every stream from the beginning"
            + (": rows land a second time" if any(appends(s) for s in pair.new.streams) else ""),
        ),
        downstream=_readers(pair.owner.readers, pair.new),
        verify=landing_of(pair.new.name),
        revert="recreates it once more; the sync state does not come back",
        consent=f"{verb} connection {old.title}",
        file=pair.new.file,
        streams=subjects(pair.new),
    )


def _landing(pair: Pair) -> Iterator[Change]:
    """Streams that stay and land elsewhere because of their source's options; a destination's own change is its own."""
    old_destination = pair.before.destination_of(pair.old)
    new_destination = pair.after.destination_of(pair.new)
    moved: list[tuple[Stream, str, str]] = []
    for old, new in _both(pair):
        was = location(pair.after, pair.old, old, new_destination)
        becomes = location(pair.after, pair.new, new, new_destination)
        if was != becomes:
            moved.append((new, location(pair.before, pair.old, old, old_destination), becomes))
    if not moved or old_destination.name not in new_destination.names:
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
        what=f"{landing_elsewhere(len(moved))}: {some(names)}",
        data=moved_data(pair.owner.readers, was, becomes),
        downstream=tuple(name for stream in names for name in pair.owner.readers.of(pair.new.name, stream)),
        verify=landing_of(pair.new.name),
        revert="lands new files at the old location again; files that landed in between stay where they are",
        file=pair.new.file,
        streams=tuple(f"{pair.new.name}/{name}" for name in names),
    )


def landing_elsewhere(number: int) -> str:
    """`1 stream lands at another location`, `2 streams land at another location`."""
    return f"{counted(number, 'stream')} {'lands' if number == 1 else 'land'} at another location"


def moved_data(readers: Readers, was: str, becomes: str) -> tuple[str, ...]:
    """What a new place means, in sentences."""
    return (
        f"old files stay in {short(was)}, new ones land in {short(becomes)}"
        if short(was) != short(becomes)
        else f"old files keep their keys, new ones are called {becomes}",
        "sync state is kept: nothing is read again, so the new location has no history until a backfill",
        *readers.after_move(was, becomes),
    )


def _readers(readers: Readers, connection: Connection) -> tuple[str, ...]:
    return tuple(name for stream in connection.streams for name in readers.of(connection.name, stream.name))


def _streams(pair: Pair) -> Iterator[Change]:
    destination = pair.after.destination_of(pair.new)
    old = {(s.namespace, s.name): s for s in pair.old.streams}
    new = {(s.namespace, s.name): s for s in pair.new.streams}
    for key in sorted({*old, *new}, key=lambda k: (k[1], k[0] or "")):
        if key not in new:
            was = location(pair.before, pair.old, old[key], pair.before.destination_of(pair.old))
            yield streams.stops(pair.owner, pair.new, old[key], short(was))
        elif key not in old:
            yield streams.starts(
                pair.owner, pair.new, new[key], short(location(pair.after, pair.new, new[key], destination))
            )
        else:
            yield from streams.changes(pair.owner, pair.new, old[key], new[key])
            yield from _offers(pair, old[key], new[key])


def _offers(pair: Pair, old: Stream, new: Stream) -> Iterator[Change]:
    before, after = pair.before.offer_file(old), pair.after.offer_file(new)
    if before is None or after is None or cmp(before, after, shallow=False):
        return  # most files of a large lake are the same, and are not parsed for that
    yield from streams.offers(pair.owner, pair.new, old, new, (pair.before.offer(old), pair.after.offer(new)))


def _both(pair: Pair) -> Iterator[tuple[Stream, Stream]]:
    new = {(s.namespace, s.name): s for s in pair.new.streams}
    for stream in pair.old.streams:
        other = new.get((stream.namespace, stream.name))
        if other is not None:
            yield stream, other


def lands_in(project: Project, destination: Destination) -> list[tuple[Connection, Stream]]:
    """Every stream of the stack that lands in the destination."""
    landing = [connection for connection in project.connections if connection.destination == destination.name]
    return [(connection, stream) for connection in landing for stream in connection.streams]


def _runs(connection: Connection) -> str:
    schedule = scheduled(connection)
    if schedule is None:
        return "it has no schedule; start it with lotus sync"
    return f"it runs on a schedule, {often(schedule)}"


def _names(of: tuple[Stream, ...]) -> str:
    return some(stream.name for stream in of)
