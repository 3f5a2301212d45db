"""Record lines → Arrow batches.

The fast path decodes runs of lines with msgspec into structs built from the JSON schema. A line that does not fit is
decoded by itself: values are converted as Airbyte's destinations do ("12" is an integer, 12 is a text), and what cannot
be becomes null with an entry in `_airbyte_meta.changes`.
"""

from __future__ import annotations

import json
import math
import os
import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, TypedDict, cast

import msgspec
import orjson
from msgspec import Meta, Raw

from lotus.embedded.destinations.arrow import Array, DataType, RecordBatch
from lotus.embedded.destinations.columns import TEMPORAL, ColumnType, Field, airbyte_columns
from lotus.embedded.destinations.destination import LARGE_VALUE_BYTES, DestinationStream
from lotus.embedded.jobs.mapping import RecordMapper
from lotus.embedded.protocol import RecordMessage

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

UNREADABLE = "DESTINATION_SERIALIZATION_ERROR"
TOO_LARGE = "DESTINATION_FIELD_SIZE_LIMITATION"
NULLED = "NULLED"

Change = dict[str, str]

_INTEGER = Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
_NULL = Raw(b"null")


class MisfitError(ValueError):
    """A value does not fit its column; `reason` is Airbyte's word for it."""

    def __init__(self, reason: str = UNREADABLE) -> None:
        super().__init__(reason)
        self.reason = reason


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
            selected: for streams kept as JSON text: members to keep, None for all.
            mapper: changes each record (of the selected members) first.
        """
        self._mapper = mapper
        self._stream = stream
        self._schema = stream.schema
        self._fields = stream.fields
        self._data = stream.layout == "data"
        self._selected = None if selected is None else frozenset(selected)
        self._plans = [] if self._data else [_plan(field) for field in stream.fields]
        self._decoder = msgspec.json.Decoder(self._line_type())
        self._keeps_text = self._data or any(plan.raw for plan in self._plans)
        self._rows: list[Any] = []
        self._loose: list[tuple[dict[str, Any], float, list[Change]]] = []
        self._size = 0
        self.rows = 0
        """Rows waiting for `batch`."""
        self._empty_change: list[Change] = []

    @property
    def full(self) -> bool:
        """Whether it is time to take a batch: enough rows, or they hold on to their block of input."""
        return self.rows >= 5000 or self._size >= 4 * 1024 * 1024 or (self._keeps_text and self.rows > 0)

    def lines(self, run: bytes) -> list[RecordBatch]:
        """Takes whole lines that are records of this stream; returns batches that became complete by it."""
        if self._mapper is not None:
            return [batch for line in run.splitlines() for batch in self._mapped(line, self._mapper)]
        if len(run) > LARGE_VALUE_BYTES and run.count(b"\n") == 1:
            return self._large(run)
        try:
            rows: list[Any] = self._decoder.decode_lines(run)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            batches: list[RecordBatch] = []
            for line in run.splitlines():
                batches += self._line(line)
            return batches
        batches = self._flush_loose()
        self._rows += rows
        self._size += len(run)
        self.rows += len(rows)
        return batches

    def record(self, record: RecordMessage) -> list[RecordBatch]:
        """Takes one record that was parsed already."""
        text = bytes(record.data)
        return self._loose_row(text, record.emitted_at)

    @cached_property
    def _raw_decoder(self) -> Any:
        """Most syncs have no large line, and need none."""
        return msgspec.json.Decoder(self._line_type(raw=True))

    def _large(self, line: bytes) -> list[RecordBatch]:
        """A batch of one record.

        Its texts are views of the line where they can be: no copy, and no `str`, whose size may be four times the
        text's. Its lists and objects are parsed by Arrow: Python's take nine times their JSON.
        """
        import pyarrow as pa

        before = self.batches()
        try:
            row = self._raw_decoder.decode(line)
            made = {
                plan.attribute: plan.large(line, plan.get(row.record.data), plan)
                for plan in self._plans
                if plan.large is not None
            }
            batch = self._typed([row], made)
            # Views keep the whole line; where most of it is not wanted, what is wanted is copied.
            return [*before, batch if 2 * batch.nbytes > len(line) else _copied(batch)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MisfitError, pa.ArrowInvalid):
            return [*before, *self._line(line), *self.batches()]

    def _line(self, line: bytes) -> list[RecordBatch]:
        try:
            row = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = lenient(line)
            record = message["record"]
            return self._loose_row(record["data"], float(record.get("emitted_at") or 0))
        batches = self._flush_loose()
        self._rows.append(row)
        self._size += len(line)
        self.rows += 1
        return batches

    def _mapped(self, line: bytes, mapper: RecordMapper) -> list[RecordBatch]:
        record = lenient(line)["record"]
        data: Any = record["data"]
        if not isinstance(data, dict):
            raise TypeError("a record's data is an object")
        data = cast("dict[str, Any]", data)
        changes: list[Change] = []
        if self._selected is not None:
            data = {name: value for name, value in data.items() if name in self._selected}
        mapped = mapper(data, changes)
        return [] if mapped is None else self._row(mapped, float(record.get("emitted_at") or 0), changes, len(line))

    def _loose_row(self, data: Any, emitted_at: float) -> list[RecordBatch]:
        size = len(data) if isinstance(data, bytes) else 1000
        if isinstance(data, bytes):
            data = lenient(data)
        if self._selected is not None:
            data = {name: value for name, value in data.items() if name in self._selected}
        return self._row(data, emitted_at, [], size)

    def _row(self, data: dict[str, Any], emitted_at: float, changes: list[Change], size: int) -> list[RecordBatch]:
        batches = self._flush_typed()
        values: dict[str, Any] = {}
        if self._data:
            values["data"] = _text(data)
        else:
            for field in self._fields:
                values[field.column] = coerced(data.get(field.name), field.type, field.name, changes)
        self._loose.append((values, emitted_at, changes))
        self._size += size
        self.rows += 1
        return batches

    def batches(self) -> list[RecordBatch]:
        """Everything that waits, as batches."""
        return self._flush_typed() + self._flush_loose()

    def _flush_loose(self) -> list[RecordBatch]:
        import pyarrow as pa

        if not self._loose:
            return []
        loose, self._loose = self._loose, []
        self._forget(len(loose))
        columns: list[Array] = []
        if self._data:
            columns.append(pa.array([values["data"] for values, _, _ in loose], pa.string()))
        for field in () if self._data else self._fields:
            columns.append(pa.array([values[field.column] for values, _, _ in loose], field.type.arrow()))
        return [self._batch([at for _, at, _ in loose], [changes for _, _, changes in loose], columns)]

    def _flush_typed(self) -> list[RecordBatch]:
        if not self._rows:
            return []
        rows, self._rows = self._rows, []
        self._forget(len(rows))
        return [self._typed(rows)]

    def _typed(self, rows: list[Any], made: Mapping[str, Array] = MappingProxyType({})) -> RecordBatch:
        """Decoded lines as a batch; `made` are columns that are there already, by their plan's attribute."""
        records = [row.record for row in rows]
        changes: dict[int, list[Change]] = {}
        columns: list[Array] = []
        if self._data:
            texts = [record.data for record in records]
            if self._selected is not None:
                texts = [_selection(text, self._selected) for text in texts]
            columns.append(_text_array(texts))
        else:
            data = [record.data for record in records]
            for plan in self._plans:
                known = made.get(plan.attribute)
                values = list(map(plan.get, data)) if known is None else []
                columns.append(plan.convert(values, plan.field, changes) if known is None else known)
        every = [changes.get(row, self._empty_change) for row in range(len(rows))] if changes else None
        return self._batch([record.emitted_at for record in records], every, columns)

    def _forget(self, rows: int) -> None:
        self.rows -= rows
        self._size = 0

    def _batch(self, emitted: list[float], changes: list[list[Change]] | None, columns: Sequence[Array]) -> RecordBatch:
        import pyarrow as pa

        rows = len(emitted)
        meta_field = airbyte_columns()[2]
        sync_ids = pa.repeat(pa.scalar(self._stream.sync_id, pa.int64()), rows)
        kind = meta_field.type.field("changes").type
        if changes is None:
            offsets = pa.repeat(pa.scalar(0, pa.int32()), rows + 1)
            every = pa.ListArray.from_arrays(offsets, pa.array([], kind.value_type), type=kind)
        else:
            every = pa.array(changes, kind)
        meta = pa.StructArray.from_arrays([sync_ids, every], fields=list(meta_field.type))
        own = [
            _raw_ids(rows),
            pa.array([int(at) for at in emitted], pa.int64()),
            meta,
            pa.repeat(pa.scalar(self._stream.generation_id, pa.int64()), rows),
        ]
        return pa.RecordBatch.from_arrays([*own, *columns], schema=self._schema)

    def _line_type(self, *, raw: bool = False) -> Any:
        data: Any = Raw
        if not self._data:
            data = msgspec.defstruct(
                "Data",
                [
                    (plan.attribute, Raw, _NULL)
                    if raw and plan.large is not None
                    else (plan.attribute, plan.type, plan.default)
                    for plan in self._plans
                ],
                rename={plan.attribute: plan.field.name for plan in self._plans},
                gc=False,
            )
        record = msgspec.defstruct("Record", [("data", data), ("emitted_at", float, 0.0)], gc=False)
        return msgspec.defstruct("Line", [("record", record)], gc=False)


