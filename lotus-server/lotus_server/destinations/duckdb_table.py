"""One stream's table in a DuckDB file: what it has, and how it takes a stream whose fields changed."""

# ruff: noqa: S608 - table and column names cannot be parameters; all pass through `quoted`
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lotus_server.destinations.arrow import Schema
from lotus_server.destinations.batch_files import opened
from lotus_server.destinations.columns import EXTRACTED_AT, ColumnType, Field
from lotus_server.destinations.destination import DestinationError, DestinationStream
from lotus_server.destinations.evolution import (
    Alteration,
    Columns,
    alterations,
    as_object,
    column_type_of,
    conflict,
    fitted,
    fitted_schema,
    table_columns,
)
from lotus_server.destinations.sql import quoted

SCALARS = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
    "time_without_timezone": "TIME",
    "timestamp_with_timezone": "TIMESTAMPTZ",
    "timestamp_without_timezone": "TIMESTAMP",
}


@dataclass(frozen=True)
class DuckDBTable:
    """The table of one stream. DuckDB does not tell `Name` from `name`, so names are compared without their case."""

    stream: DestinationStream
    catalog: str
    schema: str

    @property
    def name(self) -> str:
        """The name in SQL."""
        return f"{quoted(self.catalog)}.{quoted(self.schema)}.{quoted(self.stream.name)}"

    def keys(self) -> list[str]:
        """The key's columns, where the mode merges by them."""
        return self.stream.columns(self.stream.primary_key) if self.stream.mode.endswith("dedup") else []

    def cursors(self) -> list[str]:
        """The cursor's column."""
        return self.stream.columns([self.stream.cursor])

    def drop(self, db: Any) -> None:
        """Drops the table."""
        self._refuse_other_stream(db)
        db.execute(f"DROP TABLE IF EXISTS {self.name}")

    def columns(self, db: Any) -> Columns | None:
        """The columns that the table has; None if it is not there."""
        if not self._refuse_other_stream(db):
            return None
        schema: Schema = db.sql(f"SELECT * FROM {self.name} LIMIT 0").to_arrow_table().schema
        spellings = {name.lower(): name for name in table_columns(self.stream)}
        columns: Columns = {}
        for field in schema:
            name = str(field.name)
            columns[spellings.get(name.lower(), name)] = column_type_of(field.type)
        return columns

    def alterations(self, db: Any) -> list[Alteration]:
        """What `adapt` would change about a table that is there."""
        columns = self.columns(db)
        if columns is None:
            return []
        # Files of a version before 2026 have milliseconds there.
        old = columns.get(EXTRACTED_AT)
        if old == ColumnType("integer"):
            columns[EXTRACTED_AT] = ColumnType("timestamp_with_timezone")
        changes = alterations(self.stream, columns, self._incoming())
        if old == ColumnType("integer"):
            changes.append(Alteration(EXTRACTED_AT, old, columns[EXTRACTED_AT]))
        return changes

    def adapt(self, db: Any) -> None:
        """Makes the table, or widens it for the stream's fields."""
        if self.columns(db) is None:
            columns = ", ".join(f"{quoted(name)} {_sql(kind)}" for name, kind in self._incoming().items())
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.catalog)}.{quoted(self.schema)}")
            db.execute(f"CREATE TABLE {self.name} ({columns})")
            return
        for change in self.alterations(db):
            if change.old is None:
                db.execute(f"ALTER TABLE {self.name} ADD COLUMN {quoted(change.column)} {_sql(change.new)}")
            else:
                self._widen(db, change, change.old)

    def insert(self, db: Any, target: str, staged: Mapping[Path, bool]) -> None:
        """Puts the staged rows into a table with this table's columns, a batch at a time."""
        import pyarrow as pa

        columns = self.columns(db) or {}
        for path, large_values in staged.items():
            try:
                with opened(path, large_values=large_values) as reader:
                    rows = fitted(self.stream, reader, columns)
                    db.register("staged", pa.RecordBatchReader.from_batches(fitted_schema(self.stream, columns), rows))
                    db.execute(f"INSERT INTO {target} BY NAME SELECT * FROM temp.staged")
                    db.unregister("staged")
            except (OSError, ValueError, pa.ArrowException) as error:
                raise DestinationError(f"cannot read what was staged at {path}: {error}") from error

    def _incoming(self) -> Columns:
        return {name: _stored(kind) for name, kind in table_columns(self.stream).items()}

    def _refuse_other_stream(self, db: Any) -> bool:
        """Whether the table is there; refuses one that DuckDB takes for this one because of its name's case."""
        listed = "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = ?"
        names = [row[0] for row in db.execute(listed, [self.catalog, self.schema]).fetchall()]
        other = next((n for n in names if n.lower() == self.stream.name.lower() and n != self.stream.name), None)
        if other is not None and self.stream.name not in names:
            raise DestinationError(
                f'stream "{self.stream.name}" would land in the table "{other}": DuckDB does not tell names apart that '
                "differ by case only; give one of the streams a prefix or a namespace"
            )
        return self.stream.name in names

    def _widen(self, db: Any, change: Alteration, old: ColumnType) -> None:
        column, new = quoted(change.column), _sql(change.new)
        value = _widened_value(column, change.column, old, change.new)
        if change.new.kind in {old.kind, "number"}:
            back = f"TRY_CAST({value} AS {_sql(old)})"
            lost = db.execute(f"SELECT count(*) FROM {self.name} WHERE {back} IS DISTINCT FROM {column}").fetchone()
            if lost[0]:
                raise conflict(self.stream, change.column, old, change.new)
        db.execute(f"ALTER TABLE {self.name} ALTER COLUMN {column} SET DATA TYPE {new} USING {value}")


def _widened_value(column: str, name: str, old: ColumnType, new: ColumnType) -> str:
    """A value of the old type as one of the new."""
    if name == EXTRACTED_AT and old.kind == "integer":
        return f"make_timestamptz({column} * 1000)"
    if new.kind == "struct" and old.kind != "struct":
        member = next(field.column for field in new.fields if field.type == old and field.column != "type")
        kind = "string" if old.kind == "text" else member
        packed = f"struct_pack(\"type\" := '{kind}', {quoted(member)} := {column})"
        return f"CASE WHEN {column} IS NOT NULL THEN CAST({packed} AS {_sql(new)}) END"
    return f"CAST({column} AS {_sql(new)})"


def _stored(kind: ColumnType) -> ColumnType:
    """How DuckDB keeps a type: JSON is text, times and date-times are in UTC, several types are an object."""
    if kind.kind == "json":
        return ColumnType("text")
    if kind.kind == "time_with_timezone":
        return ColumnType("time_without_timezone")
    if kind.kind == "timestamp_without_timezone":
        return ColumnType("timestamp_with_timezone")
    if kind.kind == "list":
        return replace(kind, item=_stored(kind.item or ColumnType("json")))
    if kind.kind in ("struct", "union"):
        fields = tuple(Field(field.name, field.column, _stored(field.type)) for field in kind.fields)
        # A column of several types stays one until it is compared with the table's.
        return replace(kind, fields=fields)
    return kind


def _sql(kind: ColumnType) -> str:
    if kind.kind in ("struct", "union"):
        members = ", ".join(f"{quoted(field.column)} {_sql(field.type)}" for field in as_object(kind).fields)
        return f"STRUCT({members})"
    if kind.kind == "list":
        return f"{_sql(kind.item or ColumnType('text'))}[]"
    return SCALARS.get(kind.kind, "VARCHAR")
