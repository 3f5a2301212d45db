"""The next runs of a Quartz cron expression in a time zone.

`pulumi_airbyte.quartz` says what is one and `cronsim` computes the times; what differs between Quartz and Unix cron is
translated here: days of the week count from 1 (Sunday), `?` stands for "no opinion", `W`, `L-3` and years exist.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pulumi_airbyte.quartz import DAY, DAYS, MONTH, MONTHS, WEEKDAY, YEAR, CronError, checked_fields, is_special_day

_HORIZON = timedelta(days=366 * 30)


class Cron:
    """A checked Quartz cron expression, and the zone whose clock it goes by.

    Example:
        >>> [str(t) for t in Cron("0 30 6 ? * MON").runs(datetime(2026, 11, 20, tzinfo=UTC), 1)]
        ['2026-11-23 06:30:00+00:00']

    Raises:
        CronError: with the reason and what to write instead.
    """

    def __init__(self, expression: str, zone: str = "UTC") -> None:
        # Airbyte answers `<expression> UTC` and strips it from what it is given.
        self.expression = " ".join(expression.split()).removesuffix(" UTC")
        self._fields = checked_fields(self.expression)
        self._zone = UTC if zone == "UTC" else ZoneInfo(zone)

    def runs(self, after: datetime, count: int = 5) -> list[datetime]:
        """The next runs after a time, in UTC, at most `count`; fewer when the expression ends."""
        next_runs: list[datetime] = []
        for run in self._all(after.astimezone(self._zone)):
            if len(next_runs) == count or run - after > _HORIZON:
                break
            next_runs.append(run.astimezone(UTC))
        return next_runs

    def _all(self, after: datetime) -> Iterator[datetime]:
        fields = self._fields
        times = [_names_to_numbers(fields[i], {}) for i in range(3)]
        months = _names_to_numbers(fields[MONTH], MONTHS)
        years = None if fields[YEAR] in ("*", "?") else _years(fields[YEAR])
        if years:
            after = max(after, datetime(min(years), 1, 1, tzinfo=self._zone) - timedelta(seconds=1))
        try:
            if is_special_day(fields[DAY]):
                runs = _special_runs(times, fields[DAY], CronSim(" ".join([*times, "*", months, "*"]), after))
            else:
                day = "*" if fields[DAY] == "?" else fields[DAY]
                runs = CronSim(" ".join([*times, day, months, _to_unix_weekdays(fields[WEEKDAY])]), after)
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
    first, last = (0, 23)
    if names:
        first, last = (1, 12)
    elif max(low, high) > 23:
        first, last = (0, 59)
    numbers = [*range(low, last + 1), *range(first, high + 1)]
    return ",".join(str(n) for n in numbers[:: int(match.group(3)[1:]) if match.group(3) else 1])


def _to_unix_weekdays(field: str) -> str:
    if field in ("?", "*"):
        return "*"
    if field == "L":
        return "6"
    terms: list[str] = []
    for term in field.split(","):
        number = re.sub(r"[A-Z]{3}", lambda m: str(DAYS[m.group()]), term)
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
    years: set[int] = set()
    for term in field.split(","):
        base, _, step = term.partition("/")
        low, _, high = base.partition("-")
        first = 1970 if low == "*" else int(low)
        last = int(high or first)
        if not high and (step or low == "*"):
            last = 2099
        years.update(range(first, last + 1, int(step or 1)))
    return years
