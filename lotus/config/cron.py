"""Quartz cron, as Airbyte takes it: checked, and its next runs.

`cronsim` computes the times; what differs between Quartz and Unix cron is translated here: days of the week count
from 1 (Sunday), `?` stands for "no opinion", `W`, `L-3` and years exist. Airbyte adds rules of its own: the first
field, seconds, is one number, and with 7 fields the second one too; the zone is UTC.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

_NAMES = ("second", "minute", "hour", "day of month", "month", "day of week", "year")
_LIMITS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2099))
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = {n: i for i, n in enumerate(_MONTH_NAMES, 1)}
_DAYS = {n: i for i, n in enumerate(_DAY_NAMES, 1)}
_DAY, _MONTH, _WEEKDAY, _YEAR = 3, 4, 5, 6
_HORIZON = timedelta(days=366 * 30)


class CronError(ValueError):
    """The expression is no Quartz cron that Airbyte takes; `fix` says what to write."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.fix = fix


class Cron:
    """A checked Quartz cron expression in UTC.

    Example:
        >>> [str(t) for t in Cron("0 30 6 ? * MON").runs(datetime(2026, 11, 20, tzinfo=UTC), 1)]
        ['2026-11-23 06:30:00+00:00']

    Raises:
        CronError: with the reason and what to write instead.
    """

    def __init__(self, expression: str) -> None:
        text = " ".join(expression.split())
        # Airbyte answers `<expression> UTC` and strips it from what it is given.
        text = text.removesuffix(" UTC")
        self.expression = text
        fields = text.upper().split(" ")
        _check_count(fields, text)
        if len(fields) == 6:
            fields.append("*")
        for index, field in enumerate(fields):
            _check_field(index, field)
        _check_airbyte(fields, len(text.split(" ")))
        self._fields = fields

    def runs(self, after: datetime, count: int = 5) -> list[datetime]:
        """The next runs after a time, at most `count`; fewer when the expression ends."""
        found: list[datetime] = []
        for run in self._all(after.astimezone(UTC)):
            if len(found) == count or run - after > _HORIZON:
                break
            found.append(run)
        return found

    def _all(self, after: datetime) -> Iterator[datetime]:
        fields = self._fields
        times = [_names_to_numbers(fields[i], {}) for i in range(3)]
        months = _names_to_numbers(fields[_MONTH], _MONTHS)
        years = None if fields[_YEAR] in ("*", "?") else _years(fields[_YEAR])
        if years:
            after = max(after, datetime(min(years), 1, 1, tzinfo=UTC) - timedelta(seconds=1))
        try:
            if _special_day(fields[_DAY]):
                runs = _special_runs(times, fields[_DAY], CronSim(" ".join([*times, "*", months, "*"]), after))
            else:
                day = "*" if fields[_DAY] == "?" else fields[_DAY]
                runs = CronSim(" ".join([*times, day, months, _to_unix_weekdays(fields[_WEEKDAY])]), after)
            for run in runs:
                if run - after > _HORIZON or (years and run.year > max(years)):
                    return
                if years is None or run.year in years:
                    yield run
        except CronSimError as error:
            raise CronError(f"the expression never matches: {error}") from error


def _special_runs(times: list[str], field: str, months: CronSim) -> Iterator[datetime]:
    """Runs on a day that cronsim does not know (15W, L-3): month by month, on the day that it is there."""
    after, month = months.dt, months.dt.replace(day=1, hour=0, minute=0, second=0)
    end = after + _HORIZON
    while month < end:
        day = _day_of(field, month) if month.month in months.months else None
        if day:
            start = max(after, month - timedelta(seconds=1))
            for run in CronSim(" ".join([*times, str(day), str(month.month), "*"]), start):
                if (run.year, run.month) != (month.year, month.month):
                    break
                yield run
        month = (month + timedelta(days=32)).replace(day=1)