Convert = Callable[[list[Any], Field, dict[int, list[Change]]], Array]


class _Plan:
    """How one field is decoded and made a column."""

    def __init__(self, field: Field, kind: Any, default: Any, convert: Convert, *, raw: bool = False) -> None:
        self.field = field
        self.type = kind
        self.default = default
        self.convert = convert
        self.raw = raw
        self.large: Callable[[bytes, Raw, _Plan], Array] | None = None
        """Makes the column of a large line, where the value itself would take several times its JSON."""
        self.attribute = ""
        self.get: Callable[[Any], Any] = attrgetter("_")


def _plan(field: Field) -> _Plan:
    kind = field.type.kind
    if kind == "json":
        plan = _Plan(field, Raw, _NULL, _json_column, raw=True)
    elif kind in TEMPORAL:
        plan = _Plan(field, str | None, None, _temporal_column)
    elif kind in ("struct", "list", "union"):
        typed = _nested_type(field.type)
        if typed is None:
            plan = _Plan(field, Any, None, _coerced_column)
        else:
            plan = _Plan(field, typed | None, None, _scalar_column)
            plan.large = _large_nested
    else:
        scalar: Any = {"text": str, "boolean": bool, "integer": _INTEGER, "number": float}[kind]
        plan = _Plan(field, scalar | None, None, _scalar_column)
        plan.large = _large_text if kind == "text" else None
    plan.attribute = f"f_{field.column}"
    plan.get = attrgetter(plan.attribute)
    return plan


