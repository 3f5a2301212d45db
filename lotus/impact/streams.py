"""One stream of a connection that stays: what its change does to the rows and columns that land."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lotus.config import Source, Stream
from lotus.config.landing import field_name
from lotus.impact.change import Action, Change, Risk
from lotus.reread.declared import phrase, request_of
from lotus.reread.wanted import DESTRUCTIVE

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Owner:
    """The connection that a stream belongs to, as changes name it, and the stack for commands."""

    name: str
    title: str
    stack: str


def downstream(source: str, stream: str) -> tuple[str, ...]:
    """The names that lotus-lake's conventions derive from a stream: dbt model, feeder asset, sensor."""
    return (f"dbt model int_{source}__{stream}", f"feeder {source}_{stream}", f"sensor {source}_{stream}_sensor")


def columns(stream: Stream) -> dict[str, str]:
    """Column → type word of what lands; empty where the fields are not known (never discovered, nothing selected)."""
    offered: Mapping[str, str] = stream.discovered.fields if stream.discovered else {}
    names: Iterable[str] = offered if stream.fields is None else stream.fields
    return {field_name(name): offered.get(name, "") for name in names}


def appends(stream: Stream) -> bool:
    """Whether rows of earlier syncs stay beside later ones."""
    return stream.modes.destination_sync_mode == "append"


def overwrites(stream: Stream) -> bool:
    """Whether each sync takes the place of all files before it."""
    return stream.modes.destination_sync_mode in ("overwrite", "overwrite_dedup")


def cursor(stream: Stream) -> tuple[str, ...]:
    """The cursor that holds: the file's, else the source's own."""
    return stream.cursor_field or (stream.discovered.cursor_field if stream.discovered else ())


def key(stream: Stream) -> tuple[tuple[str, ...], ...]:
    """The primary key that holds."""
    own = stream.discovered.primary_key if stream.discovered else ()
    return own or stream.primary_key or ()


