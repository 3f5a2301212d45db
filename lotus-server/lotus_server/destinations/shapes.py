"""How a column's type is read from a block of lines: what of it Arrow reads, and what msgspec reads beside it.

Arrow's JSON reader knows scalars, lists and objects. It does not keep JSON text and knows no unions; those parts of a
column, and only those, are read by msgspec, and put into the lists and objects that Arrow has read.
"""

from __future__ import annotations

import array as arrays
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any, cast

import msgspec
from msgspec import Raw

from lotus_server.destinations.arrow import Array, DataType
from lotus_server.destinations.columns import TEMPORAL, ColumnType
from lotus_server.destinations.raw_json import NULL, compact
from lotus_server.destinations.temporal import date_of, time_of, timestamp_of
from lotus_server.destinations.values import MisfitError, coerced
from lotus_server.domain.mapping import Change

FIRST_DAY = (date(1, 1, 1) - date(1970, 1, 1)).days
FIRST_MOMENT = FIRST_DAY * 86_400_000_000
"""As Arrow counts, from 1970: it also reads a year 0, which Airbyte's dates do not have."""

ZONED_MINUTE, LOCAL_MINUTE = len("2026-01-02T03:04:05Z"), len("2026-01-02T03:04")
"""Arrow also reads an hour alone (2026-01-02T03Z), which is shorter."""


class NotFiniteError(ValueError):
    """Arrow took a literal NaN or Infinity, which is not JSON, for a number."""


@dataclass(frozen=True)
class Shape:
    """A type as it is read; `arrow`: Arrow's part, `python`: msgspec's part, each None if there is nothing for it."""

    type: ColumnType
    arrow: DataType | None
    python: Any = None
    item: Shape | None = None
    members: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Member:
    """A field of an object; `get` takes its part from what msgspec has read."""

    name: str
    column: str
    shape: Shape
    attribute: str
    get: Callable[[Any], Any]


def shape_of(kind: ColumnType) -> Shape:
    """How values of a type are read."""
    import pyarrow as pa

    if kind.kind in ("json", "union"):
        return Shape(kind, None, Raw)
    if kind.kind in TEMPORAL:
        return Shape(kind, pa.string())
    if kind.kind == "list" and kind.item is not None:
        return _list_shape(kind, shape_of(kind.item))
    if kind.kind == "struct":
        return _struct_shape(kind)
    return Shape(kind, kind.arrow())


def _list_shape(kind: ColumnType, item: Shape) -> Shape:
    import pyarrow as pa

    arrow = None if item.arrow is None else pa.list_(pa.field("element", item.arrow))
    # A Raw has no None beside it: null arrives as the text `null`.
    inner = item.python if item.python is Raw or item.python is None else item.python | None
    return Shape(kind, arrow, None if inner is None else list[inner], item=item)


def _struct_shape(kind: ColumnType) -> Shape:
    import pyarrow as pa

    members = tuple(
        Member(field.name, field.column, shape_of(field.type), f"m{number}", attrgetter(f"m{number}"))
        for number, field in enumerate(kind.fields)
    )
    arrow = pa.struct([pa.field(each.name, each.shape.arrow) for each in members if each.shape.arrow is not None])
    return Shape(kind, arrow, struct_type(members), members=members)


def struct_type(members: Sequence[Member]) -> Any:
    """The msgspec type with what msgspec reads of the members; None if that is nothing."""
    parts = [each for each in members if each.shape.python is not None]
    if not parts:
        return None
    fields: list[tuple[str, Any, Any]] = []
    for each in parts:
        kind = each.shape.python
        fields.append((each.attribute, kind, NULL) if kind is Raw else (each.attribute, kind | None, None))
    return msgspec.defstruct("Object", fields, rename={each.attribute: each.name for each in parts}, gc=False)


def assembled(shape: Shape, array: Array | None, values: list[Any] | None) -> Array:
    """The column of a type, from the arrays that Arrow has read and the values that msgspec has read.

    Raises:
        MisfitError: a value in it does not fit the type.
        NotFiniteError: a number in it is none.
    """
    kind = shape.type.kind
    if kind == "json":
        return json_column(values or [])
    if kind == "union":
        return _union_column(values or [], shape.type)
    if kind == "list":
        return _list_column(shape, array, values)
    if kind == "struct":
        return struct_column(shape.members, array, values)
    if kind in TEMPORAL:
        return temporal_column(array, shape.type)
    if kind == "number":
        _check_finite(array)
    return array


def _check_finite(array: Array) -> None:
    from pyarrow.compute import call_function

    if call_function("all", [call_function("is_finite", [array])]).as_py() is False:
        raise NotFiniteError


