"""`duckdb`: tables in one DuckDB file; what is published is published in one transaction."""

# ruff: noqa: S608 - table and column names cannot be parameters; all pass through _quoted
from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field as Setting

from lotus.embedded.destinations.arrow import RecordBatch
from lotus.embedded.destinations.columns import EXTRACTED_AT
from lotus.embedded.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationError,
    DestinationStream,
    Mode,
    Note,
    Receipt,
    TransientDestinationError,
)
from lotus.embedded.destinations.files import absolute_folder

LOCK_SECONDS = 20.0
"""How long to wait for another process that has the file open: DuckDB lets one in at a time."""

MEMORY = ("200MB", "400MB", "1GB")
"""What DuckDB may take; the next one where that was too little: a commit takes some four times a value's size."""

PUBLISHED = '"_lotus"."published"'
"""Receipts that were published, so that a repeated publish does nothing."""


class _OutOfMemoryError(DestinationError):
    """DuckDB needs more than it was given; the transaction is rolled back."""


class DuckDBConfiguration(DestinationConfiguration):
    """A database file."""

    destination_path: str = Setting(title="Database file", description="Absolute path; made if it is not there.")
    # `schema` is pydantic's own word, hence the alias.
    default_schema: str = Setting(
        default="main", alias="schema", min_length=1, title="Schema", description="For streams without a namespace."
    )