def _nested_type(kind: ColumnType) -> Any:  # noqa: PLR0911 - one per type
    """A type for msgspec whose values Arrow takes as they are, or None if they need work on each value."""
    match kind.kind:
        case "text":
            return str
        case "boolean":
            return bool
        case "integer":
            return _INTEGER
        case "number":
            return float
        case "list":
            item = _nested_type(kind.item) if kind.item is not None else None
            return None if item is None else list[item | None]
        case "struct":
            members = {field.name: _nested_type(field.type) for field in kind.fields}
            if any(field.name != field.column for field in kind.fields) or None in members.values():
                return None
            optional = {name: member | None for name, member in members.items()}
            return TypedDict("Nested", optional, total=False)  # pyright: ignore[reportArgumentType]
        case _:
            return None


def _scalar_column(values: list[Any], field: Field, changes: dict[int, list[Change]]) -> Array:
    import pyarrow as pa

    del changes
    return pa.array(values, field.type.arrow())


def _large_nested(line: bytes, value: Raw, plan: _Plan) -> Array:
    """A list or object of a large line as a column of one row.

    Raises:
        pa.ArrowInvalid, msgspec.DecodeError: something in it is not of the declared type.
    """
    import pyarrow as pa
    import pyarrow.json

    size = len(memoryview(value))
    if size <= LARGE_VALUE_BYTES:
        return plan.convert([msgspec.json.decode(value, type=plan.type)], plan.field, {})
    name = plan.field.name
    if 2 * size < len(line):
        line = b'{"record":{"data":{%s:%s}}}' % (orjson.dumps(name), memoryview(value))
    data = pa.struct([(name, plan.field.type.arrow())])
    table = pyarrow.json.read_json(
        pa.BufferReader(line),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(line) + 1),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=pa.schema([("record", pa.struct([("data", data)]))]), unexpected_field_behavior="ignore"
        ),
    )
    column = table["record"].chunk(0).field("data").field(name)
    column.validate(full=True)
    return column


def _large_text(line: bytes, value: Raw, plan: _Plan) -> Array:
    """A text of a large line as a column of one row.

    Raises:
        MisfitError: it is none.
    """
    del line, plan
    return _text_array([_unquoted(value)])


def _unquoted(value: Raw) -> memoryview | bytearray | None:
    """What a JSON text says, in UTF-8; a view if nothing in it is escaped."""
    if value == _NULL:
        return None
    quoted = memoryview(value)
    if quoted[0] != ord('"'):
        raise MisfitError
    text = quoted[1:-1]
    return _unescaped(text) if _BACKSLASH.search(text) else text


