"""Schemas that are put together: every field of them is found, and every name is one column."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from lotus_server.destinations.columns import fields_of
from lotus_server.destinations.destination import DestinationStream
from lotus_server.destinations.records import RecordParser
from lotus_server.domain.json_schema import spread

ID_AND_V = {"type": "object", "properties": {"id": {"type": "integer"}, "v": {"type": "string"}}}
TWO_FIELDS = pa.schema([("id", pa.int64()), ("v", pa.string())])


def columns(schema: dict[str, Any]) -> pa.Schema:
    """The columns of a stream."""
    return pa.schema([(field.column, field.type.arrow()) for field in fields_of(schema)])


def landed(schema: dict[str, Any], *records: Any) -> list[Any]:
    """The rows of records, without Airbyte's own columns."""
    parser = RecordParser(DestinationStream("s", None, "append", fields_of(schema)))
    lines = [{"type": "RECORD", "record": {"stream": "s", "data": each, "emitted_at": 1}} for each in records]
    batches = parser.lines(b"".join(json.dumps(line).encode() + b"\n" for line in lines)) + parser.batches()
    table = pa.Table.from_batches(batches)
    return table.select(table.column_names[4:]).to_pylist()


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [ID_AND_V, {"type": "string"}]},
        {"anyOf": [{"type": "null"}, ID_AND_V]},
        {"type": ["null", "object"], "anyOf": [{"properties": ID_AND_V["properties"]}]},
        {"allOf": [{"properties": {"id": {"type": "integer"}}}, {"properties": {"v": {"type": "string"}}}]},
        {"$ref": "#/definitions/row", "definitions": {"row": ID_AND_V}},
        {"allOf": [{"$ref": "#/$defs/row"}], "$defs": {"row": ID_AND_V}},
        {"properties": {"id": {"type": "integer"}}, "oneOf": [{"properties": {"v": {"type": "string"}}}]},
    ],
)
def test_the_properties_of_every_part_are_fields(schema: dict[str, Any]) -> None:
    """Wherever they are; spread once, they are found again in the same way."""
    assert columns(schema) == columns(spread(schema)) == TWO_FIELDS
    assert landed(schema, {"id": 1, "v": "a"}) == [{"id": 1, "v": "a"}]


@pytest.mark.parametrize("schema", [{"type": "object"}, {}, {"oneOf": [{"type": "string"}]}, {"$ref": "#/missing"}])
def test_a_schema_that_names_no_field_has_none(schema: dict[str, Any]) -> None:
    assert len(columns(schema)) == 0


def test_a_field_that_parts_describe_differently_takes_both_types() -> None:
    schema = {"anyOf": [{"properties": {"x": {"type": "integer"}}}, {"properties": {"x": {"type": "string"}}}]}
    union = pa.struct([("type", pa.string()), ("integer", pa.int64()), ("string", pa.string())])
    assert columns(schema) == columns(spread(spread(schema))) == pa.schema([("x", union)])


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"enum": ["a", "b", None]}, pa.string()),
        ({"enum": [1, 2]}, pa.int64()),
        ({"const": "k"}, pa.string()),
        ({"const": True}, pa.bool_()),
        ({"$ref": "#/definitions/amount"}, pa.float64()),
        ({"type": "array", "items": {"$ref": "#/definitions/amount"}}, pa.list_(pa.field("element", pa.float64()))),
        ({"allOf": [{"$ref": "#/definitions/amount"}, {"description": "x"}]}, pa.float64()),
        ({"oneOf": [{"$ref": "#/definitions/amount"}, {"type": "null"}]}, pa.float64()),
        ({"$ref": "https://example.invalid/schema.json"}, pa.string()),
        ({"type": "object", "properties": {"q": {"type": "string"}}, "oneOf": [{"required": ["q"]}]},
         pa.struct([("q", pa.string())])),
    ],
)  # fmt: skip
def test_a_field_without_a_plain_type_has_the_one_that_is_meant(schema: dict[str, Any], expected: Any) -> None:
    """`enum`, `const`, references and combinations; a reference to elsewhere is JSON text."""
    root = {"properties": {"x": schema}, "definitions": {"amount": {"type": "number"}}}
    assert columns(root) == pa.schema([("x", expected)])


def test_schemas_that_contain_themselves_end() -> None:
    """As JSON text at the second time; definitions that name each other twice do not become millions of fields."""
    tree = {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/definitions/tree"}}}
    schema = {"properties": {"tree": {"$ref": "#/definitions/tree"}}, "definitions": {"tree": tree}}
    assert columns(schema).field("tree").type == pa.struct([("v", pa.int64()), ("next", pa.string())])
    assert landed(schema, {"tree": {"v": 1, "next": {"v": 2}}}) == [{"tree": {"v": 1, "next": '{"v":2}'}}]
    loop = {"properties": {"x": {"$ref": "#/definitions/a"}}, "definitions": {"a": {"$ref": "#/definitions/a"}}}
    assert columns(loop) == pa.schema([("x", pa.string())])
    definitions = {
        f"d{n}": {"properties": {side: {"$ref": f"#/definitions/d{n + 1}"} for side in "lr"}} for n in range(30)
    }
    assert len(columns({"$ref": "#/definitions/d0", "definitions": definitions})) == 2


@pytest.mark.parametrize(("kind", "value"), [("string", "t"), ("integer", 6)])
def test_members_that_collide_across_alternatives_are_two(kind: str, value: Any) -> None:
    """Both land; so do three, and those inside of lists."""
    one = {"type": "object", "properties": {"a-b": {"type": "integer"}}}
    two = {"type": "object", "properties": {"a_b": {"type": kind}}}
    three = {"type": "object", "properties": {"a.b": {"type": "boolean"}}}
    schema = {"properties": {"x": {"anyOf": [one, two]}, "l": {"type": "array", "items": {"oneOf": [one, two, three]}}}}
    rows = landed(schema, {"x": {"a-b": 5}, "l": [{"a.b": True}]}, {"x": {"a_b": value}, "l": []})
    assert [row["x"] for row in rows] == [{"a_b": 5, "a_b_1": None}, {"a_b": None, "a_b_1": value}]
    assert rows[0]["l"] == [{"a_b": None, "a_b_1": None, "a_b_2": True}]
