"""What a connector's schema says of a stream's fields."""

from __future__ import annotations

from typing import Any

import pytest

from lotus.config.discovered import discovered_file

RECORD = {"type": "object", "properties": {"id": {"type": "integer"}, "v": {"type": "string"}}}


@pytest.mark.parametrize(
    "schema",
    [
        RECORD,
        {"oneOf": [RECORD, {"type": "string"}]},
        {"allOf": [{"properties": {"id": {"type": "integer"}}}, {"properties": {"v": {"type": "string"}}}]},
        {"type": ["null", "object"], "anyOf": [RECORD]},
        {"$ref": "#/definitions/row", "definitions": {"row": RECORD}},
        {"allOf": [{"$ref": "#/$defs/row"}], "$defs": {"row": {**RECORD, "oneOf": [{"$ref": "#/$defs/row"}]}}},
    ],
)
def test_the_fields_of_every_part_of_a_schema_are_found(schema: dict[str, Any]) -> None:
    """A stream without fields would land nothing."""
    fields = discovered_file({"name": "s", "json_schema": schema})["fields"]
    assert fields == {"id": {"type": "integer"}, "v": {"type": "string"}}


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"$ref": "https://example.invalid/s.json"}])
def test_a_schema_that_names_no_field_has_none(schema: dict[str, Any]) -> None:
    assert discovered_file({"name": "s", "json_schema": schema})["fields"] == {}
