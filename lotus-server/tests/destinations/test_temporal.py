"""Dates and times by the table that Airbyte's own parser has filled, cell by cell."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from lotus_server.destinations.columns import fields_of
from lotus_server.destinations.destination import DestinationStream
from lotus_server.destinations.records import RecordParser
from server_support.cases import cases

SPELLINGS = cases("temporal")
"""A text, and what it is in a column of dates, of date-times, of times (docs/airbyte-behaviour.md#dates-and-times)."""

INTENDED: dict[str, set[str]] = {
    "date-time without a time": {text for text, day, moment, _ in SPELLINGS if day and not moment and ":" not in text},
    "fraction of 1, 2 or 7 to 9 digits": {
        "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.12Z", "2026-01-02T03:04:05.1234567Z",
        "2026-01-02T03:04:05.123456789Z", "03:04:05.1", "03:04:05.123456789",
    },
    "zone after HH:mm": {"2026-01-02T03:04Z", "2026-01-02T03:04+02:00", "03:04Z"},
    "offset of more than 18 hours": {"2026-01-02T03:04:05+19:00"},
    "year before 1 or after 9999": {"2026-01-02 BC", "+12026-01-01T00:00:00Z"},
}  # fmt: skip
"""The differences that docs/api.md names; in all others lotus is Airbyte."""

FORMATS = {"date": 1, "date-time": 2, "time": 3}


def landed(form: str, *texts: str, zoned: bool = True) -> list[Any]:
    """The values of one column, read in one block."""
    kind = {"type": "string", "format": form, "airbyte_type": f"x_with{'' if zoned else 'out'}_timezone"}
    stream = DestinationStream("s", None, "append", fields_of({"properties": {"x": kind}}))
    parser = RecordParser(stream)
    lines = [{"type": "RECORD", "record": {"stream": "s", "data": {"x": text}, "emitted_at": 1}} for text in texts]
    block = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return [value for batch in parser.lines(block) + parser.batches() for value in batch["x"].to_pylist()]


def written(value: Any) -> str | None:
    """A value as Java writes it in the table."""
    if value is None or type(value) is date:
        return value and value.isoformat()
    fraction = f".{value.microsecond:06}" if value.microsecond % 1000 else f".{value.microsecond // 1000:03}"
    tail = fraction if value.microsecond else ""
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None, microsecond=0).isoformat()}{tail}Z"
    assert isinstance(value, time)
    return value.strftime("%H:%M:%S" if value.second or value.microsecond else "%H:%M") + tail


@pytest.mark.parametrize("form", FORMATS)
def test_every_spelling_is_read_as_airbyte_reads_it(form: str) -> None:
    """One at a time, so that each is alone in its block; the intended differences are not in it."""
    different = set().union(*INTENDED.values())
    same = [row for row in SPELLINGS if row[0] not in different]
    assert len(same) >= 80
    assert {row[0]: written(landed(form, row[0])[0]) for row in same} == {row[0]: row[FORMATS[form]] for row in same}


@pytest.mark.parametrize("form", FORMATS)
def test_a_block_of_all_spellings_is_what_each_is_alone(form: str) -> None:
    """What a spelling becomes does not depend on its neighbours."""
    texts = [row[0] for row in SPELLINGS]
    assert landed(form, *texts) == [value for text in texts for value in landed(form, text)]


@pytest.mark.parametrize("text", [row[0] for row in SPELLINGS])
def test_a_block_of_one_spelling_is_what_it_is_alone(text: str) -> None:
    """Arrow's parser, which takes such a block as a whole, agrees with the one for single values."""
    for form in FORMATS:
        assert landed(form, *[text] * 9) == landed(form, text) * 9


def test_the_intended_differences_are_these() -> None:
    """What lotus takes beyond Airbyte, and the years that it leaves out."""
    assert landed("date-time", "2026-01-02", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04+02:00") == [
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 100_000, tzinfo=UTC),
        datetime(2026, 1, 2, 1, 4, tzinfo=UTC),
    ]
    assert landed("time", "03:04Z", "03:04:05.123456789") == [time(3, 4), time(3, 4, 5, 123_456)]
    assert landed("date", "2026-01-02 BC", "+12026-01-01T00:00:00Z") == [None, None]


def test_a_column_without_zone_takes_texts_with_one() -> None:
    """Its offset moves it to UTC, as in Airbyte."""
    text = "2026-01-02T03:04:05+02:00"
    assert landed("date-time", text, zoned=False) == landed("date-time", text)
