"""The records that syncs are measured with: two streams in the shape of source-faker's, a state for each 1,000."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEXT = {"type": ["null", "string"]}
INTEGER = {"type": ["null", "integer"]}
MOMENT = {"type": ["null", "string"], "format": "date-time"}
ADDRESS = ("street_number", "street_name", "city", "state", "province", "postal_code", "country_code")
PERSON = {
    "name": "Reena", "title": "M.Sc.Tech.", "telephone": "(089) 1474-2323", "gender": "Fluid", "language": "Icelandic",
    "academic_degree": "Bachelor", "nationality": "Guatemalan", "occupation": "Fitter", "height": "1.52",
    "blood_type": "B+",
}  # fmt: skip

SCHEMAS: dict[str, dict[str, Any]] = {
    "users": {
        "id": INTEGER, "created_at": MOMENT, "updated_at": MOMENT, **dict.fromkeys(PERSON, TEXT), "email": TEXT,
        "age": INTEGER, "weight": INTEGER,
        "address": {"type": "object", "properties": dict.fromkeys(ADDRESS, TEXT)},
    },
    "purchases": {
        "id": INTEGER, "product_id": INTEGER, "user_id": INTEGER, "added_to_cart_at": MOMENT, "purchased_at": MOMENT,
        "returned_at": MOMENT, "created_at": MOMENT, "updated_at": MOMENT,
    },
}  # fmt: skip

FLAT = {"id": INTEGER, "a": TEXT, "b": TEXT, "c": {"type": "number"}, "at": MOMENT}


def row(stream: str, number: int) -> dict[str, Any]:
    """A record of a stream."""
    if stream == "users":
        address = dict.fromkeys(ADDRESS, "Cedar Rapids") | {"street_number": str(number % 1000)}
        moments = {"created_at": "2026-01-02T03:04:05+00:00", "updated_at": f"2026-02-{number % 28 + 1:02}T03:04:05Z"}
        person = {**PERSON, "email": f"unplanned{number}@example.invalid", "age": number % 80, "weight": number % 40}
        return {"id": number, **moments, **person, "address": address}
    moments = {"added_to_cart_at": "2026-01-02T03:04:05+00:00", "created_at": "2026-01-02T03:04:05+00:00"}
    return {
        "id": number, "product_id": number % 100, "user_id": number % 1000, **moments, "returned_at": None,
        "purchased_at": None if number % 3 else "2026-01-03T03:04:05+00:00", "updated_at": "2026-01-02T03:04:05+00:00",
    }  # fmt: skip


def flat(number: int, **values: Any) -> dict[str, Any]:
    """A record of five plain columns, about 430 bytes as a line."""
    text = "some words here and some more " * 5
    return {"id": number, "a": text, "b": text, "c": number / 3, "at": "2026-01-02T03:04:05Z", **values}


def record(stream: str, data: dict[str, Any]) -> str:
    """A record as a line."""
    message = {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1700000000000}}
    return json.dumps(message, separators=(",", ":")) + "\n"


def state(stream: str, number: int) -> str:
    """A state as a line."""
    inner = {"stream_descriptor": {"name": stream}, "stream_state": {"id": number}}
    return json.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": inner}}, separators=(",", ":")) + "\n"


def mixed(rows_each: int) -> Iterator[str]:
    """Both streams in turn, 1,000 records at a time."""
    for begin in range(0, rows_each, 1000):
        for stream in SCHEMAS:
            for number in range(begin, min(rows_each, begin + 1000)):
                yield record(stream, row(stream, number))
            yield state(stream, begin)


def write(path: Path, lines: Iterator[str]) -> Path:
    """The lines in a file."""
    with path.open("w") as file:
        file.writelines(lines)
    return path
