"""Quartz expressions: which are accepted, and when they fire."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from lotus_server.domain.cron import CronError, ticks
from lotus_server.errors import BadRequest
from lotus_server.services.connections import cron_schedule
from server_support.cases import cases

START = datetime(2026, 11, 21, 3, 0, 0, tzinfo=UTC)  # a Saturday


def texts(expression: str, count: int = 3, after: datetime = START) -> list[str]:
    return [f"{tick:%Y-%m-%d %H:%M:%S}" for tick, _ in zip(ticks(expression, after), range(count), strict=False)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 */6 * * ?", ["2026-11-21 06:00:00", "2026-11-21 12:00:00", "2026-11-21 18:00:00"]),
        ("0 30 6 ? * MON-FRI", ["2026-11-23 06:30:00", "2026-11-24 06:30:00", "2026-11-25 06:30:00"]),
        ("0 0 0 ? * 1", ["2026-11-22 00:00:00", "2026-11-29 00:00:00", "2026-12-06 00:00:00"]),
        ("0 0 0 ? * FRI-MON", ["2026-11-22 00:00:00", "2026-11-23 00:00:00", "2026-11-27 00:00:00"]),
        ("0 0 0 L * ?", ["2026-11-30 00:00:00", "2026-12-31 00:00:00", "2027-01-31 00:00:00"]),
        ("0 0 0 L-3 * ?", ["2026-11-27 00:00:00", "2026-12-28 00:00:00", "2027-01-28 00:00:00"]),
        ("0 0 0 15W * ?", ["2026-12-15 00:00:00", "2027-01-15 00:00:00", "2027-02-15 00:00:00"]),
        ("0 0 0 ? * 6L", ["2026-11-27 00:00:00", "2026-12-25 00:00:00", "2027-01-29 00:00:00"]),
        ("0 0 0 ? * 2#1", ["2026-12-07 00:00:00", "2027-01-04 00:00:00", "2027-02-01 00:00:00"]),
        ("0 0/20 3 * * ?", ["2026-11-21 03:20:00", "2026-11-21 03:40:00", "2026-11-22 03:00:00"]),
        ("0 0 0 1 JAN ? 2028-2029", ["2028-01-01 00:00:00", "2029-01-01 00:00:00"]),
        ("0 0 0 * * ? UTC", ["2026-11-22 00:00:00", "2026-11-23 00:00:00", "2026-11-24 00:00:00"]),
    ],
)
def test_quartz_expressions_tick_as_in_quartz(expression: str, expected: list[str]) -> None:
    """Days of the week from 1 = Sunday, `?`, L, W, #, steps, names, ranges around the end, years."""
    assert texts(expression) == expected


def test_a_zone_moves_the_ticks() -> None:
    """Ticks are in the zone of the connection; a clock change moves them in UTC."""
    berlin = ZoneInfo("Europe/Berlin")
    first, second = texts("0 0 6 * * ?", 2, datetime(2026, 10, 24, 0, 0, tzinfo=berlin))
    assert (first, second) == ("2026-10-24 06:00:00", "2026-10-25 06:00:00")


def test_what_is_no_expression_is_refused() -> None:
    """The sentence names the fault."""
    with pytest.raises(CronError, match=r"5 parts but we expect one of \[6, 7\]"):
        next(ticks("* * * * *", START))
    with pytest.raises(CronError):
        next(ticks("0 0 frog * * ?", START))


@pytest.mark.parametrize(("expression", "zone", "accepted"), cases("crons"))
def test_an_expression_is_accepted_as_in_the_table(expression: str, zone: str, accepted: bool) -> None:
    """What the API accepts can be followed: the schedule knows its next time, or that there is none."""
    if not accepted:
        with pytest.raises(BadRequest):
            cron_schedule(expression, zone)
        return
    schedule = cron_schedule(expression, zone)
    next(ticks(schedule["cron_expression"], START.astimezone(ZoneInfo(zone))), None)
