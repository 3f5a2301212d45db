"""Blocks of record lines → columns.

A block goes to Arrow's JSON reader with the stream's own schema. A column that Arrow refuses (a number where a text is
declared, 7E+3 where an integer is) is read from the texts of its values, one by one, while the other columns stay
Arrow's: what a value costs does not depend on the values around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw, Struct

from lotus_server.destinations.arrow import Array, Table
from lotus_server.destinations.columns import ColumnType, Field
from lotus_server.destinations.raw_json import NULL, mended
from lotus_server.destinations.shapes import (
    Member,
    NotFiniteError,
    Shape,
    assembled,
    shape_of,
    struct_type,
)
from lotus_server.destinations.values import MisfitError, coerced
from lotus_server.domain.mapping import Change

FEW_ROWS = 4
"""So many rows are read value by value: preparing Arrow's reader would cost more."""

ATTEMPTS = 8
"""Tries with another column left to `coerced` after each; then all columns are."""

_REFUSED = re.compile(r"JSON parse error: Column\(/record/(?P<path>.*)\) (?:changed|was specified twice)", re.DOTALL)
_NOT_CONVERTED = re.compile(r"Failed to convert JSON to (?P<type>\w+)")


class UnreadableLinesError(ValueError):
    """A line is not a record in JSON."""


@dataclass(frozen=True)
class Columns:
    """What a block becomes; `changes` by row."""

    emitted: Array
    columns: list[Array]
    changes: dict[int, list[Change]] = field(default_factory=dict[int, list[Change]])


class AnyRecord(Struct, gc=False):
    """A record, its members as they were written."""

    data: dict[str, Raw]
    emitted_at: Raw = NULL


class _AnyLine(Struct, gc=False):
    record: AnyRecord


RECORD_LINES = msgspec.json.Decoder(_AnyLine)


class _ColumnsRefusedError(Exception):
    """Arrow does not read columns as they are declared; `certain`: each of these, else at least one of them."""

    def __init__(self, names: Iterable[str], *, certain: bool) -> None:
        super().__init__()
        self.names = frozenset(names)
        self.certain = certain


class _EmittedRefusedError(Exception):
    """An `emitted_at` is no number."""


class _NotJsonError(Exception):
    """A line is not JSON as it stands."""


