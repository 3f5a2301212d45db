"""JSON schema → columns, and values → columns, as Airbyte's destination-s3 does."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from lotus_server.destinations.columns import column_name, column_type, fields_of
from lotus_server.destinations.destination import DestinationStream
from lotus_server.destinations.records import RecordParser

UTC_TIMESTAMP = pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["null", "string"]}, pa.string()),
        ({"type": "boolean"}, pa.bool_()),
        ({"type": "integer"}, pa.int64()),
        ({"type": "number"}, pa.float64()),
        ({"type": "number", "airbyte_type": "integer"}, pa.int64()),
        ({"type": "string", "format": "date"}, pa.date32()),
        ({"type": "string", "format": "time"}, pa.time64("us")),
        ({"type": "string", "format": "date-time"}, UTC_TIMESTAMP),
        ({"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"}, UTC_TIMESTAMP),
        ({"type": "object"}, pa.string()),
        ({"type": "object", "properties": {}}, pa.string()),
        ({"type": "array"}, pa.string()),
        ({}, pa.string()),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, pa.string()),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, pa.string()),
    ],
)
def test_types_are_those_of_the_table(schema: dict[str, Any], expected: Any) -> None:
    """docs/airbyte-behaviour.md#parquet-columns, line by line."""
    assert column_type(schema).arrow() == expected


def test_objects_and_arrays_are_structs_and_lists() -> None:
    """An object named by `id` and `type` is an object, not a union."""
    kind = column_type(
        {"type": "array", "items": {"properties": {"id": {"type": "integer"}, "type": {"type": "string"}}}}
    )
    assert kind.arrow() == pa.list_(
        pa.field("element", pa.struct([pa.field("id", pa.int64()), pa.field("type", pa.string())]))
    )


def test_a_union_has_a_member_for_each_type() -> None:
    """Several types become a struct with the name of the one that is there."""
    kind = column_type({"type": ["null", "string", "integer", "object"]})
    assert [field.name for field in kind.arrow()] == ["type", "string", "integer", "object"]


def test_alternatives_of_objects_are_merged_by_field() -> None:
    """Two shapes of an object are one struct; a field of two types is a union inside."""
    one = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    other = {"type": "object", "properties": {"a": {"type": "string"}, "c": {"type": "string"}}}
    kind = column_type({"oneOf": [one, other]}).arrow()
    assert [field.name for field in kind] == ["a", "b", "c"]
    assert [field.name for field in kind.field("a").type] == ["type", "integer", "string"]


def test_names_are_those_of_airbyte() -> None:
    """NFKD, marks stripped, other characters `_`, no leading digit, no two alike."""
    assert [column_name(name) for name in ("Prénom", "a.b", "1st", "../x", "😀", "")] == [
        "Prenom",
        "a_b",
        "_1st",
        "___x",
        "_",
        "_",
    ]
    fields = fields_of({"properties": {"a.b": {}, "a_b": {}, "a b": {}, "_airbyte_raw_id": {}}})
    assert [field.column for field in fields] == ["a_b", "a_b_1", "a_b_2", "_airbyte_raw_id_1"]


def column(schema: dict[str, Any], *values: Any) -> tuple[list[Any], list[Any]]:
    """The values as they land, and what `_airbyte_meta.changes` says of each row; each value as JSON text or data."""
    stream = DestinationStream(
        "s", None, "append", fields_of({"properties": {"x": schema}}), sync_id=7, generation_id=3
    )
    parser = RecordParser(stream)
    lines = [
        '{"type":"RECORD","record":{"stream":"s","data":{"x":%s},"emitted_at":1700000000000}}\n'
        % (value if isinstance(value, str) else json.dumps(value))
        for value in values
    ]
    batches = parser.lines("".join(lines).encode()) + parser.batches()
    table = pa.Table.from_batches(batches, stream.schema)
    changes = [meta["changes"] for meta in table["_airbyte_meta"].to_pylist()]
    return table["x"].to_pylist(), [[change["reason"] for change in each] for each in changes]


UNREADABLE = ["DESTINATION_SERIALIZATION_ERROR"]
TOO_LARGE = ["DESTINATION_FIELD_SIZE_LIMITATION"]


