"""Schedules and the jobs that they make."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from lotus_server.store import Store, job_history, now
from lotus_server.store import connections as stored_connections
from lotus_server.store import jobs as stored
from lotus_server.store.schema import connections, next_runs
from server_support.lake import OpenLake
from sqlalchemy import Connection, insert, update


@pytest.mark.slow
def test_each_tick_fires_once_over_restarts(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_a_clock_that_was_ahead_does_not_silence_a_cron(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Times that were computed and stored 400 days ahead are computed again, also after a restart."""
    schedule = {"schedule_type": "cron", "cron_expression": "0/2 * * * * ?"}
    ahead = now() + 400 * 86_400_000

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([["records", "orders", 1, 1]], [configured()], folder=tmp_path / "out", **schedule)
        values = {"connection_id": connection, "due_at": ahead, "computed_at": ahead}

        def set_ahead(db: Connection) -> None:
            db.execute(insert(next_runs).prefix_with("OR REPLACE").values(**values))
            db.execute(update(connections).values(updated_at=ahead))

        it.store = Store(it.data, environment={})
        it.store.write_now(set_ahead)
        it.store.close()
        async with lake() as it:
            deadline = time.monotonic() + 60
            while not it.store.read_now(job_history.listed, job_history.JobFilter(connection_ids=[connection])):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_thousand_crons_cost_next_to_nothing(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Goal: under 0.5 % of a core when none is due; one of them is due in 2099."""

    async def scenario() -> float:
        async with lake() as it:
            first = it.scripted([], [configured()], folder=tmp_path)
            origin = it.store.read_now(stored_connections.connection, first)
            assert origin is not None
            hour = (time.gmtime().tm_hour + 12) % 24
            for number in range(1000):
                expression = f"0 {number % 60} {hour} * * ?" if number else "0 0 * * * ? 2099"
                schedule = {"schedule_type": "cron", "cron_expression": expression}
                it.connection(origin.source_id, origin.destination_id, [configured()], **schedule)
            await asyncio.sleep(3)
            began, before = time.monotonic(), time.process_time()
            await asyncio.sleep(10)
            return (time.process_time() - before) / (time.monotonic() - began)

    assert asyncio.run(scenario()) < 0.005
