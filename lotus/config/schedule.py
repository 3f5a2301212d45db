"""When a connection runs: by hand, at the times of a Quartz expression in a zone, or at an interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import available_timezones

from pulumi_airbyte.provider.cron import UTC, interval, without_zone, zone_of
from pulumi_airbyte.quartz import CronError

from lotus.config.cron import Cron
from lotus.config.faults import closest

TimeUnit = Literal["minutes", "hours", "days", "weeks", "months"]
_UNITS: tuple[TimeUnit, ...] = ("minutes", "hours", "days", "weeks", "months")


@dataclass(frozen=True, slots=True)
class Manual:
    """Only when somebody asks."""

    def __str__(self) -> str:
        return "manual"

    def runs(self, _after: datetime, _count: int = 5) -> list[datetime]:
        """None."""
        return []


@dataclass(frozen=True, slots=True)
class QuartzSchedule:
    """At the times of a Quartz expression in a zone."""

    cron: str
    zone: str = UTC

    def __str__(self) -> str:
        return self.cron if self.zone == UTC else f"{self.cron} {self.zone}"

    def runs(self, after: datetime, count: int = 5) -> list[datetime]:
        """The next runs after a time, in UTC."""
        return Cron(self.cron, self.zone).runs(after, count)


@dataclass(frozen=True, slots=True)
class BasicSchedule:
    """So long after the last run."""

    units: int
    time_unit: TimeUnit

    def __str__(self) -> str:
        return f"every {self.units} {self.time_unit if self.units > 1 else self.time_unit[:-1]}"

    @property
    def basic_timing(self) -> str:
        """The interval as Airbyte's public API writes it."""
        return f"Every {self.units} {self.time_unit.upper()}"

    def runs(self, _after: datetime, _count: int = 5) -> list[datetime]:
        """Unknown: they depend on the last one."""
        return []


Schedule = Manual | QuartzSchedule | BasicSchedule


def schedule_of_text(text: str) -> Manual | QuartzSchedule:
    """The schedule that a text means.

    Raises:
        CronError: it is none that Airbyte takes; with what to write instead.
    """
    text = " ".join(text.split())
    if text == "manual":
        return Manual()
    zone = zone_of(text) or UTC
    if zone != UTC and zone not in available_timezones():
        near = closest(zone, sorted(available_timezones()))
        fix = f'did you mean "{near}"?' if near else "write one such as Europe/Berlin, or leave it out for UTC"
        raise CronError(f'"{zone}" is not the name of a time zone', fix)
    return QuartzSchedule(Cron(without_zone(text), zone).expression, zone)


def of_interval(text: str) -> BasicSchedule | None:
    """The interval that a text such as `Every 6 HOURS` or `every 1 hour` means; None if it is not one."""
    match = interval(text)
    if match is None:
        return None
    units, name = match
    return BasicSchedule(units, next(unit for unit in _UNITS if unit == name))
