"""What lands is what was sent: numbers, texts, times, objects, and the columns that Airbyte adds."""
# ruff: noqa: S101 - assertions are what this package is for

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from lotus_server.destinations.conformance.comparison import without_nulls
from lotus_server.destinations.conformance.subject import EMITTED_AT, Record, Shape, Subject, Sync, case

TEXTS = {
    1: "",
    2: " spaces around ",
    3: "line\nbreak\r\nand\ttab",
    4: 'quote " quote',
    5: "quote ' quote",
    6: "back \\ slash \\n \\N \\.",
    7: "\\N",
    8: "comma, semi; pipe|",
    9: "emoji 😀 é e\u0301 日本 \u202e",
    10: "null",
    11: "NULL",
    12: "{}",
    13: "[1,2]",
    14: "%s {x} $1 ?",
    15: "'; DROP TABLE orders; --",
    16: "x" * 100_000,
    17: "\x01\x7f\x1b[31m",
    18: "1.10",
    19: "true",
    20: "2026-01-02",
}
INTEGERS = (0, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63))
NUMBERS = (0.0, 0.1, -1.5, 1234567.891, 1e300, 5e-324, 0.30000000000000004, 1e-7)
TIMES = {
    "2026-01-02T03:04:05.678901+02:00": datetime(2026, 1, 2, 1, 4, 5, 678901, tzinfo=UTC),
    "2026-06-30T23:59:59Z": datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC),
    "1969-12-31T23:59:59.5Z": datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC),
    "1900-01-01T00:00:00-05:00": datetime(1900, 1, 1, 5, tzinfo=UTC),
    "9999-12-31T00:00:00Z": datetime(9999, 12, 31, tzinfo=UTC),
}
DATES = {"2026-01-02": date(2026, 1, 2), "1582-10-15": date(1582, 10, 15), "9999-12-31": date(9999, 12, 31)}
NESTED_SCHEMA = {
    "id": {"type": "integer"},
    "address": {
        "type": ["null", "object"],
        "properties": {
            "street": {"type": "string"},
            "number": {"type": "integer"},
            "deep": {"type": "object", "properties": {"yes": {"type": "boolean"}}},
        },
    },
    "lines": {
        "type": "array",
        "items": {"type": "object", "properties": {"sku": {"type": "string"}, "price": {"type": "number"}}},
    },
    "tags": {"type": "array", "items": {"type": "string"}},
    "free": {"type": "object"},
    "list": {"type": "array"},
}
NESTED: list[dict[str, Any]] = [
    {
        "address": {"street": 'O\'Neil "quoted" \\ 😀\n', "number": 2**53 + 1, "deep": {"yes": True}},
        "lines": [{"sku": "a", "price": 1.5}, {"sku": "b"}],
        "tags": ["x", "", 'quote "', "comma, }"],
        "free": {"any": [1, {"x": None, "y": "é"}], "yes": True, "no": None, "n": 1.5, "it's": 'a "b"'},
        "list": [1, "two", [3], {"four": False}],
    },
    {"address": {"street": "", "number": 0, "deep": {"yes": False}}, "lines": [], "tags": [], "free": {}, "list": []},
]


def _landed(
    subject: Subject, scratch: Path, kind: Mapping[str, Any], values: Mapping[int, Any]
) -> list[dict[int, Any]]:
    """What each mode has in the column `value`, by id: sent in two syncs, so that a merge has touched it."""
    columns: list[dict[int, Any]] = []
    properties = {"id": {"type": "integer"}, "value": kind}
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"value_{mode}", shape=Shape(properties=properties))
        records: list[Record] = [{"id": number, "value": value} for number, value in values.items()]
        sync.sync(records)
        if mode != "append":
            sync.sync(records)
        columns.append({row["id"]: row.get("value") for row in sync.rows()})
        assert len(columns[-1]) == len(sync.rows()) == len(values), mode
    return columns


@case
def texts_land_as_they_were_sent(subject: Subject, scratch: Path) -> None:
    """Empty, long and hostile ones; none becomes null, and null does not become one of them."""
    for column in _landed(subject, scratch, {"type": ["null", "string"]}, {**TEXTS, 99: None}):
        for number, text in {**TEXTS, 99: None}.items():
            assert column[number] == text, f"{text!r:.60} landed as {column[number]!r:.60}"


@case
def a_nul_in_a_text_is_kept_or_told(subject: Subject, scratch: Path) -> None:
    """A database without that character leaves it out, and says so in `_airbyte_meta.changes`."""
    properties = {"id": {"type": "integer"}, "text": {"type": "string"}, "free": {"type": "object"}}
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"nul_{mode}", shape=Shape(properties=properties))
        sync.sync(
            [{"id": 1, "text": "a\0b", "free": {"k": "c\0d"}}, {"id": 2, "text": "plain", "free": {"k": "\\u0000"}}]
        )
        row = sync.row(1)
        told = {change["field"] for change in _meta(row)["changes"]}
        assert row["text"] == "a\0b" or ("text" in told and row["text"] in ("ab", None)), row
        kept = _parsed(row["free"]) == {"k": "c\0d"}
        assert kept or ("free" in told and _parsed(row["free"]) in ({"k": "cd"}, None)), row
        assert (sync.row(2)["text"], _parsed(sync.row(2)["free"])) == ("plain", {"k": "\\u0000"})


