"""Quartz cron expressions, as Airbyte takes them: what is one, and why not.

6 or 7 fields: second, minute, hour, day of month, month, day of week (from 1, Sunday), year. Airbyte adds rules of its
own: the first field, seconds, is one number, and with 7 fields the second one too.
See docs/airbyte-behaviour.md#schedules.
"""

from __future__ import annotations

import re

_FIELDS = ("second", "minute", "hour", "day of month", "month", "day of week", "year")
_LIMITS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2099))
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = {n: i for i, n in enumerate(_MONTH_NAMES, 1)}
DAYS = {n: i for i, n in enumerate(_DAY_NAMES, 1)}
DAY, MONTH, WEEKDAY, YEAR = 3, 4, 5, 6
_NUMBERS = {MONTH: MONTHS, WEEKDAY: DAYS}
"""The names that a field takes in place of numbers."""


class CronError(ValueError):
    """The expression is not a Quartz cron expression that Airbyte takes; `fix` says what to write."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


def checked_fields(expression: str) -> list[str]:
    """The seven fields of an expression without a zone, in capitals; a year left out is `*`.

    Example:
        >>> checked_fields("0 30 6 ? * mon")
        ['0', '30', '6', '?', '*', 'MON', '*']

    Raises:
        CronError: with the reason and what to write instead.
    """
    text = " ".join(expression.split())
    fields = text.upper().split(" ")
    written = len(fields)
    _check_count(fields, text)
    if written == 6:
        fields.append("*")
    for index, field in enumerate(fields):
        _check_field(index, field)
    _check_airbyte(fields, written)
    return fields


def _check_count(fields: list[str], text: str) -> None:
    if text.startswith("@"):
        raise CronError(f'"{text}" is not a Quartz cron expression', 'hourly is "0 0 * * * ?"')
    if len(fields) == 5:
        message = "this is Unix cron with 5 fields; Airbyte takes Quartz cron with 6, seconds first"
        raise CronError(message, f'write "{_from_unix(*fields)}"')
    if len(fields) not in (6, 7):
        zone = re.fullmatch(r"[A-Z]+(/[A-Z_]+)*", fields[-1])
        if len(fields) == 8 or (zone and len(fields) > 6):
            raise CronError("the schedule has more than 7 fields", "Airbyte's schedules are in UTC, without a zone")
        raise CronError(
            f"the schedule has {len(fields)} {'field' if len(fields) == 1 else 'fields'}; Quartz cron has 6 or 7",
            'second minute hour day-of-month month day-of-week [year], hourly is "0 0 * * * ?"',
        )
    if len(fields) == 7 and re.fullmatch(r"[A-Z]+(/[A-Z_]+)+|[A-Z]{3,4}", fields[6]):
        raise CronError(f'"{text.split(" ")[6]}" is a time zone; Airbyte takes UTC only', "write the hours in UTC")


def _from_unix(minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    """The Quartz expression for a Unix one."""
    if weekday in ("*", "?"):
        return f"0 {minute} {hour} {day} {month} ?"
    # Unix counts days of the week from 0 (Sunday), Quartz from 1: names are the same in both.
    weekdays = re.sub(r"(?<![/#0-9])[0-7]", lambda m: _DAY_NAMES[int(m.group()) % 7], weekday)
    return f"0 {minute} {hour} ? {month} {weekdays}"


_ATOM = r"(?:[0-9]+|[A-Z]{3})"
_TERM = re.compile(rf"(?:\*|{_ATOM}(?:-{_ATOM})?)(?:/[0-9]+)?")


def _check_field(index: int, field: str) -> None:
    if index == DAY and (field in ("?", "L", "LW") or is_special_day(field)):
        _check_special_day(field)
        return
    if index == WEEKDAY and (field in ("?", "L") or re.fullmatch(rf"{_ATOM}(?:L|#[1-5])", field)):
        if field not in ("?", "L"):
            _number(index, re.split(r"L$|#", field)[0])
        return
    if field == "?":
        raise CronError(f'"?" is not allowed for the {_FIELDS[index]}', 'only day of month or day of week may be "?"')
    for term in field.split(","):
        _check_term(index, term)


def _check_special_day(field: str) -> None:
    number = re.search(r"[0-9]+", field)
    if number and not 1 <= int(number.group()) <= (31 if "W" in field else 30):
        raise CronError(f'{_FIELDS[DAY]} "{field}" does not exist', "days are 1 to 31")


def _check_term(index: int, term: str) -> None:
    if not _TERM.fullmatch(term):
        raise CronError(f'"{term}" is not a {_FIELDS[index]}', _shape(index))
    base, _, step = term.partition("/")
    if step and int(step) == 0:
        raise CronError(f'"{term}" has a step of 0', "write a step of at least 1")
    if base == "*":
        return
    bounds = [_number(index, part) for part in base.split("-")]
    if len(bounds) == 2 and bounds[0] > bounds[1] and index == YEAR:
        raise CronError(f'"{term}" ends before it begins', "write the smaller year first")


def _number(index: int, text: str) -> int:
    low, high = _LIMITS[index]
    value = int(text) if text.isdigit() else _NUMBERS.get(index, {}).get(text)
    if value is None or not low <= value <= high:
        raise CronError(f'{_FIELDS[index]} "{text}" does not exist', _shape(index))
    return value


def _shape(index: int) -> str:
    low, high = _LIMITS[index]
    extra = {MONTH: " or JAN to DEC", WEEKDAY: " (1 is Sunday) or SUN to SAT", DAY: ", L, LW or 15W"}.get(index, "")
    return f"{_FIELDS[index]}: {low} to {high}{extra}, *, a-b, a,b or */n"


def _check_airbyte(fields: list[str], written: int) -> None:
    if not fields[0].isdigit():
        raise CronError("the first field, seconds, must be one number", 'write "0" first: Airbyte refuses * there')
    if written == 7 and not fields[1].isdigit():
        raise CronError("with a year, the minute must be one number", "leave the year out, or name one minute")
    if fields[DAY] != "?" and fields[WEEKDAY] != "?":
        if fields[WEEKDAY] == "*":
            raise CronError("day of month and day of week cannot both be given", 'write "?" for the day of week')
        if fields[DAY] == "*":
            raise CronError("day of month and day of week cannot both be given", 'write "?" for the day of month')
        raise CronError("Quartz takes a day of month or a day of week, not both", 'write "?" for one of them')
    if fields[DAY] == "?" and fields[WEEKDAY] == "?":
        raise CronError('day of month and day of week cannot both be "?"', 'write "*" for the day of month')


def is_special_day(field: str) -> bool:
    """Whether a day of month is one that only Quartz knows, such as `15W` or `L-3`."""
    return bool(re.fullmatch(r"L-[0-9]{1,2}W?|[0-9]{1,2}W", field))
