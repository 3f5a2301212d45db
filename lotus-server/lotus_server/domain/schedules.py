"""When connections are due: Quartz cron and basic schedules.

A tick that has fired is a job in the store, and the time of the next one is stored with it, so a restart neither
forgets a tick nor fires one twice. Ticks that were missed (the machine slept, the server was down, the job before
still ran) become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lotus_server.domain.cron import CronError, ticks

UNITS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "months": timedelta(days=30),
}
"""Length of a basic schedule's unit (docs/airbyte-behaviour.md#schedules)."""


class ScheduleError(ValueError):
    """A stored schedule cannot be followed."""


@dataclass(frozen=True)
class ConnectionSchedule:
    """What of a connection says when it is due; times in epoch milliseconds."""

    name: str
    schedule_type: str
    cron_expression: str | None
    cron_time_zone: str | None
    basic_units: int | None
    basic_time_unit: str | None
    created_at: int
    last_job_at: int | None


def next_run(schedule: ConnectionSchedule, now: int) -> int | None:
    """When the connection is due next (epoch milliseconds); None: never.

    A cron expression counts from now on. A basic schedule counts from the last job, and may be overdue.

    Raises:
        ScheduleError: its cron expression or zone cannot be understood.
    """
    if schedule.schedule_type == "basic":
        return _interval_run(schedule, now)
    if schedule.schedule_type == "cron" and schedule.cron_expression:
        return _cron_run(schedule.cron_expression, schedule.cron_time_zone, now)
    return None


def _interval_run(schedule: ConnectionSchedule, now: int) -> int:
    unit = UNITS.get(schedule.basic_time_unit or "")
    if unit is None or not schedule.basic_units:
        raise ScheduleError(f"the schedule of connection {schedule.name} has no interval")
    if schedule.last_job_at is None:
        return schedule.created_at
    # A job of the future is one of a clock that was set back since: the interval begins now.
    return min(schedule.last_job_at, now) + int((schedule.basic_units * unit).total_seconds() * 1000)


def _cron_run(expression: str, zone: str | None, now: int) -> int | None:
    try:
        tick = next(ticks(expression, datetime.fromtimestamp(now / 1000, _zone(zone))), None)
    except CronError as error:
        raise ScheduleError(f"{expression} cannot be followed: {error}") from error
    return None if tick is None else int(tick.timestamp() * 1000)


def _zone(name: str | None) -> tzinfo:
    if not name or name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleError(f"{name} is not a time zone") from error
