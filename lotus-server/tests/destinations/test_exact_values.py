"""Numbers land as they were sent, in blocks and alone, at the top and nested."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lotus_server.destinations.columns import fields_of
from lotus_server.destinations.destination import DestinationStream
from lotus_server.destinations.records import RecordParser

TOO_LARGE = "DESTINATION_FIELD_SIZE_LIMITATION"
UNREADABLE = "DESTINATION_SERIALIZATION_ERROR"


def rows(properties: dict[str, Any], *records: str, at_once: bool = True) -> list[dict[str, Any]]:
    """The rows of records given as JSON, as one block or one by one; raw ids are left out."""
    parser = RecordParser(DestinationStream("s", None, "append", fields_of({"properties": properties})))
    lines = [
        b'{"type":"RECORD","record":{"stream":"s","data":%s,"emitted_at":1}}\n' % each.encode() for each in records
    ]
    batches: list[pa.RecordBatch] = []
    for run in [b"".join(lines)] if at_once else lines:
        batches += parser.lines(run) + parser.batches()
    table = pa.Table.from_batches(batches)
    table.validate(full=True)
    return table.drop_columns(["_airbyte_raw_id"]).to_pylist()


EXACT = [
    ("integer", "9.007199254740993E+15", 9007199254740993),
    ("integer", "12345678901234567.0", 12345678901234567),
    ("integer", "9.223372036854775807E18", 2**63 - 1),
    ("integer", "-9.223372036854775808e18", -(2**63)),
    ("integer", "7E+3", 7000),
    ("integer", "7000e-3", 7),
    ("integer", "1648218655338", 1648218655338),
    ("integer", str(2**63 - 1), 2**63 - 1),
    ("integer", "-0", 0),
    ("integer", '"9007199254740993"', 9007199254740993),
    ("string", "12345678901234567.890", "12345678901234567.890"),
    ("string", "1.10", "1.10"),
    ("string", "7E+3", "7E+3"),
    ("string", "1e400", "1e400"),
    ("string", '{"a": 9.007199254740993E+15}', '{"a":9.007199254740993E+15}'),
    ("string", "[1.10, true]", "[1.10,true]"),
    ("string", '{"a" : "b , \\" c"}', '{"a":"b , \\" c"}'),
    ("string", "NaN", "NaN"),
    ("number", "9007199254740993", 9007199254740992.0),
    ("number", '"1e3"', 1000.0),
    ("object", '{"a": 9.007199254740993E+15, "b" : 1.10}', '{"a":9.007199254740993E+15,"b":1.10}'),
    ("object", '{"a": [NaN, -Infinity]}', '{"a":["NaN","-Infinity"]}'),
    ("object", '"a"', '"a"'),
]
MISFITS = [
    ("integer", "1.5", UNREADABLE),
    ("integer", "1e400", TOO_LARGE),
    ("integer", "1e99999999999999999999", TOO_LARGE),
    ("integer", "9.3e18", TOO_LARGE),
    ("integer", "true", UNREADABLE),
    ("integer", '"1e3"', UNREADABLE),
    ("integer", "NaN", UNREADABLE),
    ("number", "NaN", UNREADABLE),
    ("number", "Infinity", UNREADABLE),
    ("number", "-Infinity", UNREADABLE),
    ("number", '"NaN"', UNREADABLE),
    ("number", "1e400", TOO_LARGE),
    ("boolean", "NaN", UNREADABLE),
    ("boolean", "1", UNREADABLE),
]


@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize(("kind", "sent", "expected"), EXACT)
def test_a_value_lands_as_it_was_sent(kind: str, sent: str, expected: Any, count: int) -> None:
    """At the top, in an object, in a list and in a union, alone and in a block."""
    nested = {"type": "object", "properties": {"x": {"type": kind}}}
    items = {"type": "array", "items": {"type": kind}}
    record = f'{{"x":{sent},"o":{{"x":{sent}}},"l":[{sent},null]}}'
    for row in rows({"x": {"type": kind}, "o": nested, "l": items}, *[record] * count):
        assert (row["x"], row["o"], row["l"]) == (expected, {"x": expected}, [expected, None])
        assert row["_airbyte_meta"]["changes"] == []


@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize(("kind", "sent", "reason"), MISFITS)
def test_what_does_not_fit_is_null_and_listed_by_its_path(kind: str, sent: str, reason: str, count: int) -> None:
    """One rule for NaN and infinities: they are texts, which no column of numbers takes."""
    nested = {"type": "object", "properties": {"x": {"type": kind}}}
    items = {"type": "array", "items": {"type": kind}}
    record = f'{{"x":{sent},"o":{{"x":{sent}}},"l":[null,{sent}]}}'
    for row in rows({"x": {"type": kind}, "o": nested, "l": items}, *[record] * count):
        assert (row["x"], row["o"], row["l"]) == (None, {"x": None}, [None, None])
        changes = [(change["field"], change["reason"]) for change in row["_airbyte_meta"]["changes"]]
        assert changes == [("x", reason), ("o.x", reason), ("l.1", reason)]


def test_a_union_keeps_numbers_exact() -> None:
    union = {"type": ["integer", "string"]}
    for count in (1, 9):
        for row in rows({"x": union}, *['{"x":9.007199254740993E+15}'] * count):
            assert row["x"] == {"type": "integer", "integer": 9007199254740993, "string": None}


def written(members: dict[str, str], colon: str) -> str:
    """An object of members that are JSON already."""
    return "{" + ", ".join(f"{json.dumps(name)}{colon}{value}" for name, value in members.items()) + "}"


SCALARS = st.one_of(
    st.none().map(lambda _: "null"),
    st.booleans().map(json.dumps),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=True).map(json.dumps),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda each: f"{each:E}".replace("E+", "e+")),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.text(max_size=6).map(json.dumps),
    st.sampled_from(['"12"', '"1.5"', '"2026-01-02"', '"2026-01-02T03:04:05Z"', '"03:04"', '""', '"NaN"', '"\\ud800"']),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from("abc x"), inner, max_size=3).map(lambda members: written(members, ": ")),
    ),
    max_leaves=6,
)
KINDS: list[dict[str, Any]] = [
    *({"type": kind} for kind in ("integer", "number", "string", "boolean", "object", "array")),
    *({"type": "string", "format": form} for form in ("date", "date-time", "time")),
    {"type": ["integer", "string"]},
    {"type": ["number", "object", "null"], "properties": {"a": {"type": "integer"}}},
]
SCHEMAS = st.recursive(
    st.sampled_from(KINDS),
    lambda inner: st.one_of(
        inner.map(lambda item: {"type": "array", "items": item}),
        st.dictionaries(st.sampled_from("abc x"), inner, min_size=1, max_size=3).map(
            lambda members: {"type": "object", "properties": members}
        ),
    ),
    max_leaves=4,
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(properties=st.dictionaries(st.sampled_from("abc x"), SCHEMAS, min_size=1, max_size=3), data=st.data())
def test_a_block_lands_what_its_records_land_alone(properties: dict[str, Any], data: st.DataObject) -> None:
    """The fast path and the slow one agree on every value and every change, whatever is sent."""
    record = st.fixed_dictionaries({}, optional=dict.fromkeys([*properties, "other"], VALUES)).map(
        lambda members: written(members, ":")
    )
    records = data.draw(st.lists(record, min_size=6, max_size=9))
    assert rows(properties, *records) == rows(properties, *records, at_once=False)
