"""What happens when a stream's fields change: a table takes them where nothing is lost, else the sync stops.

Each file of a destination for files has the columns of its own day. A table has one type a column, for all rows. So the
table's types and the stream's are compared before anything is inserted; no database decides it by a cast.

| in the table | in the records | the column becomes |
| --- | --- | --- |
| integer | number, or the other way round | number |
| date | date-time, or the other way round | date-time |
| integer, number, boolean, date | text, or the other way round | text |
| object | object | object with the members of both |
| array | array | array whose items are widened by this table |
| one type | several types | the several types, if the one is among them |
| anything | JSON (in databases that have the type) | JSON |

Anything else is a configuration error, and so is a value that would change, such as an integer above 2^53 in a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lotus_server.destinations.arrow import DataType, RecordBatch, Schema
from lotus_server.destinations.columns import EXTRACTED_AT, GENERATION_ID, META, RAW_ID, ColumnType, Field, Kind
from lotus_server.destinations.destination import DestinationError, DestinationStream

Columns = dict[str, ColumnType]
"""The columns of a table, in their order."""

TEXT_HOLDS = {"integer", "number", "boolean", "date", "text"}
TIMESTAMPS = {"timestamp_with_timezone", "timestamp_without_timezone"}
WORDS = {
    "date": "date",
    "json": "JSON",
    "timestamp_with_timezone": "date-time",
    "timestamp_without_timezone": "date-time without a zone",
    "time_with_timezone": "time",
    "time_without_timezone": "time without a zone",
}


class SchemaConflictError(DestinationError):
    """A column of the table cannot take the records' type without losing something."""


@dataclass(frozen=True)
class Alteration:
    """A change of a table: a column that is added (`old` is None), or one whose type is widened."""

    column: str
    old: ColumnType | None
    new: ColumnType

    def __str__(self) -> str:
        """The change as a log names it."""
        if self.old is None:
            return f'column "{self.column}" ({type_in_words(self.new)}) is added'
        return f'column "{self.column}" becomes {type_in_words(self.new)}; it was {type_in_words(self.old)}'


def table_columns(stream: DestinationStream) -> Columns:
    """The columns of a table of the stream; `_airbyte_extracted_at` is a time, as in Airbyte's destinations."""
    meta = ColumnType("struct", fields=_meta_fields())
    return {
        RAW_ID: ColumnType("text"),
        EXTRACTED_AT: ColumnType("timestamp_with_timezone"),
        META: meta,
        GENERATION_ID: ColumnType("integer"),
        **{field.column: field.type for field in stream.fields},
    }


def _meta_fields() -> tuple[Field, ...]:
    change = ColumnType("struct", fields=tuple(Field(name, name, ColumnType("text")) for name in _CHANGE))
    changes = ColumnType("list", item=change)
    return (Field("sync_id", "sync_id", ColumnType("integer")), Field("changes", "changes", changes))


_CHANGE = ("field", "change", "reason")


def alterations(stream: DestinationStream, table: Mapping[str, ColumnType], incoming: Columns) -> list[Alteration]:
    """What has to be done to a table, so that it takes the stream's columns and keeps every row that it has.

    Args:
        stream: named in the error.
        table: the columns that the table has.
        incoming: the columns that the stream has, as this destination stores them.

    Raises:
        SchemaConflictError: something would be lost.
    """
    changes: list[Alteration] = []
    for column, kind in incoming.items():
        existing = table.get(column)
        if existing is None:
            changes.append(Alteration(column, None, kind))
            continue
        new = widened(existing, kind)
        if new is None:
            raise conflict(stream, column, existing, kind)
        if new != existing:
            changes.append(Alteration(column, existing, new))
    return changes


def conflict(stream: DestinationStream, column: str, table: ColumnType, records: ColumnType) -> SchemaConflictError:
    """The error that says how to go on."""
    name = f"{stream.namespace}.{stream.name}" if stream.namespace else stream.name
    return SchemaConflictError(
        f'stream "{name}", column "{column}": the table has {type_in_words(table)}, '
        f"the records have {type_in_words(records)}, "
        "and one type cannot hold both without a loss: refresh the stream (lotus backfill) to build its table again "
        "with the new type, or sync it in an overwrite mode"
    )


def widened(table: ColumnType, records: ColumnType) -> ColumnType | None:
    """The type that holds the values of both; None if a value could be lost or look different."""
    kinds = {table.kind, records.kind}
    if "json" in kinds:
        return table if table.kind == "json" else records
    if records.kind == "union":
        return _with_alternatives(table, records)
    if kinds == {"struct"}:
        return _with_members(table, records)
    if kinds == {"list"}:
        item = widened(_item(table), _item(records))
        return None if item is None else replace(table, item=item)
    return _wider_scalar(table, records)


