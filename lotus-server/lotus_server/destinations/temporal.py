"""Texts as dates, times and timestamps, as Airbyte's destinations read them (docs/api.md#dates-and-times).

Airbyte's pattern is more lenient than ISO 8601: any of four separators, one-digit months and days, two-digit years, a
zone by offset or name. What lotus takes beyond it, and what it leaves out, is in the table of the docs.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_MONTHS = {
    name: number
    for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)  # noqa: SIM905
}
_SEPARATOR = r"-?/?\.? ?"
_DATE = (
    rf"(?P<year>[0-9]{{4}}(?![0-9])|[0-9]{{2}}){_SEPARATOR}"
    rf"(?P<month>[0-9]{{2}}|[0-9](?![0-9])|{'|'.join(_MONTHS)}){_SEPARATOR}"
    r"(?P<day>[0-9]{2}|[0-9](?![0-9]))"
)
_ZONE = r"(?P<zone>[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?|(?!AD)[A-Za-z][A-Za-z0-9_/+:-]*)?"
_CLOCK = (
    rf"(?P<hour>[0-9]{{2}}):(?P<minute>[0-9]{{2}})(?::(?P<second>[0-9]{{2}})\.?(?P<fraction>[0-9]{{1,9}})?)? ?{_ZONE}"
)
_ERA = r"(?: ?AD)? ?"
_DATE_TIME = re.compile(rf"{_DATE}{_ERA}(?P<clock> ?T?{_CLOCK}{_ERA})?")
_TIME = re.compile(_CLOCK)
_OFFSET = re.compile(r"(?:UTC?|GMT)?(?:([+-])([0-9]{2}):?([0-9]{2})?:?([0-9]{2})?)?|[Zz]")
_ABBREVIATIONS = {
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "JST": "Asia/Tokyo",
}
"""Zones by the names that Java knows them by; the daylight saving of the day holds, whichever of the two is written."""


def date_of(text: str) -> date:
    """The day that a text names, whatever time and zone follow it.

    Raises:
        ValueError: it names none.
    """
    match = _matched(_DATE_TIME, text)
    _zone(match["zone"])
    return _midnight(match).date() + timedelta(days=_clock(match) // timedelta(days=1) if match["clock"] else 0)


def timestamp_of(text: str) -> datetime:
    """The moment that a text names, in UTC; UTC where it names no zone.

    Raises:
        ValueError: it names none.
    """
    match = _matched(_DATE_TIME, text)
    zone = _zone(match["zone"])
    local = _midnight(match) + (_clock(match) if match["clock"] else timedelta(0))
    return local.replace(tzinfo=zone).astimezone(UTC) if zone is not None else local.replace(tzinfo=UTC)


def time_of(text: str) -> time:
    """The time of day that a text names, moved to UTC by an offset.

    Raises:
        ValueError: it names none.
    """
    match = _matched(_TIME, text)
    zone = _zone(match["zone"])
    local = datetime(2000, 1, 2) + _clock(match)
    # The offset of a region depends on the day, which is not known: its time stays as it is.
    offset = zone.utcoffset(None) if isinstance(zone, timezone) else None
    return (local - (offset or timedelta(0))).time()


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError("not a date or time")
    return match


def _midnight(match: re.Match[str]) -> datetime:
    year = int(match["year"])
    month = _MONTHS.get(match["month"]) or int(match["month"])
    day = int(match["day"])
    if len(match["year"]) == 2:
        year += 2000
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        raise ValueError("no such month or day")
    # Java's resolver takes the last day of a month for the days after it up to the 31st.
    return datetime(year, month, min(day, monthrange(year, month)[1]))


def _clock(match: re.Match[str]) -> timedelta:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    microsecond = int((match["fraction"] or "")[:6].ljust(6, "0"))
    end_of_day = (hour, minute, second, microsecond) == (24, 0, 0, 0)
    if not end_of_day and (hour > 23 or minute > 59 or second > 59):
        raise ValueError("no such time")
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microsecond)


def _zone(name: str | None) -> tzinfo | None:
    if not name:
        return None
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        try:
            return ZoneInfo(_ABBREVIATIONS.get(name, name))
        except (KeyError, OSError) as error:
            raise ValueError("no such zone") from error
    sign, hours, minutes, seconds = offset.groups()
    if sign is None:
        return UTC
    difference = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return timezone(-difference if sign == "-" else difference)