class BlockReader:
    """Reads the blocks of one stream, and remembers which columns do not come as they are declared."""

    def __init__(self, fields: Sequence[Field]) -> None:
        """A reader of records with these fields."""
        self._fields = fields
        self._by_value = frozenset(each.name for each in fields if each.type.kind == "union")
        self._by_value_emitted = False
        self._mends = False
        self._formats: dict[tuple[frozenset[str], bool], _LineFormat] = {}

    def read(self, block: bytes, rows: int) -> Columns:
        """The columns of a block of so many lines.

        Raises:
            UnreadableLinesError: a line of it is no record, however leniently it is read.
        """
        mends = self._mends = self._mends or not is_utf8(block)
        if mends:
            block = mended_lines(block)
        suspects: frozenset[str] = frozenset()
        for _ in range(ATTEMPTS if rows > FEW_ROWS else 0):
            try:
                return self._read(block, rows, suspects)
            except _ColumnsRefusedError as refusal:
                if refusal.certain:
                    self._by_value |= refusal.names
                else:
                    suspects |= refusal.names
            except _EmittedRefusedError:
                self._by_value_emitted = True
            except _NotJsonError:
                if mends:
                    break
                block = mended_lines(block)
                mends = self._mends = True
        return self._read_by_value(block, rows, mends=mends)

    def _read_by_value(self, block: bytes, rows: int, *, mends: bool) -> Columns:
        """All columns from the texts of their values: the slow way, which reads what Arrow refuses."""
        import pyarrow as pa

        try:
            records = [line.record for line in RECORD_LINES.decode_lines(block)]
        except (msgspec.DecodeError, RecursionError):
            if mends:
                raise UnreadableLinesError from None
            self._mends = True
            return self._read_by_value(mended_lines(block), rows, mends=True)
        if len(records) != rows:
            raise UnreadableLinesError
        changes: dict[int, list[Change]] = {}
        columns = [
            coerced_column([record.data.get(each.name, NULL) for record in records], each.type, each.name, changes)
            for each in self._fields
        ]
        try:
            emitted = pa.array([milliseconds(record.emitted_at) for record in records], pa.int64())
        except (ValueError, OverflowError):
            raise UnreadableLinesError from None
        return Columns(emitted, columns, changes)

    def _read(self, block: bytes, rows: int, suspects: frozenset[str]) -> Columns:
        by_value = self._by_value | suspects
        lines = self._format(by_value)
        table = lines.table(block, rows)
        records = lines.records(block, rows)
        data = None if records is None else [each.data for each in records]
        changes: dict[int, list[Change]] = {}
        columns: list[Array] = []
        for each in lines.members:
            raws = None if each.shape.python is None else list(map(each.get, data or ()))
            if each.name in by_value:
                shape = self._shapes[each.name]
                columns.append(self._column_by_value(each.name, shape, raws or [], changes, suspects))
            else:
                part = None if each.shape.arrow is None else table.field("data").field(each.name)
                columns.append(self._column(each, part, raws))
        return Columns(lines.emitted(table, records), columns, changes)

    def _column(self, member: Member, part: Array | None, values: list[Any] | None) -> Array:
        try:
            return assembled(member.shape, part, values)
        except NotFiniteError:
            raise _NotJsonError from None
        except MisfitError:
            raise _ColumnsRefusedError([member.name], certain=True) from None

    def _column_by_value(
        self, name: str, shape: Shape, raws: list[Raw], changes: dict[int, list[Change]], suspects: frozenset[str]
    ) -> Array:
        """A column from the texts of its values; a suspect that Arrow reads by itself is Arrow's again."""
        by_arrow = shape.arrow is not None and shape.python is None
        if by_arrow and name in suspects - self._by_value and len(raws) > FEW_ROWS:
            column = _alone(shape, raws)
            if column is not None:
                return column
            self._by_value |= {name}
        return coerced_column(raws, shape.type, name, changes)

    def _format(self, by_value: frozenset[str]) -> _LineFormat:
        key = (by_value, self._by_value_emitted)
        if key not in self._formats:
            shapes = {
                name: Shape(shape.type, None, Raw) if name in by_value else shape
                for name, shape in self._shapes.items()
            }
            self._formats[key] = _LineFormat(self._fields, shapes, by_arrow_emitted=not self._by_value_emitted)
        return self._formats[key]

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        """Few rows need none."""
        return {each.name: shape_of(each.type) for each in self._fields}


class _LineFormat:
    """The form of a stream's lines: for Arrow a schema, for msgspec a type."""

    def __init__(self, fields: Sequence[Field], shapes: Mapping[str, Shape], *, by_arrow_emitted: bool) -> None:
        import pyarrow as pa

        self.members = [
            Member(each.name, each.column, shapes[each.name], f"m{number}", attrgetter(f"m{number}"))
            for number, each in enumerate(fields)
        ]
        self._by_arrow_emitted = by_arrow_emitted
        data = pa.struct([(each.name, each.shape.arrow) for each in self.members if each.shape.arrow is not None])
        record = [("data", data)] + ([("emitted_at", pa.float64())] if by_arrow_emitted else [])
        self._schema = pa.schema([("record", pa.struct(record))])
        self._decoder: Any = None
        python = struct_type(self.members)
        if python is not None or not by_arrow_emitted:
            data_type = python or msgspec.defstruct("Data", [], gc=False)
            line = msgspec.defstruct("Record", [("data", data_type), ("emitted_at", Raw, NULL)], gc=False)
            self._decoder = msgspec.json.Decoder(msgspec.defstruct("Line", [("record", line)], gc=False))

    def table(self, block: bytes, rows: int) -> Array:
        """The records as Arrow reads them, a struct."""
        import pyarrow as pa

        try:
            table = read_json(block, self._schema)
        except pa.ArrowInvalid as error:
            raise self._refusal(str(error)) from error
        record = table["record"].chunk(0)
        if len(record) != rows or record.null_count or record.field("data").null_count:
            raise _NotJsonError
        return record

    def records(self, block: bytes, rows: int) -> list[Any] | None:
        """The records as msgspec reads them, None if there is nothing for it to read."""
        if self._decoder is None:
            return None
        try:
            lines: list[Any] = self._decoder.decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _NotJsonError from error
        if len(lines) != rows:
            raise _NotJsonError
        return [line.record for line in lines]

    def emitted(self, table: Array, records: list[Any] | None) -> Array:
        """`emitted_at` in whole milliseconds; 0 where a record has none."""
        import pyarrow as pa

        if self._by_arrow_emitted:
            return table.field("emitted_at").fill_null(0).cast(pa.int64(), safe=False)
        try:
            return pa.array([milliseconds(each.emitted_at) for each in records or ()], pa.int64())
        except (ValueError, OverflowError) as error:
            raise _NotJsonError from error

    def _refusal(self, message: str) -> Exception:
        match = _REFUSED.match(message)
        if match is not None:
            path = match["path"]
            if path == "emitted_at":
                return _EmittedRefusedError()
            by_arrow = [each.name for each in self.members if each.shape.arrow is not None]
            names = [name for name in by_arrow if f"{path}/".startswith(f"data/{name}/")]
            return _ColumnsRefusedError(names, certain=len(names) == 1) if names else _NotJsonError()
        match = _NOT_CONVERTED.match(message)
        if match is None:
            return _NotJsonError()
        kinds = {"int64": "integer", "double": "number"}
        kind = kinds.get(match["type"])
        names = [
            each.name
            for each in self.members
            if each.shape.arrow is not None and (kind is None or _has(each.shape.type, kind))
        ]
        return _ColumnsRefusedError(names, certain=False) if names else _NotJsonError()


