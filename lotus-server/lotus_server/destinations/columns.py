"""JSON schema → column types, as Airbyte's destination-s3 lays Parquet out (docs/airbyte-behaviour.md#parquet-columns).

The four `_airbyte_…` columns come first, then the fields in schema order. What does not fit its column becomes null and
is named in `_airbyte_meta.changes`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from lotus_server.destinations.arrow import ArrowField, DataType, Schema
from lotus_server.domain.json_schema import References, alternatives, properties_of, type_names

Kind = Literal[
    "text",
    "boolean",
    "integer",
    "number",
    "date",
    "time_with_timezone",
    "time_without_timezone",
    "timestamp_with_timezone",
    "timestamp_without_timezone",
    "json",
    "struct",
    "list",
    "union",
]

TEMPORAL = {
    "date",
    "time_with_timezone",
    "time_without_timezone",
    "timestamp_with_timezone",
    "timestamp_without_timezone",
}

RAW_ID = "_airbyte_raw_id"
EXTRACTED_AT = "_airbyte_extracted_at"
META = "_airbyte_meta"
GENERATION_ID = "_airbyte_generation_id"
DATA = "_airbyte_data"
"""The whole record as JSON text, for formats that do not spread it over columns."""

MAX_DEPTH = 40
"""Deeper schemas (recursive ones, in practice) go on as JSON text: Parquet readers have limits of that order."""


@dataclass(frozen=True)
class Field:
    """A property: its name in records and its name as a column."""

    name: str
    column: str
    type: ColumnType


@dataclass(frozen=True)
class ColumnType:
    """What a column holds; `fields` of a struct or union, `item` of a list, `array`: JSON text that holds one."""

    kind: Kind
    fields: tuple[Field, ...] = ()
    item: ColumnType | None = None
    array: bool = False

    def arrow(self) -> DataType:
        """The Arrow type, which decides the Parquet type."""
        import pyarrow as pa

        if self.kind == "struct":
            return pa.struct([pa.field(field.column, field.type.arrow()) for field in self.fields])
        if self.kind == "union":
            members = [pa.field(field.column, field.type.arrow()) for field in self.fields]
            return pa.struct([pa.field("type", pa.string()), *members])
        if self.kind == "list" and self.item is not None:
            return pa.list_(pa.field("element", self.item.arrow()))
        return {
            "boolean": pa.bool_(),
            "integer": pa.int64(),
            "number": pa.float64(),
            "date": pa.date32(),
            "time_with_timezone": pa.time64("us"),
            "time_without_timezone": pa.time64("us"),
            "timestamp_with_timezone": pa.timestamp("us", "UTC"),
            "timestamp_without_timezone": pa.timestamp("us", "UTC"),
        }.get(self.kind, pa.string())


TEXT = ColumnType("text")
JSON = ColumnType("json")


@cache
def meta_type() -> DataType:
    """`struct{sync_id, changes list<struct{field, change, reason}>}`."""
    import pyarrow as pa

    change = pa.struct(
        [pa.field("field", pa.string()), pa.field("change", pa.string()), pa.field("reason", pa.string())]
    )
    return pa.struct(
        [
            pa.field("sync_id", pa.int64(), nullable=False),
            pa.field("changes", pa.list_(pa.field("element", change)), nullable=False),
        ]
    )


@cache
def airbyte_columns() -> tuple[ArrowField, ...]:
    """The four columns that every row begins with."""
    import pyarrow as pa

    return (
        pa.field(RAW_ID, pa.string(), nullable=False),
        pa.field(EXTRACTED_AT, pa.int64(), nullable=False),
        pa.field(META, meta_type(), nullable=False),
        pa.field(GENERATION_ID, pa.int64(), nullable=False),
    )


def arrow_schema(fields: Iterable[Field]) -> Schema:
    """Schema of the batches of a stream whose fields are spread over columns."""
    import pyarrow as pa

    return pa.schema([*airbyte_columns(), *(pa.field(field.column, field.type.arrow()) for field in fields)])


def data_schema() -> Schema:
    """Schema of the batches of a stream that is kept as JSON text."""
    import pyarrow as pa

    return pa.schema([*airbyte_columns(), pa.field(DATA, pa.string(), nullable=False)])


def column_name(name: str) -> str:
    """A name as Airbyte writes it to Parquet: NFKD without marks, other characters `_`, no leading digit.

    Example:
        >>> column_name("Prénom (été)")
        'Prenom__ete_'
    """
    decomposed = unicodedata.normalize("NFKD", name)
    plain = "".join(char for char in decomposed if not unicodedata.category(char).startswith("M"))
    plain = re.sub(r"\s+", "_", plain)
    plain = re.sub(r"[^A-Za-z0-9_]", "_", plain)
    return f"_{plain}" if not plain or plain[0].isdigit() else plain


def fields_of(json_schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """The columns of a stream, in schema order; names that would be the same get `_1`, `_2`…"""
    reserved = {RAW_ID, EXTRACTED_AT, META, GENERATION_ID}
    root = References(json_schema)
    return _fields(properties_of(json_schema), root, depth=0, reserved=reserved)


def _fields(
    properties: Mapping[str, Any], references: References, *, depth: int, reserved: Iterable[str] = ()
) -> tuple[Field, ...]:
    types = {name: column_type(schema, references, depth=depth + 1) for name, schema in properties.items()}
    return _named(types, reserved)


def _named(types: Mapping[str, ColumnType], reserved: Iterable[str] = ()) -> tuple[Field, ...]:
    """Fields of one record or object: the only place where their column names are made, so that no two are the same."""
    taken = set(reserved)
    fields: list[Field] = []
    for name, kind in types.items():
        base = column = column_name(name)
        number = 0
        while column in taken:
            number += 1
            column = f"{base}_{number}"
        taken.add(column)
        fields.append(Field(name, column, kind))
    return tuple(fields)


def column_type(schema: Any, references: References | None = None, *, depth: int = 0) -> ColumnType:
    """The type of one property's JSON schema; `references` are those of the schema that it is part of."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return JSON
    return _merged(list(_options(schema, references or References(schema), depth=depth)))


