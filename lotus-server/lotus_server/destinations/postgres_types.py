"""How Airbyte's destination-postgres names and types things, and Arrow batches as COPY reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lotus_server.destinations.arrow import Array, RecordBatch
from lotus_server.destinations.columns import EXTRACTED_AT, META, ColumnType, Kind, column_name
from lotus_server.destinations.destination import DestinationStream
from lotus_server.destinations.evolution import Columns, table_columns

NAME_BYTES = 63
"""Postgres cuts longer names off, without an error."""

TYPES: dict[Kind, str] = {
    "text": "character varying",
    "boolean": "boolean",
    "integer": "bigint",
    "number": "numeric",
    "date": "date",
    "time_with_timezone": "time with time zone",
    "time_without_timezone": "time without time zone",
    "timestamp_with_timezone": "timestamp with time zone",
    "timestamp_without_timezone": "timestamp without time zone",
    "json": "jsonb",
}
"""Objects, lists and columns of several types are JSON, as in Airbyte's. A `numeric` keeps every digit; Airbyte's has
nine after the point unless `unconstrained_number` is set."""

_KINDS: dict[str, Kind] = {
    **{name: kind for kind, name in TYPES.items()},
    "text": "text",
    "character": "text",
    "uuid": "text",
    "integer": "integer",
    "smallint": "integer",
    "double precision": "number",
    "real": "number",
    "json": "json",
}


def kind_of(type_name: str) -> ColumnType:
    """The type of a column that Postgres calls this."""
    return ColumnType(_KINDS.get(type_name.split("(", maxsplit=1)[0], "text"))


def sql_name(name: str) -> str:
    """A name as Airbyte writes it to Postgres: `_` for other characters, and the end of long ones as a number."""
    plain = column_name(name)
    if len(plain) <= NAME_BYTES:
        return plain
    return f"{plain[:54]}_{str(_java_hash(plain))[-8:]}"


def _java_hash(text: str) -> int:
    """`String.hashCode()`: what Airbyte's names end with."""
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def stored(stream: DestinationStream) -> tuple[Columns, dict[str, str]]:
    """The table's columns, by their names in Postgres; and these names, by the batch's."""
    names: dict[str, str] = {}
    columns: Columns = {}
    for column, kind in table_columns(stream).items():
        base = name = sql_name(column)
        number = 0
        while name in columns:
            number += 1
            name = f"{base[:58]}_{number}"
        names[column] = name
        columns[name] = kind if kind.kind in TYPES else ColumnType("json")
    return columns, names


def copy_text(batch: RecordBatch) -> bytes:
    """The rows of a batch in COPY's text format: tabs between values, `\\N` for null."""
    from pyarrow.compute import call_function

    values = [
        call_function("coalesce", [_escaped(_text(name, batch.column(name))), _NULL]) for name in batch.schema.names
    ]
    lines: list[str] = call_function("binary_join_element_wise", [*values, "\t"]).to_pylist()
    return "".join(f"{line}\n" for line in lines).encode()


_NULL = "\\N"
_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


def _escaped(values: Array) -> Array:
    from pyarrow.compute import ReplaceSubstringOptions, call_function

    for plain, escape in _ESCAPES:
        values = call_function("replace_substring", [values], ReplaceSubstringOptions(plain, escape))
    return values


def _text(name: str, values: Array) -> Array:
    import pyarrow as pa

    if name == META:
        return pa.array([_meta(value) for value in values.to_pylist()], pa.string())
    if name == EXTRACTED_AT:
        values = values.cast(pa.timestamp("ms", "UTC"))
    return values.cast(pa.string())


def _meta(value: dict[str, Any]) -> str:
    changes: Iterable[Any] = value["changes"]
    return json.dumps({"sync_id": value["sync_id"], "changes": list(changes)})
