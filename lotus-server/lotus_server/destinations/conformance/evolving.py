"""Fields that change between two syncs: what landed stays as it was, and what comes lands whole or not at all."""
# ruff: noqa: S101 - assertions are what this package is for

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from lotus_server.destinations.conformance.comparison import without_nulls
from lotus_server.destinations.conformance.subject import Rows, Shape, Subject, Sync, case
from lotus_server.destinations.destination import DestinationError


@dataclass(frozen=True)
class Evolution:
    """A field's type before and after, and the values that come before and after. None: the field is not there."""

    before: Mapping[str, Any] | None
    old: tuple[Any, ...]
    after: Mapping[str, Any] | None
    new: tuple[Any, ...]


def _object(**members: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in members.items()}}


INTEGER, NUMBER, TEXT = {"type": "integer"}, {"type": "number"}, {"type": "string"}
DATE, DATE_TIME = {"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}
BOOLEAN = {"type": "boolean"}
ONE_MEMBER, TWO_MEMBERS = _object(a="string"), _object(a="string", b="string")
INTEGERS, NUMBERS = {"type": "array", "items": INTEGER}, {"type": "array", "items": NUMBER}
EITHER = {"oneOf": [{"type": "integer"}, {"type": "string"}]}

EVOLUTIONS: dict[str, Evolution] = {
    "column added": Evolution(None, (None, None), TEXT, ("x", None)),
    "column removed": Evolution(TEXT, ("x", "y"), None, (None, None)),
    "integer to number": Evolution(INTEGER, (1, -7), NUMBER, (1.7, 2.0)),
    "large integer to number": Evolution(INTEGER, (2**53 + 1, 1), NUMBER, (1.7, 2.0)),
    "number to integer": Evolution(NUMBER, (1.7, 2.5), INTEGER, (3, -4)),
    "number to large integer": Evolution(NUMBER, (1.7, 2.5), INTEGER, (2**53 + 1, 4)),
    "integer to text": Evolution(INTEGER, (1, 12), TEXT, ("12abc", "")),
    "text to integer": Evolution(TEXT, ("12abc", "007"), INTEGER, (7, 12)),
    "number to text": Evolution(NUMBER, (1.7, 0.1), TEXT, ("x", "1.70")),
    "boolean to text": Evolution(BOOLEAN, (True, False), TEXT, ("x", "yes")),
    "text to boolean": Evolution(TEXT, ("x", "yes"), BOOLEAN, (True, False)),
    "integer to boolean": Evolution(INTEGER, (5, 0), BOOLEAN, (True, False)),
    "date to date-time": Evolution(DATE, ("2026-01-02", "1999-12-31"), DATE_TIME, ("2026-01-02T03:04:05Z", None)),
    "date-time to date": Evolution(DATE_TIME, ("2026-01-02T03:04:05Z", None), DATE, ("2026-01-03", "1999-12-31")),
    "text to date-time": Evolution(TEXT, ("soon", "2026-01-02"), DATE_TIME, ("2026-01-02T03:04:05Z", None)),
    "new member": Evolution(ONE_MEMBER, ({"a": "x"}, None), TWO_MEMBERS, ({"a": "y", "b": "kept"}, {"b": "z"})),
    "lost member": Evolution(TWO_MEMBERS, ({"a": "x", "b": "y"}, {"b": "z"}), ONE_MEMBER, ({"a": "w"}, {})),
    "member widened": Evolution(_object(a="integer"), ({"a": 1}, None), _object(a="number"), ({"a": 1.7}, {"a": 2.5})),
    "member retyped": Evolution(_object(a="boolean"), ({"a": True}, None), _object(a="integer"), ({"a": 7}, {"a": 0})),
    "array item widened": Evolution(INTEGERS, ([1, 2], []), NUMBERS, ([1.7], [2.5, 3.5])),
    "array item gets a member": Evolution(
        {"type": "array", "items": _object(a="string")},
        ([{"a": "x"}], []),
        {"type": "array", "items": _object(a="string", b="integer")},
        ([{"a": "y", "b": 1}], [{"b": 2}]),
    ),
    "scalar to union": Evolution(INTEGER, (1, 2), EITHER, (3, "four")),
    "text to union": Evolution(TEXT, ("1", "two"), EITHER, (3, "four")),
    "union to scalar": Evolution(EITHER, (3, "four"), INTEGER, (1, 2)),
    "scalar to object": Evolution(TEXT, ("x", "{}"), _object(a="string"), ({"a": "y"}, None)),
    "object to scalar": Evolution(_object(a="string"), ({"a": "x"}, None), TEXT, ("y", "z")),
    "object to array": Evolution(
        _object(a="string"), ({"a": "x"}, None), {"type": "array", "items": TEXT}, (["y"], [])
    ),
    "object to JSON": Evolution(_object(a="string"), ({"a": "x"}, None), {"type": "object"}, ({"b": 1}, {})),
    "JSON to object": Evolution({"type": "object"}, ({"b": 1}, {}), _object(a="string"), ({"a": "x"}, None)),
}
"""By name; `docs/write-a-destination.md` has what each destination makes of them."""


@case
def a_changed_type_loses_nothing(subject: Subject, scratch: Path) -> None:
    """A second sync with another type of the field lands whole, or is refused with a sentence that names the column."""
    for mode in subject.modes():
        for name, evolution in EVOLUTIONS.items():
            if not mode.startswith("overwrite"):
                outcome(subject, scratch, mode, name, evolution)


@case
def an_overwrite_takes_every_type(subject: Subject, scratch: Path) -> None:
    """Its table is made anew, so there is nothing to widen; an append that is refreshed is no different."""
    modes = subject.modes()
    for number, (name, evolution) in enumerate(EVOLUTIONS.items()):
        # Each type in one mode, each mode with some types: what happens does not depend on both.
        sync = _evolving(subject, scratch, modes[number % len(modes)], name, evolution, refreshes=True)
        _second(sync, evolution)
        assert sync.ids() == [3, 4], name
        _check_values(sync.rows(), {3: evolution.new[0], 4: evolution.new[1]}, name)


@case
def columns_may_come_and_go(subject: Subject, scratch: Path) -> None:
    """A new column is there for new rows and null for old ones; a dropped one stays for old rows."""
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"columns_{mode}")
        for number, names in enumerate((("id",), ("id", "note"), ("id",))):
            sync.properties = {name: {"type": "integer" if name == "id" else "string"} for name in names}
            sync.sync([number], note="note")
        notes = {row["id"]: row.get("note") for row in sync.rows()}
        if subject.make().layout() == "columns":
            assert notes == ({2: None} if sync.whole else {0: None, 1: "note", 2: None}), (mode, notes)
        assert sync.ids() == ([2] if sync.whole else [0, 1, 2]), (mode, sync.ids())