_BACKSLASH = re.compile(rb"\\")
_COMPLETE = re.compile(rb'[^\\]{5}(?![\x80-\xbf\\])|[^\\]\\[bfnrt"/]')
"""Behind this a JSON text can be cut: no escape, pair of escapes or character is incomplete."""


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


def _copied(batch: RecordBatch) -> RecordBatch:
    import pyarrow as pa

    return pa.ipc.read_record_batch(batch.serialize(), batch.schema)


def _text_array(texts: Sequence[Any]) -> Array:
    """UTF-8 texts (bytes, views, None) as a column; a single large one is not copied."""
    import pyarrow as pa

    if len(texts) == 1 and texts[0] is not None and len(memoryview(texts[0])) > LARGE_VALUE_BYTES:
        text = pa.py_buffer(memoryview(texts[0]))
        offsets = pa.py_buffer(array("i", [0, text.size]))
        column = pa.BinaryArray.from_buffers(pa.binary(), 1, [None, offsets, text])
    else:
        column = pa.array([None if text is None else bytes(text) for text in texts], pa.binary())
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:  # no UTF-8
        return pa.array([None if text is None else bytes(text).decode(errors="replace") for text in texts], pa.string())


def _json_column(values: list[Any], field: Field, changes: dict[int, list[Change]]) -> Array:
    del field, changes
    return _text_array([None if value == _NULL else value for value in values])


def _coerced_column(values: list[Any], field: Field, changes: dict[int, list[Change]]) -> Array:
    import pyarrow as pa

    result: list[Any] = []
    for row, value in enumerate(values):
        found: list[Change] = []
        result.append(coerced(value, field.type, field.name, found))
        if found:
            changes.setdefault(row, []).extend(found)
    return pa.array(result, field.type.arrow())


def _temporal_column(values: list[Any], field: Field, changes: dict[int, list[Change]]) -> Array:
    """Arrow parses a whole column of ISO texts at once, if they are all alike; else each by itself."""
    import pyarrow as pa

    kind: DataType = field.type.arrow()
    if field.type.kind in ("date", "timestamp_with_timezone", "timestamp_without_timezone"):
        texts = pa.array(values, pa.string())
        for intermediate in (kind, pa.timestamp("us")) if pa.types.is_timestamp(kind) else (kind,):
            try:
                parsed = texts.cast(intermediate)
                return parsed if intermediate == kind else parsed.cast(kind)
            except pa.ArrowInvalid:
                continue
    return _coerced_column(values, field, changes)


def coerced(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> Any:
    """The value as its column wants it; null, with an entry in `changes`, if that cannot be."""
    if value is None:
        return None
    try:
        return _COERCIONS[kind.kind](value, kind, path, changes)
    except MisfitError as misfit:
        changes.append({"field": path, "change": NULLED, "reason": misfit.reason})
    except (ValueError, TypeError, OverflowError, RecursionError):
        changes.append({"field": path, "change": NULLED, "reason": UNREADABLE})
    return None


def _text_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> str:
    del kind, path, changes
    if isinstance(value, str):
        # A lone surrogate is legal in JSON and has no UTF-8.
        if not value.isascii():
            value.encode()
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value)


def _boolean_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> bool:
    del kind, path, changes
    if not isinstance(value, bool):
        raise MisfitError
    return value


def _integer_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> int:
    del kind, path, changes
    if isinstance(value, bool):
        raise MisfitError
    if isinstance(value, float):
        if not value.is_integer():
            raise MisfitError
        value = int(value)
    elif isinstance(value, str):
        if not re.fullmatch(r"[+-]?[0-9]{1,400}", value):
            raise MisfitError
        value = int(value)
    elif not isinstance(value, int):
        raise MisfitError
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise MisfitError(TOO_LARGE)
    return value


def _number_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> float:
    del kind, path, changes
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise MisfitError
    number = float(value)
    if not math.isfinite(number):
        raise MisfitError(TOO_LARGE if isinstance(value, int) else UNREADABLE)
    return number


def _json_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> str:
    del kind, path, changes
    return _text(value)


def _struct_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise MisfitError
    members = cast("Mapping[str, Any]", value)
    return {f.column: coerced(members.get(f.name), f.type, f"{path}.{f.name}", changes) for f in kind.fields}


