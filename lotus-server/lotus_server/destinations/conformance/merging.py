"""Modes that merge by a key: which row of a key stays, and which rows are not touched."""
# ruff: noqa: S101 - assertions are what this package is for

from __future__ import annotations

from pathlib import Path
from typing import Any

from lotus_server.destinations.conformance.subject import EMITTED_AT, Record, Shape, Subject, Sync, case
from lotus_server.destinations.destination import Mode

PROPERTIES = {
    "id": {"type": "integer"},
    "region": {"type": ["null", "string"]},
    "updated": {"type": ["null", "integer"]},
    "note": {"type": ["null", "string"]},
}


def _merging(subject: Subject) -> list[Mode]:
    return [mode for mode in subject.modes() if mode.endswith("dedup")]


def _record(identifier: int | None, updated: int | None, note: str | None, region: str | None = None) -> Record:
    return {"id": identifier, "updated": updated, "note": note, "region": region}


def _sync(subject: Subject, scratch: Path, mode: Mode, name: str, *key: str) -> Sync:
    shape = Shape(properties=PROPERTIES, primary_key=key or ("id",), cursor="updated")
    return Sync(subject, scratch, mode, name=f"{name}_{mode}", shape=shape)


@case
def the_newest_row_by_cursor_stays(subject: Subject, scratch: Path) -> None:
    """In one batch, over batches and receipts: the larger cursor wins, wherever it comes; no cursor is the oldest."""
    batches = (
        [_record(1, 20, "new"), _record(1, 10, "old"), _record(2, 10, "old"), _record(2, 20, "new")],
        [_record(3, 20, "new"), _record(4, 10, "old"), _record(5, None, "old"), _record(6, 1, "new")],
        [_record(3, 10, "old"), _record(4, 20, "new"), _record(5, 1, "new"), _record(6, None, "old")],
    )
    for mode in _merging(subject):
        for file_bytes in (0, 1 << 30):
            sync = _sync(subject, scratch, mode, "newest")
            sync.sync(*batches, file_bytes=file_bytes)
            assert sync.ids() == [1, 2, 3, 4, 5, 6], mode
            assert {row["note"] for row in sync.rows()} == {"new"}, (mode, file_bytes, sync.rows())


@case
def an_older_row_that_comes_later_does_not_win(subject: Subject, scratch: Path) -> None:
    """A later sync brings a key again: the larger cursor wins over the table's row, a smaller one does not."""
    for mode in _merging(subject):
        if mode.startswith("overwrite"):
            continue
        sync = _sync(subject, scratch, mode, "later")
        sync.sync([_record(1, 20, "new"), _record(2, 10, "old"), _record(3, 10, "old"), _record(4, 10, "new")])
        sync.sync([_record(1, 10, "old"), _record(2, 20, "new"), _record(3, 10, "new"), _record(4, None, "old")])
        assert {row["id"]: row["note"] for row in sync.rows()} == dict.fromkeys((1, 2, 3, 4), "new"), mode


@case
def of_equal_cursors_the_later_row_wins(subject: Subject, scratch: Path) -> None:
    """By the time of extraction, then by position."""
    for mode in _merging(subject):
        sync = _sync(subject, scratch, mode, "equal")
        sync.next_job()
        destination = subject.make()
        writer, _ = sync.writer(destination)
        late = sync.batch(destination, [_record(1, 5, "new")], at=EMITTED_AT + 1000)
        writer.add((sync.name, None), late)
        writer.add((sync.name, None), sync.batch(destination, [_record(1, 5, "old"), _record(2, 5, "old")]))
        writer.add((sync.name, None), sync.batch(destination, [_record(2, 5, "new")]))
        writer.finish()
        writer.discard()
        destination.close()
        assert {row["id"]: row["note"] for row in sync.rows()} == {1: "new", 2: "new"}, mode


@case
def rows_that_do_not_come_again_stay(subject: Subject, scratch: Path) -> None:
    """Keys that a later sync does not name are kept, whole, and those that it names are replaced, whole."""
    for mode in _merging(subject):
        if mode.startswith("overwrite"):
            continue
        sync = _sync(subject, scratch, mode, "stay")
        sync.sync([_record(1, 1, "kept", "eu"), _record(2, 1, "old", "eu")])
        sync.sync([_record(2, 2, None), _record(3, 2, "added")])
        sync.sync()
        rows: dict[int, Any] = {row["id"]: (row.get("note"), row.get("region")) for row in sync.rows()}
        assert rows == {1: ("kept", "eu"), 2: (None, None), 3: ("added", None)}, (mode, rows)


@case
def null_is_a_key_like_others(subject: Subject, scratch: Path) -> None:
    """Two rows without a key are one key's; a part that is null is neither empty nor any other value."""
    for mode in _merging(subject):
        sync = _sync(subject, scratch, mode, "null", "id", "region")
        keys = ((1, None), (1, ""), (1, "eu"), (None, None), (None, "eu"), (2, None))
        for cursor, note in ((1, "old"), (2, "new")):
            records = [_record(identifier, cursor, note, region) for identifier, region in keys]
            sync.sync(records, records)
        rows = sorted((str(row.get("id")), str(row.get("region")), str(row["note"])) for row in sync.rows())
        assert rows == sorted((str(i), str(r), "new") for i, r in keys), (mode, rows)


@case
def every_part_of_a_key_counts(subject: Subject, scratch: Path) -> None:
    """Rows that share a part of their key are two rows."""
    for mode in _merging(subject):
        sync = _sync(subject, scratch, mode, "parts", "id", "region")
        sync.sync([_record(1, 1, "a", "eu"), _record(1, 2, "b", "us"), _record(2, 3, "c", "eu")])
        sync.sync(
            [_record(1, 4, "d", "eu"), _record(2, 4, "e", "us"), _record(1, 4, "b", "us"), _record(2, 4, "c", "eu")]
        )
        rows = sorted((row["id"], row["region"], row["note"]) for row in sync.rows())
        assert rows == [(1, "eu", "d"), (1, "us", "b"), (2, "eu", "c"), (2, "us", "e")], (mode, rows)


@case
def a_refresh_replaces_older_generations(subject: Subject, scratch: Path) -> None:
    """A stream that adds rows is read again from the beginning: its older rows go once the new ones are there."""
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"refresh_{mode}", refreshes=True)
        sync.sync([1, 2])
        sync.sync([2, 3])
        assert sync.ids() == [2, 3], mode
        sync.sync()
        assert sync.ids() == [], mode
