"""When connections are due: Quartz cron and basic schedules.

What has fired is a job in the store, so a restart neither forgets a tick nor fires one twice. Ticks that were missed
(the machine slept, the server was down, the job before ran on) become one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

UNITS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "months": timedelta(days=30),
}
"""Length of a basic schedule's unit; a month is 30 days, as in Airbyte."""

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

HORIZON_YEARS = 30
"""An expression without a tick in so many years has none."""


class ScheduleError(ValueError):
    """A stored schedule cannot be followed."""


def due_at(connection: Mapping[str, Any]) -> int | None:
    """When the connection is due (epoch milliseconds, maybe in the past); None: never.

    The connection is a row of the store with `last_job_at` and `last_tick_at` beside its columns.

    Raises:
        ScheduleError: its cron expression or zone cannot be understood.
    """
    if connection["schedule_type"] == "basic":
        unit = UNITS.get(connection["basic_time_unit"] or "")
        if unit is None or not connection["basic_units"]:
            raise ScheduleError(f"the schedule of connection {connection['name']} has no interval")
        if connection["last_job_at"] is None:
            return int(connection["created_at"])
        return int(connection["last_job_at"]) + int((connection["basic_units"] * unit).total_seconds() * 1000)
    if connection["schedule_type"] != "cron" or not connection["cron_expression"]:
        return None
    since = max(int(connection["last_tick_at"] or 0), int(connection["updated_at"]))
    zone = _zone(connection["cron_time_zone"])
    tick = next(ticks(connection["cron_expression"], datetime.fromtimestamp(since / 1000, zone)), None)
    return None if tick is None else int(tick.timestamp() * 1000)


def ticks(expression: str, after: datetime) -> Iterator[datetime]:
    """The times of a Quartz cron expression after a time, in its zone.

    Raises:
        ScheduleError: it is not one.

    Example:
        >>> next(ticks("0 30 6 ? * MON-FRI", datetime(2026, 11, 21, tzinfo=UTC))).isoformat()
        '2026-11-23T06:30:00+00:00'
    """
    fields = expression.upper().removesuffix(" UTC").split()
    if len(fields) not in (6, 7):
        raise ScheduleError(f"a cron expression has 6 or 7 fields, not {len(fields)}: {expression}")
    second, minute, hour, day, month, weekday = fields[:6]
    years = _numbers(fields[6], 1970, 2099) if len(fields) == 7 and fields[6] != "*" else None
    nearest = re.fullmatch(r"(\d+)W|L-(\d+)", day)
    translated = [
        _translated(second, 0, 59),
        _translated(minute, 0, 59),
        _translated(hour, 0, 23),
        "*" if nearest or day == "?" else day if "L" in day else _translated(day, 1, 31),
        _translated(month, 1, 12, _MONTHS, 1),
        _weekdays(weekday),
    ]
    try:
        found = CronSim(" ".join(translated), after)
        last = after + timedelta(days=365 * HORIZON_YEARS)
        for tick in found:
            if tick > last:
                return
            if years is not None and tick.year not in years:
                continue
            if nearest is None or tick.day == _special_day(nearest, tick):
                yield tick
    except CronSimError as error:
        raise ScheduleError(f"{expression} is not a cron expression: {error}") from error


def _zone(name: str | None) -> tzinfo:
    if not name or name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleError(f"{name} is not a time zone") from error


def _translated(text: str, lowest: int, highest: int, names: tuple[str, ...] = (), first: int = 0) -> str:
    if text in ("*", "?"):
        return "*"
    return ",".join(str(number) for number in sorted(_numbers(text, lowest, highest, names, first)))


def _numbers(text: str, lowest: int, highest: int, names: tuple[str, ...] = (), first: int = 0) -> set[int]:
    """Every value of a field: lists, ranges (also around the end), steps."""
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        begin_text, _, end_text = span.partition("-")
        try:
            begin = lowest if span == "*" else _number(begin_text, names, first)
            if span == "*" or (step and not end_text):
                end = highest
            else:
                end = _number(end_text, names, first) if end_text else begin
            every = int(step) if step else 1
        except ValueError:
            raise ScheduleError(f"{text} is not a field of a cron expression") from None
        if end < begin:
            end += highest - lowest + 1
        values |= {(n - lowest) % (highest - lowest + 1) + lowest for n in range(begin, end + 1, max(1, every))}
    return values


def _number(text: str, names: tuple[str, ...], first: int) -> int:
    return names.index(text) + first if text in names else int(text)


def _weekdays(text: str) -> str:
    """Quartz counts days of the week from 1 = Sunday, cron from 0."""
    if text in ("*", "?"):
        return "*"
    if text == "L":
        return "6"
    if match := re.fullmatch(r"(\w+?)(L|#[1-5])", text):
        return f"{_number(match[1], _DAYS, 1) - 1}{match[2]}"
    return ",".join(str(number - 1) for number in sorted(_numbers(text, 1, 7, _DAYS, 1)))


def _special_day(match: re.Match[str], at: datetime) -> int:
    """`15W`: the weekday nearest to the 15th within its month; `L-3`: three days before the last."""
    following = (at.replace(day=28) + timedelta(days=4)).replace(day=1)
    last = (following - timedelta(days=1)).day
    if match[2]:
        return last - int(match[2])
    day = int(match[1])
    if day > last:
        return 0
    weekday = at.replace(day=day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day