@pytest.mark.parametrize(
    ("schema", "given", "landed"),
    [
        ({"type": "integer"}, '"12"', 12),
        ({"type": "integer"}, "1.0", 1),
        ({"type": "integer"}, str(2**63 - 1), 2**63 - 1),
        ({"type": "number"}, '"1.5"', 1.5),
        ({"type": "number"}, "3", 3.0),
        ({"type": "string"}, "12", "12"),
        ({"type": "string"}, "true", "true"),
        ({"type": "string"}, '{"a":[1]}', '{"a":[1]}'),
        ({"type": "object"}, '{"a":123456789012345678901}', '{"a":123456789012345678901}'),
        ({"type": "array"}, "[1, 2]", "[1,2]"),
        ({"type": "array", "items": {"type": "integer"}}, "[1,null,3]", [1, None, 3]),
        ({"type": ["integer", "string"]}, "5", {"type": "integer", "integer": 5, "string": None}),
        ({"type": ["integer", "string"]}, '"a"', {"type": "string", "integer": None, "string": "a"}),
    ],
)
def test_values_that_can_be_converted_are(schema: dict[str, Any], given: str, landed: Any) -> None:
    """The conversions of Airbyte's destinations; nothing is listed as changed."""
    assert column(schema, given) == ([landed], [[]])


@pytest.mark.parametrize(
    ("schema", "given", "reasons"),
    [
        ({"type": "integer"}, "1.7", UNREADABLE),
        ({"type": "integer"}, '"frog"', UNREADABLE),
        ({"type": "integer"}, str(2**63), TOO_LARGE),
        ({"type": "integer"}, "1" * 40, TOO_LARGE),
        ({"type": "number"}, "NaN", UNREADABLE),
        ({"type": "boolean"}, '"yes"', UNREADABLE),
        ({"type": "string", "format": "date"}, '"2026-13-45"', UNREADABLE),
        ({"type": "string", "format": "date-time"}, '"+12026-01-01T00:00:00Z"', UNREADABLE),
        ({"type": "array", "items": {"type": "integer"}}, "5", UNREADABLE),
    ],
)
def test_values_that_do_not_fit_are_null_and_listed(schema: dict[str, Any], given: str, reasons: list[str]) -> None:
    """Beside rows that fit, which stay as they are."""
    assert column(schema, "null", given, "null") == ([None, None, None], [[], reasons, []])


def test_a_misfit_deep_inside_spoils_only_itself() -> None:
    """The path in `changes` leads to the value."""
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    assert column(schema, '{"a":[1,"x",3]}')[0] == [{"a": [1, None, 3]}]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T03:04:05Z",
        "2026-11-21T03:04:05+00:00",
        "2026-11-21T05:04:05+02:00",
        "2026-11-21T05:04:05+0200",
        "2026-11-21 03:04:05",
        "2026-11-21T03:04:05.000000000Z",
        "2026-11-21T03:04:05 UTC",
    ],
)
def test_timestamps_are_utc_however_they_are_written(text: str) -> None:
    """Zoned and unzoned, with more digits than microseconds, in one column."""
    values, changes = column({"type": "string", "format": "date-time"}, f'"{text}"', '"2026-11-21T03:04:05Z"')
    assert changes == [[], []]
    assert [value.isoformat() for value in values] == ["2026-11-21T03:04:05+00:00"] * 2


def test_times_are_utc() -> None:
    """A zoned time is moved, an unzoned one stays."""
    values, _ = column({"type": "string", "format": "time"}, '"03:04:05"', '"05:04:05+02:00"', '"01:00:00+02:00"')
    assert [value.isoformat() for value in values] == ["03:04:05", "03:04:05", "23:00:00"]


def test_the_fast_path_and_the_slow_path_agree() -> None:
    """A row beside one that does not fit lands as it would by itself."""
    schema = {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "t": {"type": "string"}, "o": {"type": "object"}},
    }
    row = '{"id":1,"t":"ä","o":{"b":[1,{"c":null}]},"undeclared":5}'
    alone, _ = column(schema, row)
    beside, _ = column(schema, row, '{"id":"frog"}')
    assert beside[0] == alone[0] == {"id": 1, "t": "ä", "o": '{"b":[1,{"c":null}]}'}
