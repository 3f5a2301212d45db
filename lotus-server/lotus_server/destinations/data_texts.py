"""Blocks of record lines → the records as JSON texts, for formats that do not spread them over columns."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from lotus_server.destinations.blocks import Columns, UnreadableLinesError, is_utf8, mended_lines, milliseconds
from lotus_server.destinations.destination import LARGE_VALUE_BYTES
from lotus_server.destinations.large_lines import view_column
from lotus_server.destinations.raw_json import NULL, compact, compact_view, members
from lotus_server.destinations.shapes import text_column


class _DataRecord(Struct, gc=False):
    data: Raw
    emitted_at: Raw = NULL


class _DataLine(Struct, gc=False):
    record: _DataRecord


_LINES = msgspec.json.Decoder(_DataLine)


class DataReader:
    """Reads the blocks of one stream."""

    def __init__(self, selected: Iterable[str] | None) -> None:
        """A reader that keeps the members with these names, all for None."""
        self._selected = None if selected is None else frozenset(selected)

    def read(self, block: bytes, rows: int) -> Columns:
        """The texts of a block of so many lines.

        Raises:
            UnreadableLinesError: a line of it is no record, however leniently it is read.
        """
        import pyarrow as pa

        records = _records(block)
        if records is None:
            records = _records(mended_lines(block))
        if records is None or len(records) != rows:
            raise UnreadableLinesError
        emitted = pa.array([milliseconds(record.emitted_at) for record in records], pa.int64())
        texts = [self._text(record.data) for record in records]
        large = len(texts) == 1 and len(texts[0]) > LARGE_VALUE_BYTES
        return Columns(emitted, [view_column(texts[0]) if large else text_column(list(map(bytes, texts)))])

    def _text(self, data: Raw) -> bytes | memoryview:
        view = memoryview(data)
        if bytes(view[:1]) != b"{":
            raise UnreadableLinesError
        if self._selected is not None:
            kept = {name: value for name, value in members(data).items() if name in self._selected}
            return compact(msgspec.json.encode(kept))
        return compact_view(view) if len(view) > LARGE_VALUE_BYTES else compact(bytes(view))


def _records(block: bytes) -> list[_DataRecord] | None:
    """The records of a block; None if a line is not JSON in UTF-8."""
    if not is_utf8(block):
        return None
    try:
        return [line.record for line in _LINES.decode_lines(block)]
    except (msgspec.DecodeError, RecursionError):
        return None
