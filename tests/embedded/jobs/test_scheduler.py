"""Schedules: Quartz expressions and what they make of connections."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lotus.embedded.scheduler import ScheduleError, due_at, ticks
from lotus.embedded.store import job_history
from lotus.embedded.store import jobs as stored

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
    with pytest.raises(ScheduleError, match="6 or 7 fields"):
        next(ticks("* * * * *", START))
    with pytest.raises(ScheduleError):
        next(ticks("0 0 frog * * ?", START))


def test_a_basic_schedule_counts_from_the_last_job() -> None:
    """Every 24 hours after the last job; at once if there was none."""
    row = {"schedule_type": "basic", "basic_units": 24, "basic_time_unit": "hours", "created_at": 5, "name": "x"}
    assert due_at({**row, "last_job_at": None}) == 5
    assert due_at({**row, "last_job_at": 1000}) == 1000 + 86_400_000


@pytest.mark.slow
def test_each_tick_fires_once_over_restarts(lake: Any, configured: Any, tmp_path: Path) -> None:
    """A connection that is due every 2 s gets one job a tick at most, although the server restarts all the time."""
    schedule = {"schedule_type": "cron", "cron_expression": "0/2 * * * * ?"}

    async def scenario() -> list[int]:
        script = [["records", "orders", 1, 1]]
        async with lake() as it:
            connection = it.scripted(script, [configured()], folder=tmp_path / "out", **schedule)
        which = job_history.JobFilter(connection_ids=[connection])
        until = time.monotonic() + 120
        made: list[int] = []
        while len(made) < 5 and time.monotonic() < until:
            async with lake() as it:
                begun = time.monotonic()
                # A tick that comes while a job is open is skipped: the server lives until the job has ended.
                while (time.monotonic() < begun + 2.5 or await it.store.read(stored.open_jobs)) and (
                    time.monotonic() < until
                ):
                    await asyncio.sleep(0.1)
                made = [job.created_at for job in await it.store.read(job_history.listed, which)]
        return made

    made = asyncio.run(scenario())
    assert len({at // 2000 for at in made}) == len(made), json.dumps(made)
    assert len(made) >= 5
