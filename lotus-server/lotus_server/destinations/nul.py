"""Texts for databases that have no character NUL: it is left out, and the row says so."""

from __future__ import annotations

import re
from typing import Any

from lotus_server.destinations.arrow import Array, RecordBatch
from lotus_server.destinations.columns import META, Field, meta_type

CHANGE = "TRUNCATED"
REASON = "DESTINATION_SERIALIZATION_ERROR"

_HIGH, _LOW = "[dD][89abAB][0-9a-fA-F]{2}", "[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"\\(?:u{_HIGH}\\u{_LOW}|(u0000)|(u{_HIGH}|u{_LOW})|.)", re.DOTALL)
"""An escape in JSON text: a pair that is one character, NUL, half of a pair, or any other."""


def without_nul(batch: RecordBatch, fields: tuple[Field, ...]) -> RecordBatch:
    """The batch without NUL in its texts, and without halves of characters in its JSON, which no database stores."""
    changed: dict[int, list[str]] = {}
    for field in fields:
        number = batch.schema.get_field_index(field.column)
        if number < 0 or not _is_suspect(batch.column(number), json_text=field.type.kind == "json"):
            continue
        values: list[str | None] = batch.column(number).to_pylist()
        for row, value in enumerate(values):
            storable = _storable(value, json_text=field.type.kind == "json")
            if storable != value:
                values[row] = storable
                changed.setdefault(row, []).append(field.name)
        batch = _replaced(batch, number, values)
    if not changed:
        return batch
    number = batch.schema.get_field_index(META)
    metas: list[dict[str, Any]] = batch.column(number).to_pylist()
    for row, names in changed.items():
        changes = [{"field": name, "change": CHANGE, "reason": REASON} for name in names]
        metas[row] = {**metas[row], "changes": [*metas[row]["changes"], *changes]}
    return _replaced(batch, number, metas, meta_type())


def _is_suspect(values: Array, *, json_text: bool) -> bool:
    import pyarrow as pa
    from pyarrow.compute import MatchSubstringOptions, call_function

    if not pa.types.is_string(values.type):
        return False
    patterns = ("\\u0000", "\\ud", "\\uD") if json_text else ("\0",)
    matches = (call_function("match_substring", [values], MatchSubstringOptions(pattern)) for pattern in patterns)
    return any(call_function("any", [each]).as_py() for each in matches)


def _storable(value: str | None, *, json_text: bool) -> str | None:
    if value is None:
        return None
    return _ESCAPE.sub(_kept_escape, value) if json_text else value.replace("\0", "")


def _kept_escape(match: re.Match[str]) -> str:
    if match.group(1):
        return ""
    return "\\ufffd" if match.group(2) else match.group()


def _replaced(batch: RecordBatch, number: int, values: list[Any], kind: Any = None) -> RecordBatch:
    import pyarrow as pa

    columns = list(batch.columns)
    columns[number] = pa.array(values, kind or columns[number].type)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
