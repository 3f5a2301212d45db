"""One stream of a connection that stays: what its change does to the rows and columns that land."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lotus.backfill.declared import phrase, request_of
from lotus.backfill.request import DESTRUCTIVE
from lotus.config import Connection, Stream
from lotus.config.landing import field_name
from lotus.config.offer_changes import OfferChange, offer_changes
from lotus.config.readers import Readers
from lotus.impact import mappers
from lotus.impact.change import Action, Change, Risk, landing_of
from lotus.words import counted

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Owner:
    """The connection that a stream belongs to, as changes name it; the stack for commands, and who reads the lake."""

    name: str
    title: str
    stack: str
    readers: Readers


def columns(stream: Stream) -> dict[str, str]:
    """Column → type word of what lands; empty where the fields are not known (never discovered, nothing selected)."""
    return {field_name(name): word for name, word in stream.landed_fields.items()}


def appends(stream: Stream) -> bool:
    """Whether rows of earlier syncs stay beside later ones."""
    return stream.modes.destination_sync_mode == "append"


def overwrites(stream: Stream) -> bool:
    """Whether each sync takes the place of all files before it."""
    return stream.modes.destination_sync_mode in ("overwrite", "overwrite_dedup")


def primary_key_of(stream: Stream) -> tuple[tuple[str, ...], ...]:
    """The primary key that holds."""
    source_key = stream.discovered.primary_key if stream.discovered else ()
    return source_key or stream.primary_key or ()


def some(names: Iterable[str]) -> str:
    """Names for a sentence, the first few of many."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def them(names: Sequence[str]) -> str:
    """`it` or `them`."""
    return "it" if len(names) == 1 else "them"


def starts(owner: Owner, connection: Connection, stream: Stream, location: str) -> Change:
    """A stream that the connection did not have."""
    data = [f"its first sync reads it from the beginning, as {_mode(stream)}"]
    if location:
        data.append(f"it lands in {location}")
    if stream.backfill:
        data.append("its backfill does nothing: what was never read has nothing to read again")
    return _change(
        owner,
        connection,
        stream,
        Risk.LOW,
        "starts to sync",
        data,
        verify=landing_of(connection.name),
        revert="stops it again; files that landed stay",
    )


def stops(owner: Owner, connection: Connection, stream: Stream, location: str) -> Change:
    """A stream that the connection no longer has."""
    data = [
        f"nothing new lands; files that landed stay{f' in {location}' if location else ''}",
        "its sync state may be lost: Airbyte can start from the beginning when the stream is added again",
    ]
    return _change(
        owner,
        connection,
        stream,
        Risk.HIGH,
        "stops syncing",
        data,
        verify=f"lotus landing --source {connection.name}  # the newest day of {stream.name} stands still",
        revert="starts it again, maybe from the beginning" + (": rows land a second time" if appends(stream) else ""),
    )


