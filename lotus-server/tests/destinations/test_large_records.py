"""Lines of megabytes: their texts land as they are, however they are written and wherever they are cut."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lotus_server.destinations.columns import fields_of
from lotus_server.destinations.destination import LARGE_VALUE_BYTES, DestinationStream, Layout
from lotus_server.destinations.records import RecordParser

SCHEMA = {
    "properties": {"id": {"type": "integer"}, "note": {"type": "string"}, "free": {"type": "object"}},
}


def landed(
    data: bytes, *, layout: Layout = "columns", selected: list[str] | None = None, schema: Mapping[str, Any] = SCHEMA
) -> list[dict[str, Any]]:
    """The rows that a small record, one with this data and another small one become."""
    stream = DestinationStream("s", None, "append", fields_of(schema), layout=layout)
    parser = RecordParser(stream, selected=selected)
    batches: list[pa.RecordBatch] = []
    for each in (b'{"id":1}', data, b'{"id":3}'):
        batches += parser.lines(b'{"type":"RECORD","record":{"stream":"s","data":%s,"emitted_at":1}}\n' % each)
    table = pa.Table.from_batches(batches + parser.batches(), stream.schema)
    table.validate(full=True)
    return table.to_pylist()


def long(text: str, before: str = "") -> str:
    return before + text * (2 * LARGE_VALUE_BYTES // len(text) + 1)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.sampled_from('ab\\"/\n\x00ü€😀'), min_size=1, max_size=12),
    before=st.text("x", max_size=12),
    ascii_only=st.booleans(),
)
def test_a_long_text_lands_as_it_is_however_it_is_escaped(text: str, before: str, ascii_only: bool) -> None:
    note = long(text, before)
    rows = landed(json.dumps({"id": 2, "note": note}, ensure_ascii=ascii_only).encode())
    assert [(row["id"], row["note"]) for row in rows] == [(1, None), (2, note), (3, None)]


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("7", "7"),
        ("null", None),
        ('{"a": [1, 2]}', '{"a":[1,2]}'),
        ('"a\\ud800"', "a\ufffd"),
    ],
)
def test_a_text_column_beside_a_long_value_is_what_it_is_in_a_short_record(note: str, expected: str | None) -> None:
    free = json.dumps({"k": long("x")})
    row = landed(f'{{"id": 2, "note": {note}, "free": {free}}}'.encode())[1]
    alone = landed(f'{{"id": 2, "note": {note}}}'.encode())[1]
    assert json.loads(row["free"]) == json.loads(free)
    assert (row["note"], row["_airbyte_meta"]["changes"]) == (alone["note"], alone["_airbyte_meta"]["changes"])
    assert row["note"] == expected


ITEM = {
    "type": "object",
    "properties": {
        "a": {"type": "string"},
        "b": {"type": "integer"},
        "c": {"type": "number"},
        "d": {"type": "boolean"},
        "e": {"type": "array", "items": {"type": "string"}},
    },
}
WORDS = st.none() | st.booleans() | st.integers(-5, 2**64) | st.floats(allow_nan=False) | st.text(max_size=8)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    item=st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            "a": st.text(max_size=8) | WORDS,
            "b": st.integers(-(2**63), 2**63 - 1) | WORDS,
            "c": st.floats(allow_nan=False) | WORDS,
            "d": st.booleans() | WORDS,
            "e": st.none() | st.lists(st.none() | st.text(max_size=4), max_size=3) | WORDS,
            "f": WORDS,
        },
    )
)
def test_a_long_list_of_objects_lands_as_a_short_one_does(item: dict[str, Any] | None) -> None:
    """Whatever its items have: unknown and missing members, nulls, values of another type than the declared one."""
    schema = {"properties": {"id": {"type": "integer"}, "items": {"type": "array", "items": ITEM}}}
    written = json.dumps(item).encode()
    times = LARGE_VALUE_BYTES // len(written) + 1
    short = landed(b'{"id":2,"items":[%s]}' % written, schema=schema)[1]
    long = landed(b'{"id":2,"items":[%s]}' % b",".join([written] * times), schema=schema)[1]
    assert long["items"] == short["items"] * times
    assert len(long["_airbyte_meta"]["changes"]) == len(short["_airbyte_meta"]["changes"]) * times


@pytest.mark.parametrize("size", [1, 2 * LARGE_VALUE_BYTES])
def test_bytes_that_are_no_utf_8_land_as_replacement_characters(size: int) -> None:
    for name in ("note", "free"):
        value = b'"' + b"x" * size + b'\xff"' if name == "note" else b'{"k":"' + b"x" * size + b'\xff"}'
        row = landed(b'{"id":2,"%s":%s}' % (name.encode(), value))[1]
        assert row[name].count("�") == 1, name


def test_a_batch_does_not_hold_a_long_line_of_which_it_wants_little() -> None:
    parser = RecordParser(DestinationStream("s", None, "append", fields_of(SCHEMA)))
    note = "n" * 2 * LARGE_VALUE_BYTES
    data = json.dumps({"id": 2, "note": note, "other": "o" * 20 * LARGE_VALUE_BYTES}).encode()
    line = b'{"type":"RECORD","record":{"stream":"s","data":%s,"emitted_at":1}}\n' % data
    references = sys.getrefcount(line)
    (batch,) = parser.lines(line)
    assert batch["note"][0].as_py() == note
    assert sys.getrefcount(line) == references


def test_selected_members_of_a_long_record_land_as_they_were_written() -> None:
    note = long("ü😀")
    data = f'{{"id": 2, "amount": 1.10, "note": {json.dumps(note)}, "other": {json.dumps(note)}}}'
    row = landed(data.encode(), layout="data", selected=["amount", "note"])[1]
    assert row["_airbyte_data"] == f'{{"amount":1.10,"note":{json.dumps(note)}}}'