@case
def a_column_whose_case_changes_keeps_its_rows(subject: Subject, scratch: Path) -> None:
    """Old and new rows keep their values, in one column or in two."""
    for mode in subject.modes():
        if mode.startswith("overwrite"):
            continue
        sync = Sync(subject, scratch, mode, name=f"case_{mode}")
        for number, column in enumerate(("Total", "total")):
            sync.properties = {"id": {"type": "integer"}, column: {"type": "integer"}}
            sync.sync([{"id": number, column: 10 + number}])
        values = {
            row["id"]: {v for k, v in row.items() if k.lower() == "total" and v is not None} for row in sync.rows()
        }
        assert values == {0: {10}, 1: {11}}, (mode, values)


@case
def a_key_may_be_widened(subject: Subject, scratch: Path) -> None:
    """A merge by a key whose type changed neither loses a row nor shows one twice."""
    for mode in subject.modes():
        if mode != "append_dedup":
            continue
        shape = Shape(properties={"id": INTEGER, "key": INTEGER, "note": TEXT}, primary_key=("key",))
        sync = Sync(subject, scratch, mode, name="key", shape=shape)
        sync.sync([{"id": 1, "key": 1, "note": "old"}, {"id": 2, "key": 2, "note": "kept"}])
        sync.properties = {"id": INTEGER, "key": NUMBER, "note": TEXT}
        sync.sync([{"id": 3, "key": 1.0, "note": "new"}, {"id": 4, "key": 1.5, "note": "new"}])
        assert sync.ids() == [2, 3, 4], sync.rows()


