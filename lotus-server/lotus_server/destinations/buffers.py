"""Records of one stream between arrival and stage: as lines, as batches in memory, the oldest on disk."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lotus_server.destinations.arrow import RecordBatch
from lotus_server.destinations.batch_files import batches
from lotus_server.destinations.destination import LARGE_VALUE_BYTES, DestinationStream
from lotus_server.protocol import StreamKey

COLUMN_BYTES = 1500
"""What a column of a batch takes beside its values; measured: a batch of one row and nine columns takes 14 kB."""


@dataclass(frozen=True)
class Target:
    """One stream of a sync; `whole`: published once, at the end."""

    source: StreamKey
    stream: DestinationStream
    whole: bool


class WaitingRecords(Protocol):
    """Records that have arrived and are not batches yet."""

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    def batches(self) -> list[RecordBatch]:
        """All of them, as batches; then there are none."""
        ...


@dataclass
class Parcel:
    """The batches of a file to come; they can be read again until `close`."""

    files: list[Path]
    memory: list[RecordBatch]
    rows: int
    large_values: bool

    def batches(self) -> Iterator[RecordBatch]:
        """The batches, in order."""
        left = self.rows
        for batch in _all(self.files, self.memory, large_values=self.large_values):
            if left <= 0:
                return
            yield batch.slice(0, left) if batch.num_rows > left else batch
            left -= batch.num_rows

    def close(self) -> None:
        """Removes the files."""
        for path in self.files:
            path.unlink(missing_ok=True)


@dataclass
class StreamBuffer:
    """What has arrived of a stream and is not staged."""

    target: Target
    folder: Path
    waiting: WaitingRecords | None = None
    disk_bytes: int = 0
    memory: deque[RecordBatch] = field(default_factory=deque[RecordBatch])
    memory_bytes: int = 0
    arrived: int = 0
    """Rows that came as batches."""
    taken: int = 0
    """Rows that are staged, or about to be."""
    boundary: int = 0
    """Rows that came before the last state."""
    largest_value: int = 0
    _files: list[Path] = field(default_factory=list[Path])

    @property
    def rows(self) -> int:
        """Rows in batches that are not taken yet."""
        return self.arrived - self.taken

    @property
    def waiting_rows(self) -> int:
        """Rows that are not in batches yet."""
        return 0 if self.waiting is None else self.waiting.rows

    @property
    def bytes(self) -> int:
        """About the bytes that are not taken yet."""
        return self.disk_bytes + self.memory_bytes

    def add(self, batch: RecordBatch) -> None:
        """Takes a batch."""
        self.memory.append(batch)
        self.memory_bytes += _size(batch)
        self.arrived += batch.num_rows
        self.largest_value = max(self.largest_value, _largest_value(batch))

    def spill(self) -> None:
        """Moves what is in memory to disk."""
        import pyarrow as pa

        if not self.memory:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"spill-{uuid.uuid4().hex}.arrow"
        self._files.append(path)
        # A file for each spill: with thousands of streams, open files would be too many.
        with pa.ipc.new_stream(str(path), self.target.stream.schema) as sink:
            for batch in self.memory:
                sink.write_batch(batch)
                self.disk_bytes += batch.nbytes
        self.memory.clear()
        self.memory_bytes = 0

    def take(self, rows: int) -> Parcel:
        """The first so many rows; the buffer keeps the rest."""
        large_values = self.largest_value > LARGE_VALUE_BYTES
        parcel = Parcel(self._files, list(self.memory), rows, large_values)
        rest: list[RecordBatch] = []
        if rows < self.rows:
            left = rows
            for batch in _all(self._files, parcel.memory, large_values=large_values):
                if left < batch.num_rows:
                    rest.append(batch.slice(left) if left > 0 else batch)
                left -= min(left, batch.num_rows)
        self._files, self.disk_bytes = [], 0
        self.memory = deque(rest)
        self.memory_bytes = sum(map(_size, rest))
        self.taken += rows
        return parcel

    def close(self) -> None:
        """Removes the files."""
        for path in self._files:
            path.unlink(missing_ok=True)


def _all(files: list[Path], memory: list[RecordBatch], *, large_values: bool) -> Iterator[RecordBatch]:
    for path in files:
        yield from batches(path, large_values=large_values)
    yield from memory


def _size(batch: RecordBatch) -> int:
    return batch.nbytes + COLUMN_BYTES * batch.num_columns


def _largest_value(batch: RecordBatch) -> int:
    """About the bytes of the batch's largest value; 0 if none can be larger than `LARGE_VALUE_BYTES`."""
    import pyarrow as pa
    from pyarrow.compute import call_function

    if batch.nbytes <= LARGE_VALUE_BYTES:
        return 0
    largest = 0
    for column in batch.columns:
        if pa.types.is_string(column.type):
            largest = max(largest, call_function("max", [call_function("binary_length", [column])]).as_py() or 0)
        elif pa.types.is_nested(column.type):
            largest = max(largest, column.nbytes // max(1, len(column) // 100))
    return largest