def _options(schema: Mapping[str, Any], references: References, *, depth: int) -> Iterable[ColumnType]:
    """Each single type that a schema allows, null left out."""
    schema, references = references.resolved(schema)
    listed = alternatives(schema)
    for alternative in listed if depth <= MAX_DEPTH else ():
        yield from _options(alternative, references, depth=depth + 1)
    for name in type_names(schema) if not listed else ():
        if name != "null":
            yield _single(name, schema, references, depth=depth)


def _single(  # noqa: PLR0911 - one per JSON type
    name: str, schema: Mapping[str, Any], references: References, *, depth: int
) -> ColumnType:
    match name:
        case "string":
            return ColumnType(_string_kind(schema))
        case "boolean":
            return ColumnType("boolean")
        case "integer":
            return ColumnType("integer")
        case "number":
            return ColumnType("integer" if schema.get("airbyte_type") == "integer" else "number")
        case "object":
            properties = schema.get("properties")
            return ColumnType("struct", fields=_fields(properties, references, depth=depth)) if properties else JSON
        case "array":
            items = schema.get("items")
            if not isinstance(items, Mapping) or not items:
                return ColumnType("json", array=True)
            return ColumnType("list", item=column_type(items, references, depth=depth + 1))
        case _:
            return JSON


def _string_kind(schema: Mapping[str, Any]) -> Kind:
    zoned = not str(schema.get("airbyte_type", "")).endswith("without_timezone")
    match schema.get("format"):
        case "date":
            return "date"
        case "time":
            return "time_with_timezone" if zoned else "time_without_timezone"
        case "date-time":
            return "timestamp_with_timezone" if zoned else "timestamp_without_timezone"
        case _:
            return "text"


def _merged(options: list[ColumnType]) -> ColumnType:
    distinct: list[ColumnType] = []
    single = [member for option in options for member in _members(option)]
    for option in single:
        same = next((n for n, each in enumerate(distinct) if _member(each) == _member(option)), None)
        if same is None:
            distinct.append(option)
        else:
            distinct[same] = _unified(distinct[same], option)
    if not distinct:
        return JSON
    if len(distinct) == 1:
        return distinct[0]
    return ColumnType("union", fields=tuple(Field(_member(each), _member(each), each) for each in distinct))


def _members(option: ColumnType) -> list[ColumnType]:
    return [field.type for field in option.fields] if option.kind == "union" else [option]


def _unified(first: ColumnType, second: ColumnType) -> ColumnType:
    """Two alternatives of one kind as one type: objects field by field, lists by item."""
    if first == second:
        return first
    if first.kind == second.kind == "struct":
        types = {field.name: field.type for field in first.fields}
        for field in second.fields:
            before = types.get(field.name)
            types[field.name] = field.type if before is None else _merged([before, field.type])
        return ColumnType("struct", fields=_named(types))
    if first.kind == second.kind == "list" and first.item is not None and second.item is not None:
        return ColumnType("list", item=_merged([first.item, second.item]))
    # An object or array with a declared shape beside one without: text holds both.
    return ColumnType("json", array=first.kind == "list" or first.array)


def _member(option: ColumnType) -> str:
    """The name of a type inside a union."""
    match option.kind:
        case "text":
            return "string"
        case "struct":
            return "object"
        case "list":
            return "array"
        case "json":
            return "array" if option.array else "object"
        case kind:
            return kind
