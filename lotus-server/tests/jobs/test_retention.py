"""Old jobs go, with their attempts, statistics and logs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lotus_server.jobs.logs import AttemptLogs
from lotus_server.jobs.retention import DAY_MILLISECONDS, Retention, Retirement
from lotus_server.store import job_history, schema
from lotus_server.store.database import now
from server_support.lake import Lake, OpenLake
from sqlalchemy import update

pytestmark = pytest.mark.slow


async def synced(it: Lake, configured: Any, folder: Path, count: int) -> list[int]:
    """Jobs of one connection that have ended."""
    connection = it.scripted([["log", "reading"], ["records", "orders", 1, 1]], [configured()], folder=folder)
    return [(await it.run(connection)).id for _ in range(count)]


def kept(it: Lake) -> list[int]:
    """Jobs that are still there."""
    return [job.id for job in it.store.read_now(job_history.listed, job_history.JobFilter())]


@pytest.mark.parametrize("retention", [Retention(jobs=2, days=60), Retention(jobs=500, days=30)])
def test_jobs_go_by_count_and_by_age(lake: OpenLake, configured: Any, tmp_path: Path, retention: Retention) -> None:
    """A connection's newest job always stays; what goes takes everything with it, and the next sync works."""

    async def scenario() -> None:
        async with lake() as it:
            jobs = await synced(it, configured, tmp_path / "out", 4)
            old = now() - 31 * DAY_MILLISECONDS
            it.store.write_now(
                lambda db: db.execute(update(schema.jobs).where(schema.jobs.c.id.in_(jobs[:2])).values(updated_at=old))
            )
            removed = await Retirement(it.store, AttemptLogs(it.data), retention).remove_expired()
            assert (removed, kept(it)) == (2, jobs[2:])
            assert [it.jobs.log_lines(job, 0) == [] for job in jobs] == [True, True, False, False]
            assert not [path for path in (it.data / "logs").glob("[0-9]*") if int(path.name) in jobs[:2]]
            assert len(await synced(it, configured, tmp_path / "more", 1)) == 1

    asyncio.run(scenario())
