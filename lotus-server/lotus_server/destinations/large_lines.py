"""Lines of megabytes → columns of one row, with as few copies in memory as can be."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from lotus_server.destinations.arrow import Array, RecordBatch
from lotus_server.destinations.blocks import (
    Columns,
    UnreadableLinesError,
    coerced_column,
    is_utf8,
    mended_lines,
    milliseconds,
    read_json,
)
from lotus_server.destinations.columns import Field
from lotus_server.destinations.destination import LARGE_VALUE_BYTES
from lotus_server.destinations.raw_json import NULL, compact_view
from lotus_server.destinations.shapes import Shape, assembled, shape_of
from lotus_server.domain.mapping import Change

_BACKSLASH = re.compile(rb"\\")
_COMPLETE = re.compile(rb'[^\\]{5}(?![\x80-\xbf\\])|[^\\]\\[bfnrt"/]')
"""Behind this a JSON text can be cut: no escape, pair of escapes or character is incomplete."""


class LargeLineReader:
    """Reads the large lines of one stream.

    Texts are views of the line where they can be: no copy, and no `str`, whose size may be four times the text's. Lists
    and objects are parsed by Arrow: Python's take nine times their JSON.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        """A reader of records with these fields."""
        self._fields = fields
        self._shapes = [shape_of(field.type) for field in fields]
        data = msgspec.defstruct(
            "Data",
            [(f"m{number}", Raw, NULL) for number in range(len(fields))],
            rename={f"m{number}": field.name for number, field in enumerate(fields)},
            gc=False,
        )
        record = msgspec.defstruct("Record", [("data", data), ("emitted_at", Raw, NULL)], gc=False)
        self._decoder: Any = msgspec.json.Decoder(msgspec.defstruct("Line", [("record", record)], gc=False))

    def read(self, line: bytes) -> Columns:
        """The columns of a line.

        Raises:
            UnreadableLinesError: it is no record, however leniently it is read.
        """
        import pyarrow as pa

        record = self._record(line) if is_utf8(line) else None
        if record is None:
            record = self._record(mended_lines(line))
        if record is None:
            raise UnreadableLinesError
        changes: list[Change] = []
        columns = [
            self._column(field, shape, getattr(record.data, f"m{number}"), line, changes)
            for number, (field, shape) in enumerate(zip(self._fields, self._shapes, strict=True))
        ]
        emitted = pa.array([milliseconds(record.emitted_at)], pa.int64())
        return Columns(emitted, columns, {0: changes} if changes else {})

    def _record(self, line: bytes) -> Any:
        try:
            return self._decoder.decode(line).record
        except (msgspec.DecodeError, RecursionError):
            return None

    def _column(self, field: Field, shape: Shape, raw: Raw, line: bytes, changes: list[Change]) -> Array:
        view = memoryview(raw)
        if len(view) > LARGE_VALUE_BYTES:
            try:
                column = _large_column(field.name, shape, view, line)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
                column = None  # what does not fit as a whole is converted part by part
            if column is not None:
                return column
        by_row: dict[int, list[Change]] = {}
        column = coerced_column([raw], field.type, field.name, by_row)
        changes += by_row.get(0, [])
        return column


def _large_column(name: str, shape: Shape, view: memoryview, line: bytes) -> Array | None:
    """The column of one large value; None if there is no better way than that of small ones.

    Raises:
        ValueError: it is not of the declared type.
    """
    import pyarrow as pa

    kind = shape.type.kind
    if kind == "json":
        return view_column(compact_view(view))
    if kind == "text" and view[0] == ord('"'):
        return view_column(_unquoted(view))
    if kind in ("list", "struct") and shape.arrow is not None and shape.python is None:
        if 2 * len(view) < len(line):
            line = b'{"record":{"data":{%s:%s}}}' % (msgspec.json.encode(name), view)
        record = pa.struct([("data", pa.struct([(name, shape.arrow)]))])
        table = read_json(line, pa.schema([("record", record)]))
        return assembled(shape, table["record"].chunk(0).field("data").field(name), None)
    return None


def view_column(text: Any) -> Array:
    """A UTF-8 text as a column of one row, which keeps the text and does not copy it.

    Raises:
        pa.ArrowInvalid: it is not UTF-8.
    """
    import pyarrow as pa

    buffer = pa.py_buffer(text)
    offsets = pa.py_buffer(array("i", [0, buffer.size]))
    return pa.BinaryArray.from_buffers(pa.binary(), 1, [None, offsets, buffer]).cast(pa.string())


def copied_if_sparse(batch: RecordBatch, line_bytes: int) -> RecordBatch:
    """The batch; copied where its views keep a line of which most is not wanted."""
    import pyarrow as pa

    if 2 * batch.nbytes > line_bytes:
        return batch
    return pa.ipc.read_record_batch(batch.serialize(), batch.schema)


def _unquoted(quoted: memoryview) -> memoryview | bytearray:
    """What a JSON text says, in UTF-8; a view if nothing in it is escaped."""
    text = quoted[1:-1]
    return _unescaped(text) if _BACKSLASH.search(text) else text


def _unescaped(text: memoryview) -> bytearray:
    """The text without escapes, a megabyte at a time: as a whole it would be there three times."""
    result = bytearray()
    start = 0
    while start < len(text):
        cut = _COMPLETE.search(text, start + LARGE_VALUE_BYTES)
        end = cut.end() if cut else len(text)
        result += msgspec.json.decode(b'"%s"' % text[start:end], type=str).encode()
        start = end
    return result