@case
def numbers_keep_every_digit(subject: Subject, scratch: Path) -> None:
    """Integers of 64 bits, numbers of double precision; false is not null and zero is neither."""
    integers: dict[int, int | None] = {**dict(enumerate(INTEGERS)), 99: None}
    for column in _landed(subject, scratch, {"type": ["null", "integer"]}, integers):
        for number, value in integers.items():
            assert column[number] == value, f"{value} landed as {column[number]}"
    for column in _landed(subject, scratch, {"type": "number"}, dict(enumerate(NUMBERS))):
        for number, value in enumerate(NUMBERS):
            assert float(column[number]) == value, f"{value} landed as {column[number]}"
    for column in _landed(subject, scratch, {"type": ["null", "boolean"]}, {0: False, 1: True, 2: None}):
        assert column[0] is not None, "false landed as null"
        assert (bool(column[0]), bool(column[1]), column[2]) == (False, True, None), column


@case
def times_keep_their_zone(subject: Subject, scratch: Path) -> None:
    """A date-time is the same moment for every reader, to the microsecond; a date is the same day."""
    times: dict[int, str | None] = {**dict(enumerate(TIMES)), 99: None}
    for column in _landed(subject, scratch, {"type": "string", "format": "date-time"}, times):
        for number, text in times.items():
            assert _moment(column[number]) == (TIMES[text] if text else None), f"{text} landed as {column[number]}"
    for column in _landed(subject, scratch, {"type": "string", "format": "date"}, dict(enumerate(DATES))):
        for number, text in enumerate(DATES):
            assert str(column[number])[:10] == text, f"{text} landed as {column[number]}"


@case
def nested_values_land_whole(subject: Subject, scratch: Path) -> None:
    """As objects and lists, or as JSON that any reader can parse: no member, item or digit is lost."""
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"nested_{mode}", shape=Shape(properties=NESTED_SCHEMA))
        records = [{"id": number, **record} for number, record in enumerate(NESTED)]
        sync.sync([*records, {"id": 99}])
        if mode != "append":
            sync.sync([*records, {"id": 99}])
        for number, record in enumerate(NESTED):
            row = sync.row(number)
            for name, value in record.items():
                assert _parsed(row.get(name)) == _plain(value), f"{mode}: {value} landed as {row.get(name)!r}"
        assert [sync.row(99).get(name) for name in NESTED[0]] == [None] * 5, sync.row(99)


@case
def airbytes_columns_land_with_every_row(subject: Subject, scratch: Path) -> None:
    """An id of its own, the time of extraction, the sync, the generation; a merge does not change them."""
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"columns_{mode}")
        sync.sync([1, 2])
        sync.sync([3])
        rows = sync.rows()
        assert all(isinstance(row["_airbyte_raw_id"], str) and row["_airbyte_raw_id"] for row in rows), rows
        assert len({row["_airbyte_raw_id"] for row in rows}) == len(rows), rows
        syncs = {row["id"]: _meta(row)["sync_id"] for row in rows}
        assert syncs == ({3: 2} if sync.whole else {1: 1, 2: 1, 3: 2}), (mode, syncs)
        extracted = [_moment(row["_airbyte_extracted_at"]) for row in rows]
        assert extracted == [datetime.fromtimestamp(EMITTED_AT / 1000, UTC)] * len(rows), (mode, extracted)
        assert {row["_airbyte_generation_id"] for row in rows} == {sync.generation}, (mode, rows)


@case
def a_value_that_does_not_fit_is_told(subject: Subject, scratch: Path) -> None:
    """It becomes null, and `_airbyte_meta.changes` of its row says which and why; other rows say nothing."""
    if subject.make().layout() == "data":
        return
    properties = {"id": {"type": "integer"}, "count": {"type": "integer"}, "day": {"type": "string", "format": "date"}}
    for mode in subject.modes():
        sync = Sync(subject, scratch, mode, name=f"misfit_{mode}", shape=Shape(properties=properties))
        records = [{"id": 1, "count": "many", "day": "never"}, {"id": 2, "count": 2, "day": "2026-01-02"}]
        sync.sync(records)
        if mode != "append":
            sync.sync(records)
        changes = _meta(sync.row(1))["changes"]
        assert {(change["field"], change["change"]) for change in changes} == {("count", "NULLED"), ("day", "NULLED")}
        assert all(change["reason"] for change in changes), changes
        assert list(_meta(sync.row(2))["changes"]) == [], mode


def _meta(row: Mapping[str, Any]) -> dict[str, Any]:
    value = row["_airbyte_meta"]
    meta: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return {**meta, "changes": meta.get("changes") or []}


def _parsed(value: Any) -> Any:
    """An object or list, or the JSON text of one, without members that are null: a column has them for every row."""
    try:
        return _plain(json.loads(value) if isinstance(value, str) else value)
    except ValueError:
        return f"no JSON: {value}"


def _plain(value: Any) -> Any:
    return without_nulls(value, _number)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) and value % 1 else value


def _moment(value: Any) -> datetime | None:
    """A time as a moment in UTC: from a datetime, ISO text or milliseconds. A time without a zone is none."""
    if value is None:
        return None
    if isinstance(value, int | float | Decimal):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=float(value))
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    assert moment.tzinfo is not None, f"{value!r} says no zone"
    return moment.astimezone(UTC)
