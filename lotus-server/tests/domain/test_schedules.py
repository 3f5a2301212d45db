"""When connections are due."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from lotus_server.domain.schedules import ConnectionSchedule, ScheduleError, next_run

NOON = int(datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000


def cron(expression: str) -> ConnectionSchedule:
    """A schedule by the clock."""
    return ConnectionSchedule("shop", "cron", expression, "UTC", None, None, 5, None)


def every(units: int, time_unit: str, *, last_job_at: int | None = None) -> ConnectionSchedule:
    """A schedule of intervals."""
    return ConnectionSchedule("shop", "basic", None, None, units, time_unit, 5, last_job_at)


def test_a_basic_schedule_counts_from_the_last_job() -> None:
    """Every 24 hours after the last job; at once if there was none."""
    assert next_run(every(24, "hours"), NOON) == 5
    assert next_run(every(24, "hours", last_job_at=1000), NOON) == 1000 + 86_400_000


def test_a_job_of_a_clock_that_was_ahead_does_not_hold_up_a_basic_schedule() -> None:
    """The interval begins now, not in the year that the clock had."""
    assert next_run(every(1, "hours", last_job_at=NOON + 400 * 86_400_000), NOON) == NOON + 60 * MINUTE


def test_a_stored_expression_that_cannot_be_followed_is_named() -> None:
    """Such as one that an older server accepted."""
    with pytest.raises(ScheduleError, match=r"0 0 0 15W,20 .* cannot be followed"):
        next_run(cron("0 0 0 15W,20 * ?"), NOON)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 * * * * ?", datetime(2026, 11, 27, 12, 1, tzinfo=UTC)),
        ("0 0 * * * ? 2099", datetime(2099, 1, 1, tzinfo=UTC)),
        ("0 0 0 29 2 ? 2099", None),
        ("0 0 12 ? * MON 2026-2027", datetime(2026, 11, 30, 12, tzinfo=UTC)),
        ("* * * 30W 2 ?", None),
        ("0 0 0 L-3 2 ? 2096", datetime(2096, 2, 26, tzinfo=UTC)),
        ("0 0 0 1 1 ? 2020", None),
    ],
)
def test_a_time_that_is_far_off_or_never_comes_is_found_at_once(expression: str, expected: datetime | None) -> None:
    """No walk through the hours of decades."""
    began = time.process_time()
    tick = next_run(cron(expression), NOON)
    assert tick == (None if expected is None else int(expected.timestamp() * 1000))
    assert time.process_time() - began < 0.2
