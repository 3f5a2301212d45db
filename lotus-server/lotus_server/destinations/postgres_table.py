"""One stream's table in Postgres: what it has, how it takes fields that changed, and how rows get into it."""

# ruff: noqa: S608 - table and column names cannot be parameters; all pass through `quoted`
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lotus_server.destinations.columns import EXTRACTED_AT, META, RAW_ID, ColumnType
from lotus_server.destinations.destination import DestinationError, DestinationStream
from lotus_server.destinations.evolution import Alteration, Columns, alterations
from lotus_server.destinations.postgres_types import TYPES, kind_of, sql_name, stored
from lotus_server.destinations.sql import quoted

POSITION = "_lotus_position"
"""The order of staged rows."""

_COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


@dataclass(frozen=True)
class PostgresTable:
    """The table of one stream, in the schema of its namespace."""

    stream: DestinationStream
    default_schema: str

    @property
    def schema(self) -> str:
        """The schema, in SQL."""
        return quoted(sql_name(self.stream.namespace or self.default_schema))

    @property
    def name(self) -> str:
        """The name in SQL."""
        return f"{self.schema}.{quoted(sql_name(self.stream.name))}"

    @property
    def identity(self) -> str:
        """Which stream the table is, for its comment: two names may become one in Postgres."""
        return "stream " + json.dumps([self.stream.namespace or self.default_schema, self.stream.name])

    @cached_property
    def incoming(self) -> Columns:
        """The stream's columns as Postgres stores them."""
        return stored(self.stream)[0]

    def keys(self) -> list[str]:
        """The key's columns, where the mode merges by them."""
        return self._named(self.stream.primary_key) if self.stream.mode.endswith("dedup") else []

    def _named(self, paths: Sequence[Sequence[str]]) -> list[str]:
        names = stored(self.stream)[1]
        return [quoted(names[column]) for column in self.stream.columns(paths)]

    def columns(self, db: Any) -> Columns:
        """The columns that the table has; none if it is not there."""
        return {name: kind_of(kind) for name, kind in self._types(db).items()}

    def _types(self, db: Any) -> dict[str, str]:
        return dict(db.execute(_COLUMNS, [self.name]).fetchall())

    def alterations(self, db: Any) -> list[Alteration]:
        """What `adapt` would change about a table that is there."""
        columns = self.columns(db)
        return alterations(self.stream, columns, self.incoming) if columns else []

    def adapt(self, db: Any) -> None:
        """Makes the table, or widens it for the stream's fields.

        Raises:
            DestinationError: it is another stream's, or something would be lost.
        """
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {self.schema}")
        if not self.columns(db):
            db.execute(f"CREATE TABLE {self.name} ({_definitions(self.incoming)})")
            db.execute(f"COMMENT ON TABLE {self.name} IS {_literal(self.identity)}")
            return
        self.check_identity(db)
        for change in self.alterations(db):
            column = quoted(change.column)
            if change.old is None:
                db.execute(f"ALTER TABLE {self.name} ADD COLUMN {column} {TYPES[change.new.kind]}")
            else:
                self._retype(db, change.column, change.old, change.new)
        # A table that somebody else made may have narrower types of the same kind, such as numeric(38,9).
        for name, type_name in self._types(db).items():
            if name in self.incoming and type_name not in (TYPES[kind_of(type_name).kind], "text"):
                self._retype(db, name, kind_of(type_name), kind_of(type_name))

    def _retype(self, db: Any, name: str, old: ColumnType, new: ColumnType) -> None:
        value = _converted(quoted(name), old, new)
        db.execute(f"ALTER TABLE {self.name} ALTER COLUMN {quoted(name)} TYPE {TYPES[new.kind]} USING {value}")

    def check_identity(self, db: Any) -> None:
        """Refuses a table that is another stream's."""
        (comment,) = db.execute("SELECT obj_description(to_regclass(%s))", [self.name]).fetchone()
        if comment and comment.startswith("stream ") and comment != self.identity:
            raise DestinationError(
                f'stream "{self.stream.name}" would land in the table {self.name}, which is {comment}: both names '
                "become one in Postgres; give one of the streams a prefix or a namespace"
            )

    def insert(self, db: Any, staged: Sequence[str]) -> None:
        """Puts the rows of staged tables into the table; in a mode that merges, the newest row of each key."""
        types = self.columns(db)
        names = ", ".join(quoted(name) for name in self.incoming)
        values = ", ".join(_converted(quoted(name), kind, types[name]) for name, kind in self.incoming.items())
        rows = " UNION ALL ".join(
            f"SELECT {values}, {number} AS _lotus_part, {POSITION} FROM {table}" for number, table in enumerate(staged)
        )
        keys = self.keys()
        if not keys:
            db.execute(f"INSERT INTO {self.name} ({names}) SELECT {names} FROM ({rows}) AS incoming ({names}, _p, _n)")
            return
        self._merge(db, names, rows, keys)

    def _merge(self, db: Any, names: str, rows: str, keys: Sequence[str]) -> None:
        """Replaces the rows of the keys that came by the newest of old and new."""
        columns = f"{names}, _lotus_part, {POSITION}"
        db.execute(f"CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT * FROM ({rows}) AS staged ({columns})")
        # JSON, because null equals null in it, and the join can still be hashed.
        key = "jsonb_build_array({})".format(", ".join(keys))
        matches = f"{key} IN (SELECT {key} FROM pg_temp.incoming)"
        db.execute(f"INSERT INTO pg_temp.incoming ({columns}) SELECT {names}, -1, 0 FROM {self.name} WHERE {matches}")
        db.execute(f"DELETE FROM {self.name} WHERE {matches}")
        cursors = "".join(f"{cursor} DESC NULLS LAST, " for cursor in self._named([self.stream.cursor]))
        order = f"{cursors}{quoted(EXTRACTED_AT)} DESC, _lotus_part DESC, {POSITION} DESC"
        by_key = ", ".join(keys)
        db.execute(
            f"INSERT INTO {self.name} ({names}) SELECT {names} FROM "
            f"(SELECT DISTINCT ON ({by_key}) * FROM pg_temp.incoming ORDER BY {by_key}, {order}) AS newest"
        )


def staging(columns: Columns) -> str:
    """The definition of a staged table: the stream's columns, and the rows' order."""
    return f"{_definitions(columns)}, {POSITION} bigserial"


def _definitions(columns: Columns) -> str:
    required = {RAW_ID, EXTRACTED_AT, META}
    return ", ".join(
        f"{quoted(name)} {TYPES[kind.kind]}{' NOT NULL' if name in required else ''}" for name, kind in columns.items()
    )


def _converted(value: str, old: ColumnType, new: ColumnType) -> str:
    """A value as one of a wider type."""
    if old.kind == new.kind:
        return value
    return f"to_jsonb({value})" if new.kind == "json" else f"{value}::{TYPES[new.kind]}"


def _literal(text: str) -> str:
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
