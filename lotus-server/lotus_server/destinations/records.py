"""Record lines → Arrow batches for a destination.

Lines wait until there are enough of them for a batch, or until the writer asks for what there is: a batch is cut by
size, whatever comes between the lines. How a block of lines becomes columns is in `blocks.py`.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import msgspec

from lotus_server.destinations.arrow import Array, RecordBatch
from lotus_server.destinations.blocks import RECORD_LINES, AnyRecord, BlockReader, Columns, UnreadableLinesError
from lotus_server.destinations.columns import airbyte_columns
from lotus_server.destinations.data_texts import DataReader
from lotus_server.destinations.destination import LARGE_VALUE_BYTES, DestinationStream
from lotus_server.destinations.large_lines import LargeLineReader, copied_if_sparse
from lotus_server.destinations.raw_json import mended
from lotus_server.domain.mapping import Change, RecordMapper

BLOCK_ROWS = 20_000
BLOCK_BYTES = 4 * 1024 * 1024
"""A batch is made at whichever comes first."""

RUN_BYTES = 100
"""What a run of lines takes beside its text."""


class RecordParser:
    """Turns the records of one stream into batches for a destination."""

    def __init__(
        self,
        stream: DestinationStream,
        *,
        selected: Iterable[str] | None = None,
        mapper: RecordMapper | None = None,
    ) -> None:
        """A parser.

        Args:
            stream: the stream as the destination wants it.
            selected: for streams kept as JSON text, and for mappers: members to keep, None for all.
            mapper: changes each record (of the selected members) first.
        """
        self._stream = stream
        self._mapper = mapper
        self._selected = None if selected is None else frozenset(selected)
        self._runs: list[bytes] = []
        self._changes: dict[int, list[Change]] = {}
        self.rows = 0
        """Rows that wait for a batch."""
        self.size = 0
        """About the bytes that they take."""
        self.accepted = 0
        """Rows that have come: all but those that the mapper left out."""

    @property
    def full(self) -> bool:
        """Whether enough rows wait for a batch."""
        return self.rows >= BLOCK_ROWS or self.size >= BLOCK_BYTES

    @property
    def keeps_nothing(self) -> bool:
        """Whether nothing of a record would land, since no field of it is known."""
        return self._stream.layout == "columns" and not self._stream.fields

    def lines(self, run: bytes, rows: int | None = None) -> list[RecordBatch]:
        """Takes whole lines that are records of this stream; returns batches that became complete by it.

        Raises:
            UnreadableLinesError: one of them is no record; those before it are in a batch yet to come.
        """
        if self._mapper is not None:
            batches: list[RecordBatch] = []
            for line in run.splitlines():
                batches += self._mapped(line, self._mapper)
            return batches
        return self._taken(run, run.count(b"\n") if rows is None else rows)

    def batches(self) -> list[RecordBatch]:
        """What waits, as batches.

        Raises:
            UnreadableLinesError: a line is no record; those before it are in the next answer.
        """
        if not self.rows:
            return []
        block, rows, changes = b"".join(self._runs), self.rows, self._changes
        self._runs, self.rows, self.size, self._changes = [], 0, 0, {}
        try:
            return [self._batch(self._reader.read(block, rows), rows, changes)]
        except UnreadableLinesError:
            self._keep_readable(block, changes)
            raise

    def _taken(self, run: bytes, rows: int) -> list[RecordBatch]:
        self.accepted += rows
        if rows == 1 and len(run) > LARGE_VALUE_BYTES:
            return [*self.batches(), self._large(run)]
        self._runs.append(run)
        self.rows += rows
        self.size += len(run) + RUN_BYTES
        return self.batches() if self.full else []

    def _keep_readable(self, block: bytes, changes: dict[int, list[Change]]) -> None:
        """Lets the lines before the first unreadable one wait again."""
        lines = block.removesuffix(b"\n").split(b"\n")
        good = 0
        for line in lines:
            try:
                self._reader.read(line + b"\n", 1)
            except UnreadableLinesError:
                break
            good += 1
        if good:
            self._runs = [b"\n".join(lines[:good]) + b"\n"]
            self.rows = good
            self.size = len(self._runs[0])
            self._changes = {row: made for row, made in changes.items() if row < good}

    def _mapped(self, line: bytes, mapper: RecordMapper) -> list[RecordBatch]:
        record = _record(line)
        data: dict[str, Any] = record.data
        if self._selected is not None:
            data = {name: value for name, value in data.items() if name in self._selected}
        changes: list[Change] = []
        mapped = mapper(data, changes)
        if mapped is None:
            return []
        if changes:
            self._changes[self.rows] = changes
        written = msgspec.json.encode({"record": {"data": mapped, "emitted_at": record.emitted_at}})
        return self._taken(written + b"\n", 1)

    def _large(self, line: bytes) -> RecordBatch:
        changes, self._changes = self._changes, {}
        reader = self._large_reader
        columns = reader.read(line, 1) if isinstance(reader, DataReader) else reader.read(line)
        return copied_if_sparse(self._batch(columns, 1, changes), len(line))

    @cached_property
    def _schema(self) -> Any:
        return self._stream.schema

    @cached_property
    def _reader(self) -> BlockReader | DataReader:
        if self._stream.layout == "data":
            return DataReader(None if self._mapper is not None else self._selected)
        return BlockReader(self._stream.fields)

    @cached_property
    def _large_reader(self) -> LargeLineReader | DataReader:
        """Most syncs have no large line, and need none."""
        return self._reader if isinstance(self._reader, DataReader) else LargeLineReader(self._stream.fields)

    def _batch(self, block: Columns, rows: int, before: dict[int, list[Change]]) -> RecordBatch:
        import pyarrow as pa

        changes = dict(block.changes)
        for row, made in before.items():
            changes[row] = [*made, *changes.get(row, [])]
        meta_field = airbyte_columns()[2]
        sync_ids = pa.repeat(pa.scalar(self._stream.sync_id, pa.int64()), rows)
        meta = pa.StructArray.from_arrays([sync_ids, _change_lists(changes, rows)], fields=list(meta_field.type))
        generation = pa.repeat(pa.scalar(self._stream.generation_id, pa.int64()), rows)
        columns = [_raw_ids(rows), block.emitted, meta, generation, *block.columns]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


def _record(line: bytes) -> AnyRecord:
    """A record, its members as they were written."""
    try:
        return RECORD_LINES.decode(line).record
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return RECORD_LINES.decode(mended(line)).record
    except (msgspec.DecodeError, RecursionError):
        raise UnreadableLinesError from None


def _change_lists(changes: dict[int, list[Change]], rows: int) -> Array:
    import pyarrow as pa

    kind = airbyte_columns()[2].type.field("changes").type
    if changes:
        return pa.array([changes.get(row, ()) for row in range(rows)], kind)
    offsets = pa.repeat(pa.scalar(0, pa.int32()), rows + 1)
    return pa.ListArray.from_arrays(offsets, pa.array([], kind.value_type), type=kind)


_VARIANT = bytes.maketrans(b"0123456789abcdef", b"89ab89ab89ab89ab")


def _raw_ids(count: int) -> Array:
    """Random UUIDs (version 4) as an Arrow column, written digit by digit for all rows at once.

    `uuid.uuid4` for each row costs more than decoding the row.
    """
    import pyarrow as pa

    digits = os.urandom(16 * count).hex().encode()
    text = bytearray(b"-" * (36 * count))
    for position in range(32):
        # 8-4-4-4-12: a dash goes before the digits 8, 12, 16 and 20.
        start = position + sum(position >= dash for dash in (8, 12, 16, 20))
        column = digits[position::32]
        if position == 12:
            column = b"4" * count
        elif position == 16:
            column = column.translate(_VARIANT)
        text[start::36] = column
    offsets = array("i", range(0, 36 * count + 1, 36))
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))