def _list_column(shape: Shape, array: Array | None, values: list[Any] | None) -> Array:
    import pyarrow as pa

    item = cast("Shape", shape.item)
    inner_values: list[Any] | None = None
    if values is not None:
        inner_values = list(chain.from_iterable(filter(None, values)))
    if array is None:
        lists = values or []
        inner = None
        offsets = pa.array([0, *accumulate(0 if each is None else len(each) for each in lists)], pa.int32())
        mask = pa.array([each is None for each in lists], pa.bool_())
    else:
        inner = array.values
        if inner_values is not None and len(inner_values) != len(inner):
            raise MisfitError
        offsets, mask = array.offsets, array.is_null()
    column = assembled(item, inner, inner_values)
    if array is not None and column is inner:
        return array
    return pa.ListArray.from_arrays(offsets, column, type=pa.list_(pa.field("element", column.type)), mask=mask)


def struct_column(members: Sequence[Member], array: Array, values: list[Any] | None) -> Array:
    """An object's column, member by member; the array itself where nothing in it has to change."""
    import pyarrow as pa

    columns: list[Array] = []
    changed = False
    for each in members:
        part = None if each.shape.arrow is None else array.field(each.name)
        inner = None
        if each.shape.python is not None:
            inner = _members_of(values or [], each)
        column = assembled(each.shape, part, inner)
        changed = changed or column is not part or each.name != each.column
        columns.append(column)
    if not changed:
        return array
    fields = [pa.field(each.column, column.type) for each, column in zip(members, columns, strict=True)]
    return pa.StructArray.from_arrays(columns, fields=fields, mask=array.is_null())


def _members_of(values: list[Any], member: Member) -> list[Any]:
    if None not in values:
        return list(map(member.get, values))
    absent = NULL if member.shape.python is Raw else None
    return [absent if value is None else member.get(value) for value in values]


def json_column(values: Sequence[Raw]) -> Array:
    """JSON texts, compact; null where the value is."""
    texts = list(map(bytes, values))
    joined = b"".join(texts)
    if b" " in joined or b"\t" in joined or b"\r" in joined:
        texts = list(map(compact, texts))
        joined = b"".join(texts)
    if b"null" not in joined:
        return _joined_column(joined, texts)
    return text_column([None if text == b"null" else text for text in texts])


def text_column(texts: Sequence[bytes | None]) -> Array:
    """UTF-8 texts as a column."""
    import pyarrow as pa

    return pa.array(texts, pa.binary()).cast(pa.string())


def _joined_column(joined: bytes, texts: Sequence[bytes]) -> Array:
    """The same where none is null: a third of the time."""
    import pyarrow as pa

    offsets = pa.py_buffer(arrays.array("i", accumulate(map(len, texts), initial=0)))
    return pa.StringArray.from_buffers(len(texts), offsets, pa.py_buffer(joined))


def _union_column(values: Sequence[Raw], kind: ColumnType) -> Array:
    import pyarrow as pa

    changes: list[Change] = []
    converted = [coerced(value, kind, "", changes) for value in values]
    if changes:
        raise MisfitError
    return pa.array(converted, kind.arrow())


_PARSERS: dict[str, Callable[[str], date | time | datetime]] = {
    "date": date_of,
    "time_with_timezone": time_of,
    "time_without_timezone": time_of,
    "timestamp_with_timezone": timestamp_of,
    "timestamp_without_timezone": timestamp_of,
}


def temporal_column(texts: Array, kind: ColumnType) -> Array:
    """Texts as dates, times or timestamps: by Arrow if they are all alike and ISO, else each different text once.

    Raises:
        MisfitError: one of them is none.
    """
    import pyarrow as pa

    column = _iso_column(texts, kind)
    if column is not None:
        return column
    encoded = texts.dictionary_encode()
    parse = _PARSERS[kind.kind]
    try:
        moments = [parse(text) for text in encoded.dictionary.to_pylist()]
    except (ValueError, OverflowError) as error:
        raise MisfitError from error
    return pa.array(moments, kind.arrow()).take(encoded.indices)


def _iso_column(texts: Array, kind: ColumnType) -> Array | None:
    import pyarrow as pa
    from pyarrow.compute import call_function

    wanted = kind.arrow()
    lengths = call_function("min_max", [call_function("binary_length", [texts])])
    shortest = lengths["min"].as_py()
    if shortest is None:
        return pa.nulls(len(texts), wanted)
    if pa.types.is_time(wanted):
        return None  # Arrow does not read times
    if pa.types.is_date(wanted):
        return _cast(texts, wanted, FIRST_DAY)
    if shortest >= ZONED_MINUTE and (column := _cast(texts, wanted, FIRST_MOMENT)) is not None:
        return column
    if shortest < LOCAL_MINUTE:
        return None
    local = _cast(texts, pa.timestamp("us"), FIRST_MOMENT)
    return None if local is None else local.cast(wanted)


def _cast(texts: Array, wanted: DataType, first: int) -> Array | None:
    """The texts by Arrow's own parser; None if one is not in its form or before the first."""
    import pyarrow as pa
    from pyarrow.compute import call_function

    try:
        column = texts.cast(wanted)
    except pa.ArrowInvalid:
        return None
    earliest = call_function("min_max", [column])["min"].value
    return None if earliest is not None and earliest < first else column
