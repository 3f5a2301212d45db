"""Quartz cron as Airbyte takes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lotus.config.cron import Cron, CronError

FRIDAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("0 0,20,40 * * * ?", "2026-11-20 12:20:00"),
        ("0 5,15,25,35,45,55 * * * ?", "2026-11-20 12:05:00"),
        ("30 0 3 * * ?", "2026-11-21 03:00:30"),
        ("0 0 6 ? * MON-FRI", "2026-11-23 06:00:00"),
        ("0 0 6 ? * 1", "2026-11-22 06:00:00"),
        ("0 0 6 ? * 7", "2026-11-21 06:00:00"),
        ("0 0 6 ? * L", "2026-11-21 06:00:00"),
        ("0 0 6 ? * 6L", "2026-11-27 06:00:00"),
        ("0 0 6 ? * FRI#3", "2026-12-18 06:00:00"),
        ("0 0 6 ? * SAT-SUN", "2026-11-21 06:00:00"),
        ("0 0 6 L * ?", "2026-11-30 06:00:00"),
        ("0 0 6 LW * ?", "2026-11-30 06:00:00"),
        ("0 0 6 L-3 * ?", "2026-11-27 06:00:00"),
        ("0 0 6 15W * ?", "2026-12-15 06:00:00"),
        ("0 0 6 1W 8 ?", "2027-08-02 06:00:00"),
        ("0 0 6 29 2 ?", "2028-02-29 06:00:00"),
        ("0 0 22-2 * * ?", "2026-11-20 22:00:00"),
        ("0 0 6 1 NOV-FEB ?", "2026-12-01 06:00:00"),
        ("0 30 6 1 1 ? 2030", "2030-01-01 06:30:00"),
        ("0 0/15 * * * ? UTC", "2026-11-20 12:15:00"),
        ("0 0 */6 * * ?", "2026-11-20 18:00:00"),
    ],
)
def test_the_next_run_is_the_one_that_quartz_computes(expression: str, first: str) -> None:
    """Names, numbers from 1 (Sunday), L, W, # and years mean what Quartz means by them."""
    runs = Cron(expression).runs(FRIDAY, 1)

    assert [f"{run:%Y-%m-%d %H:%M:%S}" for run in runs] == [first]


def test_the_next_five_runs_follow_each_other() -> None:
    """What `lotus validate` shows of a schedule."""
    runs = Cron("0 0,20,40 * * * ?").runs(FRIDAY)

    assert [f"{run:%H:%M}" for run in runs] == ["12:20", "12:40", "13:00", "13:20", "13:40"]


@pytest.mark.parametrize("expression", ["0 0 6 30 2 ?", "0 0 6 1 1 ? 2020", "0 0 6 31 4,6 ?"])
def test_a_schedule_without_a_date_has_no_runs(expression: str) -> None:
    """Never is an answer, not an endless loop."""
    try:
        runs = Cron(expression).runs(FRIDAY)
    except CronError as error:
        assert "never" in str(error)
    else:
        assert runs == []


def test_unix_cron_is_answered_with_its_quartz_form() -> None:
    """Days of the week count differently in the two, so they are given by name."""
    with pytest.raises(CronError) as raised:
        Cron("*/20 6 * * 1-5")

    assert raised.value.fix == 'write "0 */20 6 ? * MON-FRI"'


FIELDS = st.sampled_from(
    ["*", "0", "5", "1-3", "1,4", "*/5", "?", "L", "15W", "MON", "6#2", "99", "a", "", "-1", "1/0"]
)


@given(st.lists(FIELDS, min_size=5, max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_expression_is_refused_in_words_or_has_runs_in_order(fields: list[str]) -> None:
    """No expression raises anything but CronError, and runs only ever go forward."""
    try:
        runs = Cron(" ".join(fields)).runs(FRIDAY, 3)
    except CronError as error:
        assert str(error)
        return

    assert runs == sorted(set(runs))
    assert all(FRIDAY < run <= FRIDAY + timedelta(days=366 * 31) for run in runs)