def some(names: Iterable[str]) -> str:
    """Names for a sentence, the first few of many."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def count(number: int, word: str) -> str:
    """`1 stream`, `2 streams`."""
    return f"{number} {word}" + ("" if number == 1 else "s")


def them(names: Sequence[str]) -> str:
    """`it` or `them`."""
    return "it" if len(names) == 1 else "them"


def starts(owner: Owner, source: Source, stream: Stream, where: str) -> Change:
    """A stream that the connection did not have."""
    data = [f"its first sync reads it from the beginning, as {_mode(stream)}"]
    if where:
        data.append(f"it lands in {where}")
    if stream.backfill:
        data.append("its backfill does nothing: what was never read has nothing to read again")
    return _change(
        owner,
        source,
        stream,
        Risk.LOW,
        "starts to sync",
        data,
        verify=f"lotus sync {source.name} --wait && lotus landing --source {source.name}",
        revert="stops it again; files that landed stay",
    )


def stops(owner: Owner, source: Source, stream: Stream, where: str) -> Change:
    """A stream that the connection no longer has."""
    data = [
        f"nothing new lands; files that landed stay{f' in {where}' if where else ''}",
        "its sync state may go with it: Airbyte can start from the beginning when it comes back",
    ]
    return _change(
        owner,
        source,
        stream,
        Risk.HIGH,
        "stops syncing",
        data,
        verify=f"lotus landing --source {source.name}  # the newest day of {stream.name} stands still",
        revert="starts it again, maybe from the beginning" + (": rows land a second time" if appends(stream) else ""),
    )


def changes(owner: Owner, source: Source, old: Stream, new: Stream) -> Iterator[Change]:
    """What differs between two versions of one stream."""
    yield from _modes(owner, source, old, new)
    yield from _cursors(owner, source, old, new)
    yield from _keys(owner, source, old, new)
    yield from _backfill(owner, source, old, new)
    yield from _fields(owner, source, old, new)


def _modes(owner: Owner, source: Source, old: Stream, new: Stream) -> Iterator[Change]:
    if old.modes == new.modes:
        return
    what = f"is synced as {_mode(new)}, not {_mode(old)} any more"
    data: list[str] = []
    risk = Risk.MEDIUM
    revert = "brings the mode back"
    if old.modes.sync_mode != new.modes.sync_mode:
        data.append("Airbyte forgets its sync state: the next sync reads it from the beginning")
        revert += "; the next sync then reads from the beginning once more"
    if overwrites(new) and not overwrites(old):
        risk = Risk.DESTRUCTIVE
        data.append("the first successful sync deletes all files that landed before, of all days")
        data.append("rows that the source itself no longer has are then gone")
        revert = "does not bring the deleted files back; only versions or a copy of the bucket do"
    elif appends(new) and overwrites(old):
        risk = Risk.HIGH
        data.append(
            "files of earlier syncs stay beside new ones: readers that took all files for the whole see doubles"
        )
    elif appends(new) and new.modes.sync_mode == "full_refresh":
        risk = Risk.HIGH
        data.append("every sync appends the whole stream: readers must take the latest sync only")
    elif appends(new):
        data.append("what landed before lands a second time, once: readers that do not deduplicate see doubles")
    consent = f"overwrite stream {new.name} of {owner.title}" if risk is Risk.DESTRUCTIVE else ""
    yield _change(owner, source, new, risk, what, data, verify=_look(owner, source), revert=revert, consent=consent)


def _cursors(owner: Owner, source: Source, old: Stream, new: Stream) -> Iterator[Change]:
    was, becomes = cursor(old), cursor(new)
    if was == becomes or not (old.modes.sync_mode == new.modes.sync_mode == "incremental"):
        return
    data = [
        "the connector decides what it does with the old position; most read from the beginning",
        "rows that change without moving the new cursor are not seen any more",
    ]
    if appends(new):
        data.append("rows read again land a second time")
    yield _change(
        owner,
        source,
        new,
        Risk.HIGH,
        f"cursor {'.'.join(was) or 'none'} → {'.'.join(becomes) or 'none'}",
        data,
        verify=f"lotus sync {source.name} --wait  # rows of {new.name}: all of them, or only new ones",
        revert="brings the cursor back, and may read from the beginning once more",
    )


def _keys(owner: Owner, source: Source, old: Stream, new: Stream) -> Iterator[Change]:
    if key(old) == key(new):
        return
    deduplicates = new.modes.destination_sync_mode in ("append_dedup", "overwrite_dedup", "update", "soft_delete")
    text = f"primary key {_paths(key(old))} → {_paths(key(new))}"
    data = (
        ["rows that were one become several, or several become one, from the next sync on"]
        if deduplicates
        else [f"{new.modes.destination_sync_mode} does not use it: what lands stays as it is"]
    )
    risk = Risk.HIGH if deduplicates else Risk.LOW
    revert = "brings the key back; rows already merged stay merged" if deduplicates else "undoes it"
    yield _change(owner, source, new, risk, text, data, verify=_look(owner, source), revert=revert)


def _backfill(owner: Owner, source: Source, old: Stream, new: Stream) -> Iterator[Change]:
    if old.backfill == new.backfill:
        return
    wanted = request_of(new)
    if wanted is None:
        yield _change(
            owner,
            source,
            new,
            Risk.LOW,
            "backfill flag taken away",
            ["nothing happens: a backfill that ran stays, the next flag asks again"],
            action=Action.NOTHING,
            verify=_look(owner, source),
            revert="asks for a new backfill",
        )
        return
    token = f' "{wanted.request}"' if new.backfill is not True else ""
    mode = wanted.mode
    alone = "once, alone; the other streams of the connection go on"
    if mode == "clear":
        data = [f"its state and its landed files are deleted, {alone}"]
        data.append("a sync follows" if wanted.sync else "nothing is read again before the next sync")
    else:
        begin = f"on from {wanted.start}" if wanted.start else "from the beginning"
        data = [f"it is read {begin}, {alone}"]
        if mode == "refresh_and_remove":
            data.append("the files that landed before are deleted once that has succeeded")
        elif appends(new):
            data.append("its rows land a second time beside those that are there: readers must deduplicate")
    destroys = mode in DESTRUCTIVE
    yield _change(
        owner,
        source,
        new,
        Risk.DESTRUCTIVE if destroys else Risk.MEDIUM,
        f"backfill{token} asked for" + (f" ({mode})" if destroys else ""),
        data,
        consent=phrase(owner.title, wanted) if destroys else "",
        verify="lotus backfill --status",
        revert="does not bring back what was deleted"
        if destroys
        else "does not take back a backfill that ran; before that, nothing is read again",
    )


def _fields(owner: Owner, source: Source, old: Stream, new: Stream) -> Iterator[Change]:
    before, after = columns(old), columns(new)
    if not before and not after:
        return
    come = sorted(set(after) - set(before))
    go = sorted(set(before) - set(after))
    retyped = sorted(n for n in set(before) & set(after) if before[n] and after[n] and before[n] != after[n])
    selected = old.fields != new.fields
    action = Action.UPDATE if selected else Action.NOTHING
    who = "" if selected else " (the source offers it so now)"
    file = new.discovered.file if new.discovered and not selected else new.file
    if retyped:
        yield _change(
            owner,
            source,
            new,
            Risk.HIGH,
            f"{count(len(retyped), 'column')} with another type: "
            + some(f"{n} {_type(before[n])} → {_type(after[n])}" for n in retyped)
            + who,
            [
                "new files have the new type, old files the old one: a reader of both stops or must cast",
                "a backfill does not change old files; it lands the rows again with the new type",
            ],
            action=action,
            file=file,
            verify=_look(owner, source),
            revert="changes nothing in files that landed meanwhile",
        )
    if go:
        yield _change(
            owner,
            source,
            new,
            Risk.HIGH,
            f"{count(len(go), 'column')} no longer {'lands' if len(go) == 1 else 'land'}: {some(go)}{who}",
            [f"only old files have {them(go)} from now on: what reads new files by name fails"],
            action=action,
            file=file,
            verify=_look(owner, source),
            revert=f"lands {them(go)} again from then on; rows of the time between lack {them(go)} until a backfill",
        )
    if come:
        history = (
            f"each sync brings all rows, so all have {them(come)} after the next one"
            if new.modes.sync_mode == "full_refresh"
            else f"rows read before lack {them(come)} until a backfill reads all again"
        )
        yield _change(
            owner,
            source,
            new,
            Risk.LOW,
            f"{count(len(come), 'new column')}: {some(come)}{who}",
            [f"new files have {them(come)} from the next sync on; {history}"],
            action=action,
            file=file,
            verify=_look(owner, source),
            revert=f"takes {them(come)} out of new files; files that landed keep {them(come)}",
        )


def _change(
    owner: Owner,
    source: Source,
    stream: Stream,
    risk: Risk,
    what: str,
    data: Iterable[str],
    *,
    action: Action = Action.UPDATE,
    verify: str = "",
    revert: str = "",
    consent: str = "",
    file: str = "",
) -> Change:
    return Change(
        risk=risk,
        action=action,
        kind="connection",
        name=owner.name,
        title=owner.title,
        subject=f"{source.name}/{stream.name}",
        what=what,
        data=tuple(data),
        downstream=downstream(source.name, stream.name) if risk is not Risk.LOW or what == "starts to sync" else (),
        verify=verify,
        revert=revert,
        consent=consent,
        file=file or stream.file,
        streams=(f"{source.name}/{stream.name}",),
    )


def _look(owner: Owner, source: Source) -> str:
    return f"lotus sync {source.name} --wait && lotus landing --source {source.name}"


def _mode(stream: Stream) -> str:
    return stream.modes.connection_sync_mode or f"{stream.modes.sync_mode}/{stream.modes.destination_sync_mode}"


def _paths(paths: Iterable[Iterable[str]]) -> str:
    return " + ".join(".".join(path) for path in paths) or "none"


def _type(word: str) -> str:
    return word.replace(":", " ")
