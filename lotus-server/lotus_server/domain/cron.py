"""Quartz cron expressions: whether Airbyte accepts one (docs/airbyte-behaviour.md#schedules), and when it fires.

Six or seven fields: second, minute, hour, day of month, month, day of week and, optionally, year. `cronsim` computes
the times; what Quartz has and Unix cron has not (`W`, `L-3`, years, days of the week from 1 = Sunday) is translated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

HORIZON_YEARS = 30
"""An expression without a tick in so many years has none."""

_SPECIAL_DAY = re.compile(r"(\d+)W|L-(\d+)")


class CronError(ValueError):
    """The expression is not a Quartz cron expression; the text says which field and why."""


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()
    """Names of the values, from the lowest on."""
    words: str = r"(?!)"
    """A pattern of what may be the whole field: `?`, L, W and # of the two day fields."""

    def number(self, text: str) -> int:
        """The value of a number or a name."""
        return self.names.index(text) + self.lowest if text in self.names else int(text)

    def numbers(self, text: str) -> set[int]:
        """Every value of a checked field: lists, ranges (also around the end), steps."""
        size = self.highest - self.lowest + 1
        values: set[int] = set()
        for part in text.split(","):
            begin, end, step = self._range(part)
            values |= {(number - self.lowest) % size + self.lowest for number in range(begin, end + 1, step)}
        return values

    def _range(self, part: str) -> tuple[int, int, int]:
        span, _, step = part.partition("/")
        every = int(step or 1)
        if span == "*":
            return self.lowest, self.highest, every
        first, _, last = span.partition("-")
        begin = self.number(first)
        if last:
            end = self.number(last)
        elif step:
            end = self.highest
        else:
            end = begin
        if end < begin:
            end += self.highest - self.lowest + 1
        return begin, end, every


_DAY_OF_MONTH = r"\?|L|LW|L-([1-9]|[12]\d|30)|([1-9]|[12]\d|3[01])W"
_DAY_OF_WEEK = rf"\?|L|({'|'.join(DAYS)}|[1-7])(L|#[1-5])"

_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31, words=_DAY_OF_MONTH),
    _Field("month", 1, 12, MONTHS),
    _Field("day of week", 1, 7, DAYS, words=_DAY_OF_WEEK),
    _Field("year", 1970, 2099),
)
_SECOND, _MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY, _YEAR = range(7)


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
        _check_field(text, field)
    if (fields[_DAY] == "?") == (fields[_WEEKDAY] == "?"):
        raise CronError("exactly one of day of month and day of week must be `?`")
    return " ".join(fields)


def starts_with_numbers(expression: str) -> bool:
    """Whether the seconds (with seven fields also the minutes) are one number, which Airbyte insists on."""
    fields = expression.split()
    return all(field.isascii() and field.isdigit() for field in fields[: 2 if len(fields) == 7 else 1])


def ticks(expression: str, after: datetime) -> Iterator[datetime]:
    """The times of a Quartz cron expression after a time, in its zone.

    Raises:
        CronError: it is not one.

    Example:
        >>> next(ticks("0 30 6 ? * MON-FRI", datetime(2026, 11, 21, tzinfo=UTC))).isoformat()
        '2026-11-23T06:30:00+00:00'
    """
    fields = normalised(expression).upper().split()
    years = _FIELDS[_YEAR].numbers(fields[_YEAR]) if len(fields) == 7 else _horizon(after)
    special_day = _SPECIAL_DAY.fullmatch(fields[_DAY])
    try:
        # Year by year (and, for days that have to be looked up, day by day): what is far off costs no walk to it.
        for year in sorted(year for year in years if year >= after.year):
            if special_day is None:
                yield from _between(_unix(fields), after, datetime(year, 1, 1), datetime(year, 12, 31))
                continue
            for month in sorted(_FIELDS[_MONTH].numbers(fields[_MONTH])):
                first = datetime(year, month, 1)
                if day := _day_of(special_day, first):
                    date = first.replace(day=day)
                    yield from _between(_unix(fields), after, date, date)
    except CronSimError as error:
        raise CronError(f"{expression} is not a cron expression: {error}") from error


def _horizon(after: datetime) -> set[int]:
    """The years in which an expression without years is looked for."""
    return set(range(after.year, after.year + HORIZON_YEARS + 1))


def _between(expression: str, after: datetime, first: datetime, last: datetime) -> Iterator[datetime]:
    """The ticks from one day to another, both included, after a time."""
    begin = first.replace(tzinfo=after.tzinfo) - timedelta(seconds=1)
    end = (last + timedelta(days=1)).replace(tzinfo=after.tzinfo)
    if end <= after:
        return
    for tick in CronSim(expression, max(after, begin)):
        if tick >= end:
            return
        if tick > after:
            yield tick


def _check_field(text: str, field: _Field) -> None:
    if re.fullmatch(field.words, text.upper()):
        return
    for part in text.upper().split(","):
        _check_part(part, field, text)


def _check_part(part: str, field: _Field, text: str) -> None:
    span, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        raise CronError(f'"{text}" is not a {field.name}: the step after / must be a positive number')
    if span == "*":
        return
    bounds = span.split("-")
    if len(bounds) > 2 or not all(_is_value(bound, field) for bound in bounds):
        raise CronError(
            f'"{text}" is not a {field.name}: expected {field.lowest}-{field.highest}, *, lists, ranges or steps'
        )


def _is_value(text: str, field: _Field) -> bool:
    if text in field.names:
        return True
    return text.isascii() and text.isdigit() and field.lowest <= int(text) <= field.highest


def _unix(fields: list[str]) -> str:
    """The expression for `cronsim`; a special day is every day there, and filtered afterwards."""
    translated = [_listed(fields[index], _FIELDS[index]) for index in (_SECOND, _MINUTE, _HOUR, _MONTH)]
    return " ".join([*translated[:3], _unix_day(fields[_DAY]), translated[3], _unix_weekday(fields[_WEEKDAY])])


def _listed(text: str, field: _Field) -> str:
    if text == "*":
        return "*"
    return ",".join(str(number) for number in sorted(field.numbers(text)))


def _unix_day(text: str) -> str:
    if text == "?" or _SPECIAL_DAY.fullmatch(text):
        return "*"
    if text in ("L", "LW"):
        return text
    return _listed(text, _FIELDS[_DAY])


def _unix_weekday(text: str) -> str:
    """Quartz counts days of the week from 1 = Sunday, cron from 0."""
    field = _FIELDS[_WEEKDAY]
    if text in ("*", "?"):
        return "*"
    if text == "L":
        return "6"
    if match := re.fullmatch(r"(\w+?)(L|#[1-5])", text):
        return f"{field.number(match[1]) - 1}{match[2]}"
    return ",".join(str(number - 1) for number in sorted(field.numbers(text)))


def _day_of(special_day: re.Match[str], month: datetime) -> int:
    """`15W`: the weekday nearest to the 15th within its month; `L-3`: three days before the last."""
    following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    last = (following - timedelta(days=1)).day
    if special_day[2]:
        return last - int(special_day[2])
    day = int(special_day[1])
    if day > last:
        return 0
    weekday = month.replace(day=day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day