class DuckDB(Destination[DuckDBConfiguration]):
    """Stages as Parquet beside the database and publishes in a transaction."""

    name = "duckdb"
    title = "DuckDB"
    modes: ClassVar[tuple[Mode, ...]] = ("overwrite", "append", "append_dedup", "overwrite_dedup")
    atomic = True
    Configuration = DuckDBConfiguration

    def __init__(self, configuration: DuckDBConfiguration) -> None:
        super().__init__(configuration)
        self._path = absolute_folder(configuration.destination_path)

    def check(self) -> None:
        """Makes and drops a table."""
        with self._connected() as db:
            db.execute(
                'BEGIN; CREATE SCHEMA IF NOT EXISTS "_lotus"; CREATE TABLE "_lotus"."check" (n INTEGER); ROLLBACK'
            )

    def stage(self, stream: DestinationStream, batches: Iterable[RecordBatch], scratch: Path, note: Note) -> Receipt:
        """A Parquet file in a folder beside the database."""
        import pyarrow.parquet as pq

        del scratch
        folder = self._path.with_name(f".{self._path.name}.staged")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{uuid.uuid4().hex}.parquet"
            receipt: Receipt = {"path": str(path)}
            note(receipt)
            # Measured: with values of 50 MB, a dictionary and the page before compression cost 50 MB each.
            compression, dictionary = ("none", False) if stream.large_values else ("zstd", True)
            with pq.ParquetWriter(
                path, stream.schema, compression=compression, use_dictionary=dictionary, write_statistics=False
            ) as writer:
                for batch in batches:
                    writer.write_batch(batch)
        except OSError as error:
            raise DestinationError(f"cannot write beside {self._path}: {error.strerror or error}") from error
        return {**receipt, "bytes": path.stat().st_size}

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Inserts, merges or replaces in one transaction that also remembers the receipts."""
        paths = [receipt["path"] for receipt in receipts]
        token = " ".join(Path(path).stem for path in paths) or f"empty {stream.sync_id} {stream.generation_id}"
        name = f"{stream.namespace or ''}.{stream.name}"
        for memory in MEMORY:
            try:
                self._publish(stream, paths, token, name, replace=replace, memory=memory)
                break
            except _OutOfMemoryError:
                if memory == MEMORY[-1]:
                    raise
        self.clean(stream, receipts)

    def _publish(
        self, stream: DestinationStream, paths: list[str], token: str, name: str, *, replace: bool, memory: str
    ) -> None:
        with self._connected(memory) as db:
            db.execute("BEGIN")
            db.execute('CREATE SCHEMA IF NOT EXISTS "_lotus"')
            db.execute(f"CREATE TABLE IF NOT EXISTS {PUBLISHED} (stream VARCHAR, sync_id BIGINT, token VARCHAR)")
            done = db.execute(f"SELECT 1 FROM {PUBLISHED} WHERE stream = ? AND token = ?", [name, token]).fetchone()
            if not done:
                self._merge(db, stream, paths, replace=replace)
                db.execute(f"DELETE FROM {PUBLISHED} WHERE stream = ? AND sync_id < ?", [name, stream.sync_id])
                db.execute(f"INSERT INTO {PUBLISHED} VALUES (?, ?, ?)", [name, stream.sync_id, token])
            db.execute("COMMIT")

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """Removes the staged files."""
        del stream
        for receipt in receipts:
            Path(receipt["path"]).unlink(missing_ok=True)

    def _merge(self, db: Any, stream: DestinationStream, paths: list[str], *, replace: bool) -> None:
        schema = stream.namespace or self.configuration.default_schema
        table = f"{_quoted(schema)}.{_quoted(stream.name)}"
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}")
        keys = stream.columns(stream.primary_key) if stream.mode.endswith("dedup") else []
        self._take(db, stream, paths, keyed=bool(keys))
        if replace:
            db.execute(f"CREATE OR REPLACE TABLE {table} AS {_newest('incoming', stream, keys)}")
            return
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT * EXCLUDE (_lotus_order) FROM incoming LIMIT 0")
        self._add_columns(db, schema, stream.name, table)
        if keys:
            match = " AND ".join(f"old.{_quoted(key)} IS NOT DISTINCT FROM incoming.{_quoted(key)}" for key in keys)
            exists = f"EXISTS (SELECT 1 FROM incoming WHERE {match})"
            db.execute(
                "CREATE OR REPLACE TEMP TABLE candidates AS SELECT * FROM incoming "
                f"UNION ALL BY NAME SELECT *, -1::BIGINT AS _lotus_order FROM {table} old WHERE {exists}"
            )
            db.execute(f"DELETE FROM {table} AS old WHERE {exists}")
        db.execute(f"INSERT INTO {table} BY NAME {_newest('candidates' if keys else 'incoming', stream, keys)}")

    def _take(self, db: Any, stream: DestinationStream, paths: list[str], *, keyed: bool) -> None:
        """Makes `incoming`: the staged rows, with their position where the newest of a key has to be found."""
        if not paths:
            db.register("nothing", stream.schema.empty_table())
            db.execute("CREATE TEMP TABLE incoming AS SELECT *, 0::BIGINT AS _lotus_order FROM nothing")
            return
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        staged = f"read_parquet([{listed}], union_by_name = true)"
        if keyed:
            db.execute(f"CREATE TEMP TABLE incoming AS SELECT *, row_number() OVER () AS _lotus_order FROM {staged}")
        else:
            # Read once and straight into the table: a copy of 50 MB texts would cost memory.
            db.execute(f"CREATE TEMP VIEW incoming AS SELECT *, 0::BIGINT AS _lotus_order FROM {staged}")

    def _add_columns(self, db: Any, schema: str, name: str, table: str) -> None:
        listed = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND schema_name = ?"
        have = {row[0].lower() for row in db.execute(listed, [name, schema]).fetchall()}
        for column, kind, *_ in db.execute("DESCRIBE incoming").fetchall():
            if column.lower() not in have and column != "_lotus_order":
                db.execute(f"ALTER TABLE {table} ADD COLUMN {_quoted(column)} {kind}")

    @contextlib.contextmanager
    def _connected(self, memory: str = MEMORY[0]) -> Generator[Any]:
        import duckdb

        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                db = duckdb.connect(str(self._path), config={"memory_limit": memory, "threads": "1"})
                break
            except (duckdb.Error, OSError) as error:
                locked = "lock" in str(error)
                if not locked or time.monotonic() > deadline:
                    kind = TransientDestinationError if locked else DestinationError
                    raise kind(f"cannot open the DuckDB file {self._path}: {str(error).splitlines()[0]}") from error
                time.sleep(0.2)
        try:
            with db:
                yield db
        except duckdb.Error as error:
            # A commit that runs out of memory is no OutOfMemoryException, but says the same.
            short = isinstance(error, duckdb.OutOfMemoryException) or "could not allocate" in str(error)
            kind = _OutOfMemoryError if short else DestinationError
            raise kind(f"DuckDB file {self._path}: {str(error).splitlines()[0]}") from error


def _newest(table: str, stream: DestinationStream, keys: Sequence[str]) -> str:
    """Selects the newest row of each key, by cursor, then extraction, then position; all rows where there is no key."""
    rows = f"SELECT * EXCLUDE (_lotus_order) FROM {table}"
    if not keys:
        return rows
    partition = ", ".join(_quoted(key) for key in keys)
    cursors = "".join(f"{_quoted(cursor)} DESC NULLS LAST, " for cursor in stream.columns([stream.cursor]))
    order = f"{cursors}{EXTRACTED_AT} DESC, _lotus_order DESC"
    return f"{rows} QUALIFY row_number() OVER (PARTITION BY {partition} ORDER BY {order}) = 1"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
