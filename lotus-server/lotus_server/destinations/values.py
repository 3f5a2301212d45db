"""A JSON value as its column takes it, as Airbyte's destinations convert it ("12" is an integer, 12 is a text).

Values are taken from the text that the connector wrote, so that numbers are exact: 7E+3 is the integer 7000, and 1.10
in a column of texts is "1.10". What does not fit becomes null, with a change in `_airbyte_meta.changes`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import Raw

from lotus_server.destinations.columns import ColumnType
from lotus_server.destinations.raw_json import compact, items, members
from lotus_server.destinations.temporal import date_of, time_of, timestamp_of
from lotus_server.domain.mapping import Change

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

UNREADABLE = "DESTINATION_SERIALIZATION_ERROR"
TOO_LARGE = "DESTINATION_FIELD_SIZE_LIMITATION"
NULLED = "NULLED"

_INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NUMBER_STARTS = b"-0123456789"


class MisfitError(ValueError):
    """A value does not fit its column; `reason` is Airbyte's word for it."""

    def __init__(self, reason: str = UNREADABLE) -> None:
        super().__init__(reason)
        self.reason = reason


def coerced(raw: Raw | bytes | None, kind: ColumnType, path: str, changes: list[Change]) -> Any:
    """The value as its column takes it; null, with an entry in `changes`, if it does not fit."""
    text = b"null" if raw is None else bytes(raw)
    if text == b"null":
        return None
    try:
        return _COERCIONS[kind.kind](text, kind, path, changes)
    except MisfitError as misfit:
        changes.append({"field": path, "change": NULLED, "reason": misfit.reason})
    except (ValueError, OverflowError, RecursionError):
        changes.append({"field": path, "change": NULLED, "reason": UNREADABLE})
    return None


def _string(text: bytes) -> str:
    if text[0] != ord('"'):
        raise MisfitError
    return msgspec.json.decode(text, type=str)


def _text_of(text: bytes, _kind: ColumnType, _path: str, _changes: list[Change]) -> str:
    return _string(text) if text[0] == ord('"') else compact(text).decode()


def _boolean_of(text: bytes, _kind: ColumnType, _path: str, _changes: list[Change]) -> bool:
    if text not in (b"true", b"false"):
        raise MisfitError
    return text == b"true"


def _integer_of(text: bytes, _kind: ColumnType, _path: str, _changes: list[Change]) -> int:
    if text[0] == ord('"'):
        written = _string(text)
        if not _INTEGER.fullmatch(written):
            raise MisfitError
    elif text[0] in _NUMBER_STARTS:
        written = text.decode()
    else:
        raise MisfitError
    try:
        number = Decimal(written)
    except InvalidOperation:  # an exponent of twenty digits
        raise MisfitError(TOO_LARGE) from None
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise MisfitError(TOO_LARGE)
    if number != number.to_integral_value():
        raise MisfitError
    return int(number)


def _number_of(text: bytes, _kind: ColumnType, _path: str, _changes: list[Change]) -> float:
    if text[0] == ord('"'):
        written = _string(text)
        if not _NUMBER.fullmatch(written):
            raise MisfitError
    elif text[0] in _NUMBER_STARTS:
        written = text.decode()
    else:
        raise MisfitError
    number = float(written)
    if not math.isfinite(number):
        raise MisfitError(TOO_LARGE)
    return number


def _json_of(text: bytes, _kind: ColumnType, _path: str, _changes: list[Change]) -> str:
    return compact(text).decode()


def _struct_of(text: bytes, kind: ColumnType, path: str, changes: list[Change]) -> dict[str, Any]:
    if text[0] != ord("{"):
        raise MisfitError
    values = members(text)
    return {f.column: coerced(values.get(f.name), f.type, f"{path}.{f.name}", changes) for f in kind.fields}


def _list_of(text: bytes, kind: ColumnType, path: str, changes: list[Change]) -> list[Any]:
    item = kind.item
    if text[0] != ord("[") or item is None:
        raise MisfitError
    return [coerced(each, item, f"{path}.{number}", changes) for number, each in enumerate(items(text))]


def _union_of(text: bytes, kind: ColumnType, path: str, changes: list[Change]) -> dict[str, Any]:
    """The first member whose type is the value's own; temporal ones before plain text."""
    by_name = {field.column: field for field in kind.fields}
    for name in _union_order(text):
        field = by_name.get(name)
        if field is None:
            continue
        inner: list[Change] = []
        converted = coerced(text, field.type, path, inner)
        if converted is not None:
            changes.extend(inner)
            return {"type": name, name: converted}
    raise MisfitError


def _union_order(text: bytes) -> tuple[str, ...]:
    match chr(text[0]):
        case "t" | "f":
            return ("boolean", "string")
        case '"':
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
        case "[":
            return ("array", "string")
        case "{":
            return ("object", "string")
        case _:
            fractional = any(sign in text for sign in b".eE")
            return ("number", "integer", "string") if fractional else ("integer", "number", "string")


def _date_of(text: bytes, _kind: ColumnType, _path: str, _changes: list[Change]) -> date:
    return date_of(_string(text))


def _time_of(text: bytes, _kind: ColumnType, _path: str, _changes: list[Change]) -> time:
    return time_of(_string(text))


def _timestamp_of(text: bytes, _kind: ColumnType, _path: str, _changes: list[Change]) -> datetime:
    return timestamp_of(_string(text))


_COERCIONS: dict[str, Callable[[bytes, ColumnType, str, list[Change]], Any]] = {
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