def outcome(subject: Subject, scratch: Path, mode: Any, name: str, evolution: Evolution) -> str:
    """What becomes of an evolution: "taken" or "refused"; asserts that nothing is lost either way."""
    sync = _evolving(subject, scratch, mode, name, evolution)
    old = {1: evolution.old[0], 2: evolution.old[1]}
    try:
        _second(sync, evolution)
    except DestinationError as error:
        for words in (sync.name, "value"):
            assert words in str(error), f'{name}: "{error}" does not name {words}'
        assert sync.ids() == [1, 2], (mode, name, sync.ids())
        _check_values(sync.rows(), old, name)
        return "refused"
    assert sync.ids() == [1, 2, 3, 4], (mode, name, sync.ids())
    _check_values(sync.rows(), {**old, 3: evolution.new[0], 4: evolution.new[1]}, name)
    return "taken"


def _evolving(
    subject: Subject, scratch: Path, mode: Any, name: str, evolution: Evolution, *, refreshes: bool = False
) -> Sync:
    label = re.sub("[^a-z]", "_", name.lower())
    sync = Sync(subject, scratch, mode, name=f"{label}_{mode}", refreshes=refreshes)
    sync.properties = {"id": INTEGER, **({} if evolution.before is None else {"value": evolution.before})}
    sync.sync([{"id": number, "value": value} for number, value in enumerate(evolution.old, start=1)])
    return sync


def _second(sync: Sync, evolution: Evolution) -> None:
    sync.properties = {"id": INTEGER, **({} if evolution.after is None else {"value": evolution.after})}
    sync.sync([{"id": number, "value": value} for number, value in enumerate(evolution.new, start=3)])


def _check_values(rows: Rows, expected: Mapping[int, Any], name: str) -> None:
    for row in rows:
        value = row.get("value")
        assert _spelled(value) in _spellings(expected[row["id"]]), (
            f"{name}: {expected[row['id']]!r} landed as {value!r}"
        )


def _spellings(sent: Any) -> set[str]:
    """A value as columns of a wider type show it: as a number, a text, a time, JSON, or one of several types."""
    spellings = {_spelled(sent), _spelled(json.dumps(sent)), str(sent)}
    if isinstance(sent, bool):
        spellings |= {str(sent).lower(), str(int(sent))}
    if isinstance(sent, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", sent):
        spellings.add(_spelled(datetime.fromisoformat(sent).replace(tzinfo=UTC)))
    if isinstance(sent, int | str) and not isinstance(sent, bool):
        spellings.add(_spelled({"type": "integer" if isinstance(sent, int) else "string", _member(sent): sent}))
    return spellings


def _member(sent: int | str) -> str:
    return "integer" if isinstance(sent, int) else "string"


def _spelled(value: Any) -> str:
    """One spelling for equal values: JSON text like the value, a moment whatever its form, 2.0 like 2."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else f"without zone {value.isoformat()}"
    if isinstance(value, str):
        return _spelled_text(value)
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _spelled_text(value: str) -> str:
    if re.match(r"\d{4}-\d\d-\d\d[T ]", value):
        return _spelled(datetime.fromisoformat(value))
    if value[:1] in ("{", "["):
        return json.dumps(_plain(json.loads(value)), sort_keys=True, ensure_ascii=False)
    return value


def _plain(value: Any) -> Any:
    return without_nulls(value, _plain_leaf)


def _plain_leaf(value: Any) -> Any:
    if isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