def _list_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> list[Any]:
    if not isinstance(value, list) or kind.item is None:
        raise MisfitError
    item = kind.item
    return [coerced(each, item, f"{path}.{n}", changes) for n, each in enumerate(cast("list[Any]", value))]


def _union_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> dict[str, Any]:
    """The first member whose type is the value's own; temporal ones before plain text."""
    by_name = {field.column: field for field in kind.fields}
    for name in _union_order(value):
        field = by_name.get(name)
        if field is None:
            continue
        inner: list[Change] = []
        converted = coerced(value, field.type, path, inner)
        if converted is not None:
            changes.extend(inner)
            return {"type": name, name: converted}
    raise MisfitError


def _union_order(value: Any) -> tuple[str, ...]:
    match value:
        case bool():
            return ("boolean", "string")
        case int():
            return ("integer", "number", "string")
        case float():
            return ("number", "integer", "string")
        case str():
            return (
                "date",
                "timestamp_with_timezone",
                "timestamp_without_timezone",
                "time_with_timezone",
                "time_without_timezone",
                "string",
                "integer",
                "number",
            )
        case list():
            return ("array", "string")
        case _:
            return ("object", "string")


_FRACTION = re.compile(r"(?<=\d)[.,](\d{1,6})\d*")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?$")


def _iso(text: str) -> str:
    """An ISO 8601 text in the one spelling that `fromisoformat` of Python 3.11 takes."""
    text = text.strip()
    if text[-1:] in "zZ":
        text = f"{text[:-1].rstrip()}+00:00"
    text = re.sub(r"\s+(?:UTC|GMT)$", "+00:00", text)
    text = re.sub(r"(?<=\d)\s+([+-]\d)", r"\1", text)
    return _FRACTION.sub(lambda match: f".{match[1]:0<6}", text, count=1)


def _timestamp_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> datetime:
    del kind, path, changes
    if not isinstance(value, str):
        raise MisfitError
    parsed = datetime.fromisoformat(_iso(value))
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _date_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> date:
    del kind, path, changes
    if not isinstance(value, str):
        raise MisfitError
    return date.fromisoformat(value.strip())


def _time_of(value: Any, kind: ColumnType, path: str, changes: list[Change]) -> time:
    del kind, path, changes
    if not isinstance(value, str):
        raise MisfitError
    parsed = time.fromisoformat(_iso(value))
    offset = parsed.utcoffset()
    if offset is None:
        return parsed
    moved = datetime.combine(date(2000, 1, 2), parsed.replace(tzinfo=None)) - offset
    return (moved + timedelta(0)).time()


_COERCIONS: dict[str, Callable[[Any, ColumnType, str, list[Change]], Any]] = {
    "text": _text_of,
    "boolean": _boolean_of,
    "integer": _integer_of,
    "number": _number_of,
    "json": _json_of,
    "struct": _struct_of,
    "list": _list_of,
    "union": _union_of,
    "date": _date_of,
    "time_with_timezone": _time_of,
    "time_without_timezone": _time_of,
    "timestamp_with_timezone": _timestamp_of,
    "timestamp_without_timezone": _timestamp_of,
}


def _text(value: Any) -> str:
    """Compact JSON; integers of any size, and texts that orjson refuses, by the standard library."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, orjson.JSONEncodeError):
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can write
        return json.dumps(value, separators=(",", ":"))
    return text


def _selection(text: Raw, selected: frozenset[str]) -> bytes:
    """The selected members of an object, each as it was written."""
    try:
        members = _MEMBERS.decode(text)
    except UnicodeDecodeError:  # in a member's name
        members = lenient(bytes(text))
        return _text({key: value for key, value in members.items() if key in selected}).encode()
    return msgspec.json.encode({key: value for key, value in members.items() if key in selected})


_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


_LONG_INTEGER = re.compile(rb"[0-9]{19}")
"""orjson makes floats of integers beyond 64 bits; the standard library keeps every digit."""


def lenient(text: bytes) -> Any:
    """JSON with what Python programs print beyond it: NaN, Infinity, integers of any size, broken UTF-8."""
    try:
        return json.loads(text) if _LONG_INTEGER.search(text) else orjson.loads(text)
    except (ValueError, UnicodeDecodeError):
        return json.loads(text.decode(errors="replace"))


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
        place = position + sum(position >= dash for dash in (8, 12, 16, 20))
        column = digits[position::32]
        text[place::36] = b"4" * count if position == 12 else column.translate(_VARIANT) if position == 16 else column
    offsets = array("i", range(0, 36 * count + 1, 36))
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))
