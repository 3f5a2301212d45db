"""`duckdb`: tables in one DuckDB file; what is published is published in one transaction."""

# ruff: noqa: S608 - table and column names cannot be parameters; all pass through _quoted
from __future__ import annotations

import contextlib
import re
import time
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field as Setting

from lotus.embedded.destinations.arrow import RecordBatch
from lotus.embedded.destinations.batch_files import opened
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

MEMORY = ("200MB", "300MB", "600MB", "80%")
"""What DuckDB may take; the next one where that was too little. A commit takes about three times a value's size, and
rewrites the 2,048 rows that it ends with: many large values there are in memory together.
"""

_SHORT_OF_MEMORY = re.compile(r"could not allocate|failed to pin")

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
    """Stages as Arrow streams beside the database and publishes in a transaction."""

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
        """An Arrow stream in a folder beside the database."""
        import pyarrow as pa

        del scratch
        folder = self._path.with_name(f".{self._path.name}.staged")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{uuid.uuid4().hex}.arrow"
            receipt: Receipt = {"path": str(path), "large_values": stream.large_values}
            note(receipt)
            # Large values are not compressed: mapped as they are, reading them takes no memory.
            options = pa.ipc.IpcWriteOptions(compression=None if stream.large_values else "zstd")
            with pa.ipc.new_stream(str(path), stream.schema, options=options) as writer:
                for batch in batches:
                    writer.write_batch(batch)
        except OSError as error:
            raise DestinationError(f"cannot write beside {self._path}: {error.strerror or error}") from error
        return {**receipt, "bytes": path.stat().st_size}

    def publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool) -> None:
        """Inserts, merges or replaces in one transaction that also remembers the receipts."""
        for memory in MEMORY:
            try:
                self._publish(stream, receipts, replace=replace, memory=memory)
                break
            except _OutOfMemoryError:
                if memory == MEMORY[-1]:
                    raise
        self.clean(stream, receipts)

    def _publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool, memory: str) -> None:
        staged = {Path(receipt["path"]): bool(receipt.get("large_values")) for receipt in receipts}
        token = " ".join(path.stem for path in staged) or f"empty {stream.sync_id} {stream.generation_id}"
        name = f"{stream.namespace or ''}.{stream.name}"
        with self._connected(memory) as db:
            if any(staged.values()):
                # The log would hold large values once more: they go into the database itself, when and only when
                # the transaction is committed.
                db.execute("SET checkpoint_threshold = '0B'; SET auto_checkpoint_skip_wal_threshold = 0")
                db.execute("PRAGMA disable_checkpoint_on_shutdown")
            db.execute("BEGIN")
            db.execute('CREATE SCHEMA IF NOT EXISTS "_lotus"')
            db.execute(f"CREATE TABLE IF NOT EXISTS {PUBLISHED} (stream VARCHAR, sync_id BIGINT, token VARCHAR)")
            done = db.execute(f"SELECT 1 FROM {PUBLISHED} WHERE stream = ? AND token = ?", [name, token]).fetchone()
            if not done:
                self._merge(db, stream, staged, replace=replace)
                db.execute(f"DELETE FROM {PUBLISHED} WHERE stream = ? AND sync_id < ?", [name, stream.sync_id])
                db.execute(f"INSERT INTO {PUBLISHED} VALUES (?, ?, ?)", [name, stream.sync_id, token])
            db.execute("COMMIT")

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """Removes the staged files."""
        del stream
        for receipt in receipts:
            Path(receipt["path"]).unlink(missing_ok=True)

    def _merge(self, db: Any, stream: DestinationStream, staged: Mapping[Path, bool], *, replace: bool) -> None:
        import pyarrow as pa

        schema = stream.namespace or self.configuration.default_schema
        # With the catalog: a temporary table of the same name would be meant otherwise.
        (catalog,) = db.execute("SELECT current_database()").fetchone()
        table = f"{_quoted(catalog)}.{_quoted(schema)}.{_quoted(stream.name)}"
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(catalog)}.{_quoted(schema)}")
        keys = stream.columns(stream.primary_key) if stream.mode.endswith("dedup") else []
        if replace:
            db.execute(f"DROP TABLE IF EXISTS {table}")
        db.register("staged", pa.RecordBatchReader.from_batches(stream.schema, []))
        db.execute("CREATE TEMP TABLE incoming AS SELECT * FROM temp.staged")
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT * FROM temp.incoming")
        self._add_columns(db, schema, stream.name, table)
        if not keys:
            self._insert(db, table, staged)
            return
        self._insert(db, "temp.incoming", staged)
        match = " AND ".join(f"old.{_quoted(key)} IS NOT DISTINCT FROM new.{_quoted(key)}" for key in keys)
        exists = f"EXISTS (SELECT 1 FROM temp.incoming AS new WHERE {match})"
        db.execute(
            "CREATE TEMP TABLE candidates AS SELECT *, row_number() OVER () AS _lotus_order FROM temp.incoming "
            f"UNION ALL BY NAME SELECT *, -1::BIGINT AS _lotus_order FROM {table} old WHERE {exists}"
        )
        db.execute(f"DELETE FROM {table} AS old WHERE {exists}")
        db.execute(f"INSERT INTO {table} BY NAME {_newest('temp.candidates', stream, keys)}")

    def _insert(self, db: Any, table: str, staged: Mapping[Path, bool]) -> None:
        """Puts the staged rows into a table, a batch at a time."""
        import pyarrow as pa

        for path, large_values in staged.items():
            try:
                with opened(path, large_values=large_values) as reader:
                    db.register("staged", reader)
                    db.execute(f"INSERT INTO {table} BY NAME SELECT * FROM temp.staged")
                    db.unregister("staged")
            except (OSError, ValueError, pa.ArrowException) as error:
                raise DestinationError(f"cannot read what was staged at {path}: {error}") from error

    def _add_columns(self, db: Any, schema: str, name: str, table: str) -> None:
        listed = (
            "SELECT column_name FROM duckdb_columns() "
            "WHERE database_name = current_database() AND schema_name = ? AND table_name = ?"
        )
        have = {row[0].lower() for row in db.execute(listed, [schema, name]).fetchall()}
        for column, kind, *_ in db.execute("DESCRIBE temp.incoming").fetchall():
            if column.lower() not in have:
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
            short = isinstance(error, duckdb.OutOfMemoryException) or _SHORT_OF_MEMORY.search(str(error))
            kind = _OutOfMemoryError if short else DestinationError
            raise kind(f"DuckDB file {self._path}: {str(error).splitlines()[0]}") from error


def _newest(table: str, stream: DestinationStream, keys: Sequence[str]) -> str:
    """Selects the newest row of each key, by cursor, then extraction, then position."""
    partition = ", ".join(_quoted(key) for key in keys)
    cursors = "".join(f"{_quoted(cursor)} DESC NULLS LAST, " for cursor in stream.columns([stream.cursor]))
    order = f"{cursors}{EXTRACTED_AT} DESC, _lotus_order DESC"
    return (
        f"SELECT * EXCLUDE (_lotus_order) FROM {table} "
        f"QUALIFY row_number() OVER (PARTITION BY {partition} ORDER BY {order}) = 1"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
