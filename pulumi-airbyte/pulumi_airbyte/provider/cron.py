"""When a connection runs, as Airbyte takes it: Quartz cron expressions, perhaps in a time zone, and intervals."""

from __future__ import annotations

import re
from difflib import get_close_matches
from zoneinfo import available_timezones

from ..quartz import CronError, checked_fields

UTC = "UTC"
"""The zone of the public API."""


def normalised(expression: str) -> str:
    """The form in which two expressions are compared: Airbyte answers with ` UTC` behind what it was given.

    Example:
        >>> normalised("0 0  3 * * ? UTC")
        '0 0 3 * * ?'
    """
    fields = expression.upper().split()
    if fields and fields[-1] == UTC:
        fields.pop()
    return " ".join(fields)


def zone_of(expression: str) -> str | None:
    """The time zone behind an expression; None for UTC, the only one that the public API takes.

    Example:
        >>> zone_of("0 0 3 * * ? Europe/Berlin")
        'Europe/Berlin'
    """
    fields = expression.split()
    if len(fields) < 7 or fields[-1].upper() == UTC:
        return None
    last = fields[-1]
    return last if last[0].isalpha() else None


def without_zone(expression: str) -> str:
    """The expression alone."""
    fields = expression.split()
    named = zone_of(expression) is not None or (bool(fields) and fields[-1].upper() == UTC)
    return " ".join(fields[:-1] if named else fields)


def fault(expression: str) -> str | None:
    """Why Airbyte would refuse an expression, with or without a zone, or None."""
    zone = zone_of(expression)
    if zone is not None and not _exists(zone):
        close = get_close_matches(zone, available_timezones(), n=1)
        hint = f'; did you mean "{close[0]}"?' if close else ", such as Europe/Berlin"
        return f'"{zone}" is not the name of a time zone{hint}'
    try:
        checked_fields(without_zone(expression))
    except CronError as error:
        return f"{error}; {error.fix}" if error.fix else str(error)
    return None


def _exists(zone: str) -> bool:
    known = available_timezones()
    # A slim image may have no time zones at all: then only Airbyte can tell.
    return not known or zone in known


def interval(timing: str) -> tuple[int, str] | None:
    """Number and unit of a basic schedule, as Airbyte's public API writes it; None if it is not one.

    Example:
        >>> interval("Every 24 HOURS")
        (24, 'hours')
    """
    match = re.fullmatch(r"(?:every\s+)?([1-9]\d*)\s+(minute|hour|day|week|month)s?", timing.strip(), re.IGNORECASE)
    return None if match is None else (int(match[1]), f"{match[2].lower()}s")