def changes(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    """What differs between two versions of one stream."""
    yield from _modes(owner, connection, old, new)
    yield from _cursors(owner, connection, old, new)
    yield from _keys(owner, connection, old, new)
    yield from _backfill(owner, connection, old, new)
    yield from _mappers(owner, connection, old, new)
    yield from _files(owner, connection, old, new)
    yield from _released_fields(owner, connection, old, new)
    yield from _fields(owner, connection, old, new)


def _mappers(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    name = _full_name(new)
    for effect in mappers.effects(old, new):
        yield _change(
            owner,
            connection,
            new,
            Risk.HIGH,
            effect.summary,
            [effect.stays],
            verify=landing_of(connection.name),
            revert="undoes it for rows that land from then on; what landed meanwhile stays as it landed",
            consent=f"widen stream {name} of {owner.title}" if effect.widens else "",
        )


def _files(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    if (old.include_files or False) == (new.include_files or False):
        return
    name = _full_name(new)
    summary, data = "its files are moved too, from the next sync on", "files that were read before need a backfill"
    consent = ""
    if not new.include_files:
        summary, data = "its files are no longer moved", "files that were moved stay"
        consent = f"stop files of stream {name} of {owner.title}"
    yield _change(
        owner,
        connection,
        new,
        Risk.MEDIUM,
        summary,
        [data],
        verify=landing_of(connection.name),
        revert="undoes it; what was moved meanwhile stays",
        consent=consent,
    )


def _modes(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    if old.modes == new.modes:
        return
    summary = f"is synced as {_mode(new)} instead of {_mode(old)}"
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
        data.append("files of earlier syncs stay next to new ones: readers that read all files see duplicates")
    elif appends(new) and new.modes.sync_mode == "full_refresh":
        risk = Risk.HIGH
        data.append("every sync appends the whole stream: readers must take the latest sync only")
    elif appends(new):
        data.append("what landed before lands a second time, once: readers that do not deduplicate see duplicates")
    consent = f"overwrite stream {new.name} of {owner.title}" if risk is Risk.DESTRUCTIVE else ""
    yield _change(
        owner,
        connection,
        new,
        risk,
        summary,
        data,
        verify=landing_of(connection.name),
        revert=revert,
        consent=consent,
    )


def _cursors(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    was, becomes = old.effective_cursor, new.effective_cursor
    if was == becomes or not (old.modes.sync_mode == new.modes.sync_mode == "incremental"):
        return
    data = [
        "the connector decides what it does with the old position; most read from the beginning",
        "rows that change without moving the new cursor are no longer seen",
    ]
    if appends(new):
        data.append("rows read again land a second time")
    yield _change(
        owner,
        connection,
        new,
        Risk.HIGH,
        f"cursor {'.'.join(was) or 'none'} → {'.'.join(becomes) or 'none'}",
        data,
        verify=f"lotus sync {connection.name} --wait  # rows of {new.name}: all of them, or only new ones",
        revert="brings the cursor back, and may read from the beginning once more",
    )


def _keys(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    if primary_key_of(old) == primary_key_of(new):
        return
    deduplicates = new.modes.destination_sync_mode in ("append_dedup", "overwrite_dedup", "update", "soft_delete")
    text = f"primary key {_paths(primary_key_of(old))} → {_paths(primary_key_of(new))}"
    data = (
        ["rows that were one become several, or several become one, from the next sync on"]
        if deduplicates
        else [f"{new.modes.destination_sync_mode} does not use it: what lands stays as it is"]
    )
    risk = Risk.HIGH if deduplicates else Risk.LOW
    revert = "brings the key back; rows already merged stay merged" if deduplicates else "undoes it"
    yield _change(owner, connection, new, risk, text, data, verify=landing_of(connection.name), revert=revert)


def _backfill(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    if old.backfill == new.backfill:
        return
    request = request_of(new)
    if request is None:
        yield _change(
            owner,
            connection,
            new,
            Risk.LOW,
            "backfill flag removed",
            ["nothing happens: a finished backfill stays, the next flag starts another one"],
            action=Action.NOTHING,
            verify=landing_of(connection.name),
            revert="asks for a new backfill",
        )
        return
    token = f' "{request.request}"' if new.backfill is not True else ""
    mode = request.mode
    alone = "once, alone; the other streams of the connection continue"
    if mode == "clear":
        data = [f"its state and its landed files are deleted, {alone}"]
        data.append("a sync follows" if request.sync else "nothing is read again before the next sync")
    else:
        begin = f"on from {request.start}" if request.start else "from the beginning"
        data = [f"it is read {begin}, {alone}"]
        if mode == "refresh_and_remove":
            data.append("the files that landed before are deleted once that has succeeded")
        elif appends(new):
            data.append("its rows land a second time next to the existing ones: readers must deduplicate")
    destroys = mode in DESTRUCTIVE
    yield _change(
        owner,
        connection,
        new,
        Risk.DESTRUCTIVE if destroys else Risk.MEDIUM,
        f"backfill{token} requested" + (f" ({mode})" if destroys else ""),
        data,
        consent=phrase(owner.title, request) if destroys else "",
        verify="lotus backfill status",
        revert="does not bring back what was deleted"
        if destroys
        else "does not undo a backfill that ran; before it runs, nothing is read again",
    )


def _released_fields(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    """A selection of fields that is not declared any more lets all of them through, later ones too."""
    if old.fields is None or new.fields is not None:
        return
    name = _full_name(new)
    yield _change(
        owner,
        connection,
        new,
        Risk.MEDIUM,
        "all fields are synced from now on",
        ["columns that the source adds later land too, whoever adds them"],
        verify=landing_of(connection.name),
        revert="selects the fields again; files that landed in between keep the others",
        consent=f"widen stream {name} of {owner.title}",
    )


def _fields(owner: Owner, connection: Connection, old: Stream, new: Stream) -> Iterator[Change]:
    before, after = columns(old), columns(new)
    if not before and not after:
        return
    added = sorted(set(after) - set(before))
    removed = sorted(set(before) - set(after))
    retyped = sorted(n for n in set(before) & set(after) if before[n] and after[n] and before[n] != after[n])
    selected = (old.fields, old.mappers) != (new.fields, new.mappers)
    action = Action.UPDATE if selected else Action.NOTHING
    origin = "" if selected else " (as the source now offers it)"
    file = new.discovered.file if new.discovered and not selected else new.file
    if retyped:
        yield _change(
            owner,
            connection,
            new,
            Risk.HIGH,
            f"{counted(len(retyped), 'column')} with another type: "
            + some(f"{n} {_type(before[n])} → {_type(after[n])}" for n in retyped)
            + origin,
            [
                "new files have the new type, old files the old one: a reader of both stops or must cast",
                "a backfill does not change old files; it lands the rows again with the new type",
            ],
            action=action,
            file=file,
            verify=landing_of(connection.name),
            revert="changes nothing in files that landed meanwhile",
        )
    if removed:
        lands = "lands" if len(removed) == 1 else "land"
        yield _change(
            owner,
            connection,
            new,
            Risk.HIGH,
            f"{counted(len(removed), 'column')} no longer {lands}: {some(removed)}{origin}",
            [f"only old files have {them(removed)} from now on: reading {them(removed)} from new files fails"],
            action=action,
            file=file,
            verify=landing_of(connection.name),
            revert=f"lands {them(removed)} again from then on; rows that land in between lack {them(removed)} "
            "until a backfill",
        )
    if added:
        history = (
            f"each sync brings all rows, so all have {them(added)} after the next one"
            if new.modes.sync_mode == "full_refresh"
            else f"rows read before lack {them(added)} until a backfill reads all again"
        )
        yield _change(
            owner,
            connection,
            new,
            Risk.LOW,
            f"{counted(len(added), 'new column')}: {some(added)}{origin}",
            [f"new files have {them(added)} from the next sync on; {history}"],
            action=action,
            file=file,
            verify=landing_of(connection.name),
            revert=f"takes {them(added)} out of new files; files that landed keep {them(added)}",
        )


def offers(
    owner: Owner,
    connection: Connection,
    old: Stream,
    new: Stream,
    discovered: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> Iterator[Change]:
    """What else breaks of what the source offers: inside objects and lists, and what the stream can do as a whole."""
    if not all(discovered) or discovered[0] == discovered[1]:
        return
    said = _said_already(old, new)
    breaking = [c for c in offer_changes(*discovered) if c.breaking and c.path not in said and _is_used(new, c)]
    if not breaking:
        return
    yield _change(
        owner,
        connection,
        new,
        Risk.HIGH,
        f"{counted(len(breaking), 'breaking change')} of what the source offers: {some(c.text for c in breaking)}",
        ["what reads the stream may fail, or miss rows, from the next sync on; old files stay as they are"],
        action=Action.NOTHING,
        file=new.discovered.file if new.discovered else "",
        verify=landing_of(connection.name),
        revert="changes nothing in the source, which offers what it offers",
    )


def _is_used(stream: Stream, change: OfferChange) -> bool:
    return not change.is_field or stream.fields is None or change.path[0] in stream.fields


def _said_already(old: Stream, new: Stream) -> set[tuple[str, ...]]:
    """The differences that have a change of their own."""
    before, after = columns(old), columns(new)
    said = {(name,) for name in before if before[name] != after.get(name)}
    if primary_key_of(old) != primary_key_of(new):
        said.add(("primary_key",))
    if old.effective_cursor != new.effective_cursor and old.modes.sync_mode == new.modes.sync_mode == "incremental":
        said.add(("cursor_field",))
    return said


def _change(
    owner: Owner,
    connection: Connection,
    stream: Stream,
    risk: Risk,
    summary: str,
    data: Iterable[str],
    *,
    action: Action = Action.UPDATE,
    verify: str = "",
    revert: str = "",
    consent: str = "",
    file: str = "",
) -> Change:
    notable = risk is not Risk.LOW or summary == "starts to sync"
    return Change(
        risk=risk,
        action=action,
        kind="connection",
        name=owner.name,
        title=owner.title,
        subject=f"{connection.name}/{stream.name}",
        what=summary,
        data=tuple(data),
        downstream=owner.readers.of(connection.name, stream.name) if notable else (),
        verify=verify,
        revert=revert,
        consent=consent,
        file=file or stream.file,
        streams=(f"{connection.name}/{stream.name}",),
    )


def _full_name(stream: Stream) -> str:
    return f"{stream.namespace}.{stream.name}" if stream.namespace else stream.name


def _mode(stream: Stream) -> str:
    return stream.modes.connection_sync_mode or f"{stream.modes.sync_mode}/{stream.modes.destination_sync_mode}"


def _paths(paths: Iterable[Iterable[str]]) -> str:
    return " + ".join(".".join(path) for path in paths) or "none"


def _type(type_word: str) -> str:
    return type_word.replace(":", " ")