def _check_count(fields: list[str], text: str) -> None:
    if text.startswith("@"):
        raise CronError(f'"{text}" is no Quartz cron', 'hourly is "0 0 * * * ?"')
    if len(fields) == 5:
        minute, hour, day, month, weekday = fields
        if weekday in ("*", "?"):
            suggestion = f"0 {minute} {hour} {day} {month} ?"
        else:
            # Unix counts days of the week from 0 (Sunday), Quartz from 1: names are the same in both.
            named = re.sub(r"(?<![/#0-9])[0-7]", lambda m: _DAY_NAMES[int(m.group()) % 7], weekday)
            suggestion = f"0 {minute} {hour} ? {month} {named}"
        what = "this is Unix cron with 5 fields; Airbyte takes Quartz cron with 6, seconds first"
        raise CronError(what, f'write "{suggestion}"')
    if len(fields) not in (6, 7):
        zone = re.fullmatch(r"[A-Z]+(/[A-Z_]+)*", fields[-1])
        if len(fields) == 8 or (zone and len(fields) > 6):
            raise CronError("the schedule has more than 7 fields", "Airbyte's schedules are in UTC, without a zone")
        raise CronError(
            f"the schedule has {len(fields)} field{'s' if len(fields) != 1 else ''}; Quartz cron has 6 or 7",
            'second minute hour day-of-month month day-of-week [year], hourly is "0 0 * * * ?"',
        )
    if len(fields) == 7 and re.fullmatch(r"[A-Z]+(/[A-Z_]+)+|[A-Z]{3,4}", fields[6]):
        raise CronError(f'"{text.split(" ")[6]}" is a time zone; Airbyte takes UTC only', "write the hours in UTC")


_ATOM = r"(?:[0-9]+|[A-Z]{3})"
_TERM = re.compile(rf"(?:\*|{_ATOM}(?:-{_ATOM})?)(?:/[0-9]+)?")


def _check_field(index: int, field: str) -> None:
    name = _NAMES[index]
    if index == _DAY and (field in ("?", "L", "LW") or _special_day(field)):
        number = re.search(r"[0-9]+", field)
        if number and not 1 <= int(number.group()) <= (31 if "W" in field else 30):
            raise CronError(f'{name} "{field}" does not exist', "days are 1 to 31")
        return
    if index == _WEEKDAY and (field in ("?", "L") or re.fullmatch(rf"{_ATOM}(?:L|#[1-5])", field)):
        if field not in ("?", "L"):
            _number(index, re.split(r"L$|#", field)[0])
        return
    if field == "?":
        raise CronError(f'"?" cannot stand for the {name}', 'only day of month or day of week may be "?"')
    for term in field.split(","):
        if not _TERM.fullmatch(term):
            raise CronError(f'"{term}" is no {name}', _shape(index))
        base, _, step = term.partition("/")
        if step and int(step) == 0:
            raise CronError(f'"{term}" has a step of 0', "a step is at least 1")
        if base != "*":
            bounds = [_number(index, part) for part in base.split("-")]
            if len(bounds) == 2 and bounds[0] > bounds[1] and index == _YEAR:
                raise CronError(f'"{term}" ends before it begins', "write the smaller year first")


def _number(index: int, text: str) -> int:
    names = _MONTHS if index == _MONTH else _DAYS if index == _WEEKDAY else {}
    low, high = _LIMITS[index]
    value = names[text] if text in names else int(text) if text.isdigit() else -1
    if not low <= value <= high:
        raise CronError(f'{_NAMES[index]} "{text}" does not exist', _shape(index))
    return value


def _shape(index: int) -> str:
    low, high = _LIMITS[index]
    extra = {_MONTH: " or JAN to DEC", _WEEKDAY: " (1 is Sunday) or SUN to SAT", _DAY: ", L, LW or 15W"}.get(index, "")
    return f"{_NAMES[index]}: {low} to {high}{extra}, *, a-b, a,b or */n"