def _wider_scalar(table: ColumnType, records: ColumnType) -> ColumnType | None:
    kinds = {table.kind, records.kind}
    if len(kinds) == 1:
        return table
    if kinds == {"integer", "number"}:
        return ColumnType("number")
    if kinds <= TIMESTAMPS:
        return ColumnType("timestamp_with_timezone")
    if "date" in kinds and kinds & TIMESTAMPS:
        return next(each for each in (table, records) if each.kind in TIMESTAMPS)
    if "text" in kinds and kinds <= TEXT_HOLDS:
        return ColumnType("text")
    return None


def _item(kind: ColumnType) -> ColumnType:
    return kind.item or ColumnType("json")


def _with_members(table: ColumnType, records: ColumnType) -> ColumnType | None:
    members = {field.column: field for field in table.fields}
    for field in records.fields:
        existing = members.get(field.column)
        if existing is None:
            members[field.column] = field
            continue
        kind = widened(existing.type, field.type)
        if kind is None:
            return None
        members[field.column] = replace(existing, type=kind)
    return replace(table, fields=tuple(members.values()))


def _with_alternatives(table: ColumnType, records: ColumnType) -> ColumnType | None:
    """A column of several types: an object with `type` and one member a type; one of those types may come first."""
    several = as_object(records)
    if table.kind in ("struct", "union"):
        return _with_members(as_object(table), several)
    alternative = next((field.type for field in records.fields if field.type.kind == table.kind), None)
    return several if alternative == table else None


def as_object(union: ColumnType) -> ColumnType:
    """A column of several types as the object that it lands as."""
    if union.kind != "union":
        return union
    return ColumnType("struct", fields=(Field("type", "type", ColumnType("text")), *union.fields))


def type_in_words(kind: ColumnType) -> str:
    """A type in words."""
    if kind.kind in ("struct", "union"):
        members = ", ".join(f"{field.column}: {type_in_words(field.type)}" for field in kind.fields)
        return f"object {{{members}}}"
    if kind.kind == "list":
        return f"array of {type_in_words(_item(kind))}"
    return WORDS.get(kind.kind, kind.kind)


def column_type_of(arrow_type: DataType) -> ColumnType:
    """The type of a column that a database shows as Arrow data."""
    import pyarrow as pa

    types = pa.types
    if types.is_struct(arrow_type):
        fields = (arrow_type.field(number) for number in range(arrow_type.num_fields))
        return ColumnType("struct", fields=tuple(Field(f.name, f.name, column_type_of(f.type)) for f in fields))
    if types.is_list(arrow_type) or types.is_large_list(arrow_type):
        return ColumnType("list", item=column_type_of(arrow_type.value_type))
    if types.is_timestamp(arrow_type):
        return ColumnType("timestamp_with_timezone" if arrow_type.tz else "timestamp_without_timezone")
    for matches, kind in _SCALARS:
        if getattr(types, matches)(arrow_type):
            return ColumnType(kind)
    return ColumnType("text")


_SCALARS: tuple[tuple[str, Kind], ...] = (
    ("is_boolean", "boolean"),
    ("is_integer", "integer"),
    ("is_floating", "number"),
    ("is_decimal", "number"),
    ("is_date", "date"),
    ("is_time", "time_without_timezone"),
)


def fitted(stream: DestinationStream, batches: Iterable[RecordBatch], table: Columns) -> Iterator[RecordBatch]:
    """The batches in the types of a table that was widened for them; columns that they lack are left out.

    Raises:
        SchemaConflictError: a value would change, such as an integer above 2^53 in a column of numbers.
    """
    import pyarrow as pa

    names = [name for name in stream.schema.names if name in table]
    for batch in batches:
        columns = [_fitted(stream, name, batch.column(name), table[name]) for name in names]
        yield pa.RecordBatch.from_arrays(columns, schema=fitted_schema(stream, table))


def fitted_schema(stream: DestinationStream, table: Columns) -> Schema:
    """Schema of the batches that `fitted` gives."""
    import pyarrow as pa

    return pa.schema([pa.field(name, table[name].arrow()) for name in stream.schema.names if name in table])


def _fitted(stream: DestinationStream, name: str, values: DataType, kind: ColumnType) -> DataType:
    import pyarrow as pa

    target = kind.arrow()
    if values.type == target:
        return values
    if name == EXTRACTED_AT and pa.types.is_timestamp(target):
        values = values.cast(pa.timestamp("ms", "UTC"))
    try:
        return values.cast(target)
    except pa.ArrowInvalid:
        raise conflict(stream, name, kind, column_type_of(values.type)) from None
