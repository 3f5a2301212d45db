"""`duckdb`: tables in one DuckDB file; what is published is published in one transaction."""

# ruff: noqa: S608 - table and column names cannot be parameters; all pass through _quoted
from __future__ import annotations

import contextlib
import re
import time
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field as Setting

from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.columns import EXTRACTED_AT
from lotus_server.destinations.destination import (
    Destination,
    DestinationConfiguration,
    DestinationError,
    DestinationStream,
    Mode,
    Note,
    Receipt,
    TransientDestinationError,
)
from lotus_server.destinations.duckdb_table import DuckDBTable
from lotus_server.destinations.evolution import Alteration
from lotus_server.destinations.files import absolute_folder
from lotus_server.destinations.sql import quoted

LOCK_SECONDS = 20.0
"""How long to wait for another process that has the file open: DuckDB lets one in at a time."""

MEMORY = ("200MB", "300MB", "600MB", "80%")
"""What DuckDB may take; the next one where that was too little. A commit takes about three times a value's size, and
rewrites the 2,048 rows that it ends with: many large values there are in memory together.
"""

_SHORT_OF_MEMORY = re.compile(r"could not allocate|failed to pin")

PUBLISHED = '"_lotus"."published"'
"""Publications that were shown, so that a repeated publish does nothing."""

TOKEN_DAYS = 30
"""How long a publication is remembered: it is repeated only by the next attempt of its connection."""

STORAGE_VERSION = "v1.2.0"
"""New files open in this DuckDB and newer ones: programs of others bring a DuckDB of their own (PyAirbyte: 1.4)."""


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
    """Stages as Arrow streams next to the database and publishes in a transaction."""

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
        """An Arrow stream in a folder next to the database."""
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
            raise DestinationError(f"cannot write next to {self._path}: {error.strerror or error}") from error
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

    def alterations(self, stream: DestinationStream) -> Sequence[Alteration]:
        """What the next publish does to the stream's table for fields that changed."""
        if not self._path.exists():
            return ()
        with self._connected() as db:
            table = self._table(db, stream)
            return table.alterations(db)

    def _publish(self, stream: DestinationStream, receipts: Sequence[Receipt], *, replace: bool, memory: str) -> None:
        staged = {Path(receipt["path"]): bool(receipt.get("large_values")) for receipt in receipts}
        # By receipts, so that a publication that a version before this one wrote down is recognised.
        token = " ".join(path.stem for path in staged) or f"empty {stream.publication}"
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
            db.execute(f"ALTER TABLE {PUBLISHED} ADD COLUMN IF NOT EXISTS published_at TIMESTAMP")
            published = db.execute(
                f"SELECT 1 FROM {PUBLISHED} WHERE stream = ? AND token = ?", [name, token]
            ).fetchone()
            if not published:
                self._merge(db, stream, staged, replace=replace)
                # By age alone: another server that writes here numbers its syncs by itself.
                now = datetime.now(UTC).replace(tzinfo=None)
                db.execute(f"DELETE FROM {PUBLISHED} WHERE published_at < ?", [now - timedelta(days=TOKEN_DAYS)])
                db.execute(f"INSERT INTO {PUBLISHED} VALUES (?, ?, ?, ?)", [name, stream.sync_id, token, now])
            db.execute("COMMIT")

    def clean(self, stream: DestinationStream, receipts: Sequence[Receipt]) -> None:
        """Removes the staged files."""
        del stream
        for receipt in receipts:
            Path(receipt["path"]).unlink(missing_ok=True)

    def _table(self, db: Any, stream: DestinationStream) -> DuckDBTable:
        # With the catalog: a temporary table of the same name would be meant otherwise.
        (catalog,) = db.execute("SELECT current_database()").fetchone()
        return DuckDBTable(stream, catalog, stream.namespace or self.configuration.default_schema)

    def _merge(self, db: Any, stream: DestinationStream, staged: Mapping[Path, bool], *, replace: bool) -> None:
        table = self._table(db, stream)
        if replace:
            table.drop(db)
        table.adapt(db)
        keys = table.keys()
        if not keys:
            table.insert(db, table.name, staged)
            return
        db.execute(f"CREATE TEMP TABLE incoming AS SELECT * FROM {table.name} LIMIT 0")
        table.insert(db, "temp.incoming", staged)
        match = " AND ".join(f"old.{quoted(key)} IS NOT DISTINCT FROM new.{quoted(key)}" for key in keys)
        exists = f"EXISTS (SELECT 1 FROM temp.incoming AS new WHERE {match})"
        db.execute(
            "CREATE TEMP TABLE candidates AS SELECT *, row_number() OVER () AS _lotus_order FROM temp.incoming "
            f"UNION ALL BY NAME SELECT *, -1::BIGINT AS _lotus_order FROM {table.name} old WHERE {exists}"
        )
        db.execute(f"DELETE FROM {table.name} AS old WHERE {exists}")
        db.execute(f"INSERT INTO {table.name} BY NAME {_newest('temp.candidates', table, keys)}")

    @contextlib.contextmanager
    def _connected(self, memory: str = MEMORY[0]) -> Generator[Any]:
        import duckdb

        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                db = duckdb.connect(str(self._path), config=_settings(memory))
                break
            except (duckdb.Error, OSError) as error:
                locked = "lock" in str(error)
                if not locked or time.monotonic() > deadline:
                    kind = TransientDestinationError if locked else DestinationError
                    raise kind(f"cannot open the DuckDB file {self._path}: {str(error).splitlines()[0]}") from error
                time.sleep(0.2)
        try:
            with db:
                # A date is midnight in UTC, wherever the server runs.
                db.execute("SET TimeZone = 'UTC'")
                yield db
        except duckdb.Error as error:
            # A commit that runs out of memory is no OutOfMemoryException, but says the same.
            short = isinstance(error, duckdb.OutOfMemoryException) or _SHORT_OF_MEMORY.search(str(error))
            kind = _OutOfMemoryError if short else DestinationError
            raise kind(f"DuckDB file {self._path}: {str(error).splitlines()[0]}") from error


def _settings(memory: str) -> dict[str, str | bool | int | float | list[str]]:
    return {"memory_limit": memory, "threads": "1", "storage_compatibility_version": STORAGE_VERSION}


def _newest(name: str, table: DuckDBTable, keys: Sequence[str]) -> str:
    """Selects the newest row of each key, by cursor, then extraction, then position."""
    partition = ", ".join(quoted(key) for key in keys)
    cursors = "".join(f"{quoted(cursor)} DESC NULLS LAST, " for cursor in table.cursors())
    order = f"{cursors}{EXTRACTED_AT} DESC, _lotus_order DESC"
    return (
        f"SELECT * EXCLUDE (_lotus_order) FROM {name} "
        f"QUALIFY row_number() OVER (PARTITION BY {partition} ORDER BY {order}) = 1"
    )