def _check_airbyte(fields: list[str], written: int) -> None:
    if not fields[0].isdigit():
        raise CronError("the first field, seconds, must be one number", 'write "0" first: Airbyte refuses * there')
    if written == 7 and not fields[1].isdigit():
        raise CronError("with a year, the minute must be one number", "leave the year out, or name one minute")
    if fields[_DAY] != "?" and fields[_WEEKDAY] != "?":
        if fields[_WEEKDAY] == "*":
            raise CronError("day of month and day of week cannot both be given", 'write "?" for the day of week')
        if fields[_DAY] == "*":
            raise CronError("day of month and day of week cannot both be given", 'write "?" for the day of month')
        raise CronError("Quartz takes a day of month or a day of week, not both", 'write "?" for one of them')
    if fields[_DAY] == "?" and fields[_WEEKDAY] == "?":
        raise CronError('day of month and day of week cannot both be "?"', 'write "*" for the day of month')


def _special_day(field: str) -> bool:
    return bool(re.fullmatch(r"L-[0-9]{1,2}W?|[0-9]{1,2}W", field))


def _day_of(field: str, month: datetime) -> int | None:
    """The day that 15W (the working day nearest the 15th) or L-3 is in a month, if there is one."""
    last = calendar.monthrange(month.year, month.month)[1]
    day = last - int(field[2:].rstrip("W")) if field.startswith("L-") else int(field.rstrip("W"))
    if not 1 <= day <= last:
        return None
    if field.endswith("W"):
        weekday = calendar.weekday(month.year, month.month, day)
        if weekday == 5:
            day += -1 if day > 1 else 2
        elif weekday == 6:
            day += 1 if day < last else -2
    return day


def _names_to_numbers(field: str, names: dict[str, int]) -> str:
    field = re.sub(r"[A-Z]{3}", lambda m: str(names[m.group()]), field)
    return ",".join(_unwrapped(term, names) for term in field.split(","))


def _unwrapped(term: str, names: dict[str, int]) -> str:
    """Quartz lets ranges run over the end (22-2); cronsim does not."""
    match = re.fullmatch(r"([0-9]+)-([0-9]+)(/[0-9]+)?", term)
    if not match or int(match.group(1)) <= int(match.group(2)):
        return term
    low, high = int(match.group(1)), int(match.group(2))
    first, last = (1, 12) if names else (0, 59 if low > 23 or high > 23 else 23)
    numbers = [*range(low, last + 1), *range(first, high + 1)]
    return ",".join(str(n) for n in numbers[:: int(match.group(3)[1:]) if match.group(3) else 1])


def _to_unix_weekdays(field: str) -> str:
    if field in ("?", "*"):
        return "*"
    if field == "L":
        return "6"
    terms: list[str] = []
    for term in field.split(","):
        number = re.sub(r"[A-Z]{3}", lambda m: str(_DAYS[m.group()]), term)
        last = re.fullmatch(r"([1-7])(L|#[1-5])", number)
        span = re.fullmatch(r"(\*|[1-7])(?:-([1-7]))?(?:/([0-9]+))?", number)
        if last:
            terms.append(f"{int(last.group(1)) - 1}{last.group(2)}")
        elif span:
            low = 1 if span.group(1) == "*" else int(span.group(1))
            high = int(span.group(2) or (7 if span.group(3) else low))
            days = list(range(low, high + 1)) if low <= high else [*range(low, 8), *range(1, high + 1)]
            terms += [str(d - 1) for d in days[:: int(span.group(3) or 1)]]
    return ",".join(terms)


def _years(field: str) -> set[int]:
    found: set[int] = set()
    for term in field.split(","):
        base, _, step = term.partition("/")
        low, _, high = base.partition("-")
        first = 1970 if low == "*" else int(low)
        last = int(high) if high else 2099 if step or low == "*" else first
        found.update(range(first, last + 1, int(step or 1)))
    return found
