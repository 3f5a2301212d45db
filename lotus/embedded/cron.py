"""Quartz cron expressions, as Airbyte accepts them (airbyte-api.md, section c, "schedule").

Six or seven fields: second, minute, hour, day of month, month, day of week and, optionally, year. The scheduler
computes times; this file says whether an expression is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class CronError(ValueError):
    """The expression is not a Quartz cron expression; the text says which field and why."""


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()
    first_name: int = 0
    day: bool = False  # days have `?`, L, W and #


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31, day=True),
    _Field("month", 1, 12, MONTHS, 1),
    _Field("day of week", 1, 7, DAYS, 1, day=True),
    _Field("year", 1970, 2099),
)


def normalised(expression: str) -> str:
    """The expression with single spaces and without a trailing ``UTC``, the one zone that there is.

    Raises:
        CronError: it is not a Quartz expression, or it names another zone.

    Example:
        >>> normalised("0 0 */6 * * ? UTC")
        '0 0 */6 * * ?'
    """
    fields = expression.split()
    if fields and fields[-1] == "UTC":
        fields.pop()
    if not 6 <= len(fields) <= 7:
        raise CronError(
            f"Cron expression contains {len(fields)} parts but we expect one of [6, 7] "
            "(second minute hour day-of-month month day-of-week [year]); UTC is the only time zone"
        )
    for text, field in zip(fields, _FIELDS, strict=False):
        for part in text.upper().split(","):
            _check_part(part, field, text)
    if (fields[3] == "?") == (fields[5] == "?"):
        raise CronError("exactly one of day of month and day of week must be `?`")
    return " ".join(fields)


def _check_part(part: str, field: _Field, text: str) -> None:
    if field.day and _is_day_word(part, field):
        return
    span, slash, step = part.partition("/")
    if slash and not (step.isdigit() and int(step) > 0):
        raise CronError(f'"{text}" is no {field.name}: the step after / must be a positive number')
    if span == "*":
        return
    bounds = span.split("-")
    if len(bounds) > 2 or not all(_is_value(bound, field) for bound in bounds):
        raise CronError(
            f'"{text}" is no {field.name}: expected {field.lowest}-{field.highest}, *, lists, ranges or steps'
        )


def _is_value(text: str, field: _Field) -> bool:
    if text in field.names:
        return True
    return text.isascii() and text.isdigit() and field.lowest <= int(text) <= field.highest


def _is_day_word(part: str, field: _Field) -> bool:
    if part == "?":
        return True
    if field.name == "day of month":
        return re.fullmatch(r"L|LW|L-([1-9]|[12]\d|30)|([1-9]|[12]\d|3[01])W", part) is not None
    days = "|".join((*DAYS, "[1-7]"))
    return re.fullmatch(rf"L|({days})L|({days})#[1-5]", part) is not None


def starts_with_numbers(expression: str) -> bool:
    """Whether the seconds (with seven fields also the minutes) are one number, which Airbyte insists on."""
    fields = expression.split()
    return all(field.isascii() and field.isdigit() for field in fields[: 2 if len(fields) == 7 else 1])