def _has(column: ColumnType, kind: str) -> bool:
    if column.kind == kind:
        return True
    inner = [each.type for each in column.fields] + ([column.item] if column.item is not None else [])
    return any(_has(each, kind) for each in inner)


def read_json(text: bytes, schema: Any) -> Table:
    """Lines of JSON as Arrow reads them with a schema; what the schema does not have is left out.

    Raises:
        pa.ArrowInvalid: something in them is not of the declared type.
    """
    import pyarrow as pa
    import pyarrow.json

    return pyarrow.json.read_json(
        pa.BufferReader(text),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )


def coerced_column(raws: Sequence[Raw], kind: ColumnType, name: str, changes: dict[int, list[Change]]) -> Array:
    """A column from the texts of its values, each converted by itself."""
    import pyarrow as pa

    values: list[Any] = []
    misfits: list[Change] = []
    for row, raw in enumerate(raws):
        values.append(coerced(raw, kind, name, misfits))
        if misfits:
            changes.setdefault(row, []).extend(misfits)
            misfits = []
    return pa.array(values, kind.arrow())


def _alone(shape: Shape, raws: Sequence[Raw]) -> Array | None:
    """A column by Arrow, without the others; None if it is not as declared."""
    import pyarrow as pa

    text = b"".join(b'{"c":%s}\n' % memoryview(raw) for raw in raws)
    try:
        return assembled(shape, read_json(text, pa.schema([("c", shape.arrow)]))["c"].chunk(0), None)
    except (pa.ArrowInvalid, MisfitError, NotFiniteError):
        return None


def milliseconds(raw: Raw) -> int:
    """An `emitted_at`, which may be missing, a number or a number in a text.

    Raises:
        ValueError: it is none of these.
    """
    text = bytes(raw)
    if text == b"null":
        return 0
    return int(float(msgspec.json.decode(text, type=str) if text[:1] == b'"' else text))


_LINE = msgspec.json.Decoder(msgspec.defstruct("AnyLine", [("record", Raw)]))


def mended_lines(block: bytes) -> bytes:
    """The block with each line that is not JSON mended."""
    lines = block.removesuffix(b"\n").split(b"\n")
    return b"".join(b"%s\n" % (line if _is_json(line) else mended(line)) for line in lines)


def _is_json(line: bytes) -> bool:
    try:
        _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return line.isascii() or is_utf8(line)


def is_utf8(block: bytes) -> bool:
    """Whether bytes are UTF-8, without a text made of them."""
    import pyarrow as pa

    if block.isascii():
        return True
    offsets = pa.array([0, len(block)], pa.int32()).buffers()[1]
    text = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(block))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
