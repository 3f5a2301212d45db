"""Jobs from submit to files, with a connector that does what a script says."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lotus_server.connectors.process import marked_processes
from lotus_server.jobs.assignment import failure
from lotus_server.jobs.errors import ConnectionInactiveError, JobNotRunningError, JobRunningError
from lotus_server.jobs.transitions import INTERRUPTED
from lotus_server.store import connections, sync_states
from lotus_server.store import jobs as stored
from server_support.lake import OpenLake

pytestmark = pytest.mark.slow


def rows(folder: Path, column: str = "id", stream: str = "orders") -> list[Any]:
    """What landed, in order of files and rows."""
    files = sorted((folder / stream).glob("*.parquet"), key=lambda path: int(path.stem))
    return [row for path in files for row in pq.read_table(path)[column].to_pylist()]


OVERWRITE = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite", "cursor_field": []}
FULL_APPEND = {"sync_mode": "full_refresh", "destination_sync_mode": "append", "cursor_field": []}


def test_a_sync_lands_its_records_and_keeps_the_state(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Records become Parquet rows, the last state is committed, and the next sync goes on from it."""

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([["resume", "orders", 50, 10]], [configured()], folder=tmp_path / "out")
            for _ in range(2):
                job = await it.run(connection)
                assert job.status == "succeeded", it.reason(job)
                assert it.state(connection, "orders") == {"id": 50}

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == list(range(1, 51))


def test_a_retry_goes_on_from_the_last_committed_state(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """An attempt that dies is followed by one that reads the rest: no row is lost, none is there twice."""
    died = str(tmp_path / "died")
    script = [["once", died, [["resume", "orders", 25, 10], ["kill"]]], ["resume", "orders", 50, 10]]

    async def scenario() -> None:
        async with lake() as it:
            job = await it.run(it.scripted(script, [configured()], folder=tmp_path / "out"))
            assert [attempt.status for attempt in it.attempts(job)] == ["failed", "succeeded"]

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == list(range(1, 51))


def test_overwrite_shows_only_the_newest_generation(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Each full refresh takes the place of the one before; the generation rises."""

    async def scenario() -> None:
        async with lake() as it:
            script = [["records", "orders", 1, 3]]
            connection = it.scripted(script, [configured(**OVERWRITE)], folder=tmp_path / "out")
            for _ in range(3):
                assert (await it.run(connection)).status == "succeeded"

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == [1, 2, 3]
    assert set(rows(tmp_path / "out", "_airbyte_generation_id")) == {3}


def test_a_failed_overwrite_leaves_the_old_rows(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Rows of a full refresh that did not end are never seen."""
    good = str(tmp_path / "good")
    script = [["once", good, [["records", "orders", 1, 3], ["exit", 0]]], ["records", "orders", 7, 2], ["exit", 1]]

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted(script, [configured(**OVERWRITE)], folder=tmp_path / "out")
            assert (await it.run(connection)).status == "succeeded"
            assert (await it.run(connection)).status == "failed"

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == [1, 2, 3]


def test_an_empty_overwrite_leaves_nothing(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A source that has no rows any more empties the stream; on a first run there is nothing to remove."""
    good = str(tmp_path / "good")
    script = [["once", good, [["records", "orders", 1, 3]]]]

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted(script, [configured(**OVERWRITE)], folder=tmp_path / "out")
            assert (await it.run(connection)).status == "succeeded"
            assert rows(tmp_path / "out") == [1, 2, 3]
            assert (await it.run(connection)).status == "succeeded"

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == []


def test_full_refresh_append_repeats_nothing_of_a_failed_attempt(
    lake: OpenLake, configured: Any, tmp_path: Path
) -> None:
    """Rows of an attempt that failed do not stand beside those of the one that succeeded."""
    died = str(tmp_path / "died")
    script = [["once", died, [["records", "orders", 1, 3], ["kill"]]], ["records", "orders", 1, 3]]

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted(script, [configured(**FULL_APPEND)], folder=tmp_path / "out")
            for _ in range(2):
                assert (await it.run(connection)).status == "succeeded"

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("mode", [OVERWRITE, FULL_APPEND, {"config_type": "refresh", "refresh_mode": "Truncate"}])
def test_what_a_job_has_published_is_not_read_again(
    lake: OpenLake, configured: Any, tmp_path: Path, mode: dict[str, Any]
) -> None:
    """Killed between the commit of the last stream and the end of its job, a server repeats the job, not the rows."""
    stream, job_options = (mode, {}) if "sync_mode" in mode else ({}, mode)

    async def scenario() -> None:
        async with lake() as it:
            script = [["records", "orders", 1, 3], ["state", "orders", {"id": 3}]]
            connection = it.scripted(script, [configured(**stream)], folder=tmp_path / "out")
            job = await it.run(connection, **job_options)
            reason = failure("airbyte_platform", INTERRUPTED, kind="transient_error")
            it.store.write_now(stored.end_attempt, it.attempts(job)[0].id, "failed", [reason])
            it.store.write_now(stored.set_job_status, job.id, "incomplete")
        async with lake() as it:
            job = await it.ended(job.id)
            assert [attempt.status for attempt in it.attempts(job)] == ["failed", "succeeded"]

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == [1, 2, 3]


def test_clear_removes_rows_and_state_of_the_chosen_stream(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Clearing one stream leaves the other as it is."""
    script = [["resume", "orders", 20, 10], ["resume", "lines", 20, 10]]

    async def scenario() -> None:
        async with lake() as it:
            streams = [configured(), configured("lines")]
            connection = it.scripted(script, streams, folder=tmp_path / "out")
            await it.run(connection)
            job = await it.run(connection, "reset_connection", streams=[("orders", None)])
            assert job.status == "succeeded", it.reason(job)
            assert it.state(connection, "orders") is None
            assert it.state(connection, "lines") == {"id": 20}

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == []
    assert rows(tmp_path / "out", stream="lines") == list(range(1, 21))


def test_a_merge_refresh_reads_again_and_keeps_what_landed(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """The cursor goes back to the start; the old files stay."""

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([["resume", "orders", 20, 10]], [configured()], folder=tmp_path / "out")
            await it.run(connection)
            job = await it.run(connection, "refresh", refresh_mode="Merge")
            assert job.status == "succeeded", it.reason(job)

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == [*range(1, 21), *range(1, 21)]
    assert rows(tmp_path / "out", "_airbyte_generation_id") == [0] * 20 + [1] * 20


def test_a_truncate_refresh_replaces_what_landed_after_success_only(
    lake: OpenLake, configured: Any, tmp_path: Path
) -> None:
    """A refresh that fails changes nothing, not even the state; one that succeeds leaves the new rows alone."""
    fails = str(tmp_path / "fails")
    script = [
        ["once", str(tmp_path / "first"), [["resume", "orders", 20, 10], ["exit", 0]]],
        ["once", fails, [["records", "orders", 1, 3], ["error", "no", "config_error"], ["exit", 1]]],
        ["resume", "orders", 20, 10],
    ]

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted(script, [configured()], folder=tmp_path / "out")
            await it.run(connection)
            assert (await it.run(connection, "refresh", refresh_mode="Truncate")).status == "failed"
            assert (it.state(connection, "orders"), len(rows(tmp_path / "out"))) == ({"id": 20}, 20)
            assert (await it.run(connection, "refresh", refresh_mode="Truncate")).status == "succeeded"
            assert it.state(connection, "orders") == {"id": 20}

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == list(range(1, 21))
    assert set(rows(tmp_path / "out", "_airbyte_generation_id")) == {2}


def test_one_job_a_connection(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A second sync is refused while one runs; a clear cancels it and takes its place."""

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([["hang"]], [configured()], folder=tmp_path / "out")
            first = await it.jobs.submit(connection, "sync")
            with pytest.raises(JobRunningError):
                await it.jobs.submit(connection, "sync")
            second = await it.jobs.submit(connection, "reset_connection")
            assert (await it.ended(first)).status == "cancelled"
            assert (await it.ended(second)).status == "succeeded"
            with pytest.raises(JobNotRunningError):
                await it.jobs.cancel(first)

    asyncio.run(scenario())


def test_an_inactive_connection_is_refused(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A paused connection runs nothing."""

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([], [configured()], folder=tmp_path / "out")
            await it.store.write(connections.change, connection, status="inactive")
            with pytest.raises(ConnectionInactiveError):
                await it.jobs.submit(connection, "sync")

    asyncio.run(scenario())


def test_more_jobs_than_the_bound_wait_as_pending(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """With two running, the third waits, and starts when one has ended."""

    async def scenario() -> None:
        async with lake() as it:
            hanging = [
                it.scripted([["records", "orders", 1, 1], ["hang"]], [configured()], folder=tmp_path / str(n))
                for n in range(2)
            ]
            jobs = [await it.jobs.submit(connection, "sync") for connection in hanging]
            for job_id in jobs:
                await it.until(lambda job: job.status == "running", job_id)
            third = await it.jobs.submit(it.scripted([], [configured()], folder=tmp_path / "3"), "sync")
            await asyncio.sleep(0.5)
            assert (await it.until(lambda _: True, third)).status == "pending"
            await it.jobs.cancel(jobs[0])
            assert (await it.ended(third)).status == "succeeded"

    asyncio.run(scenario())


def test_a_killed_worker_is_retried(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """kill -9 of the worker takes its connector along; the next attempt reads everything."""
    script = [["once", str(tmp_path / "once"), [["resume", "orders", 20, 10], ["hang"]]], ["resume", "orders", 50, 10]]

    async def scenario() -> None:
        async with lake() as it:
            job_id = await it.jobs.submit(it.scripted(script, [configured()], folder=tmp_path / "out"), "sync")
            await it.until(lambda job: bool(it.attempts(job)) and it.attempts(job)[0].records_emitted == 20, job_id)
            worker = it.attempts(await it.until(lambda _: True, job_id))[0].worker_pid
            os.kill(worker, signal.SIGKILL)
            job = await it.ended(job_id)
            assert job.status == "succeeded"
            assert "ended by signal SIGKILL" in it.attempts(job)[0].failures[0]["externalMessage"]
            assert marked_processes(str(it.data.resolve())) == []

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == list(range(1, 51))


def test_a_stopped_server_goes_on_where_it_was(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A job that ran when the server stopped is tried again at the next start."""
    script = [["once", str(tmp_path / "once"), [["resume", "orders", 20, 10], ["hang"]]], ["resume", "orders", 50, 10]]

    async def scenario() -> None:
        async with lake() as it:
            job_id = await it.jobs.submit(it.scripted(script, [configured()], folder=tmp_path / "out"), "sync")
            await it.until(lambda job: bool(it.attempts(job)) and it.attempts(job)[0].records_emitted == 20, job_id)
        async with lake() as it:
            job = await it.ended(job_id)
            assert job.status == "succeeded"
            assert "was stopped while this attempt ran" in it.attempts(job)[0].failures[0]["externalMessage"]

    asyncio.run(scenario())
    assert rows(tmp_path / "out") == list(range(1, 51))


def test_field_selection_prefix_and_namespace_reach_the_destination(
    lake: OpenLake, configured: Any, tmp_path: Path
) -> None:
    """Only selected fields become columns; prefix and custom namespace are in the path."""
    streams = [configured(selected_fields=[["id"]])]
    options = {"prefix": "eu_", "namespace_definition": "custom_format", "namespace_format": "shop"}

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([["records", "orders", 1, 2]], streams, folder=tmp_path / "x", **options)
            target = it.local(tmp_path / "out", path_format="${NAMESPACE}/${STREAM_NAME}/")
            it.store.write_now(connections.change, connection, destination_id=target)
            assert (await it.run(connection)).status == "succeeded"

    asyncio.run(scenario())
    table = pq.read_table(tmp_path / "out" / "shop" / "eu_orders" / "0.parquet")
    assert [name for name in table.column_names if not name.startswith("_airbyte")] == ["id"]


def test_a_global_state_is_committed_whole(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """GLOBAL states keep their shared part and each stream's."""
    part = {"stream_descriptor": {"name": "orders"}, "stream_state": {"lsn": 7}}
    message = {"type": "GLOBAL", "global": {"shared_state": {"lsn": 7}, "stream_states": [part]}}
    script = [["records", "orders", 1, 2], ["message", {"type": "STATE", "state": message}]]

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted(script, [configured()], folder=tmp_path / "out")
            assert (await it.run(connection)).status == "succeeded"
            (state,) = it.store.read_now(sync_states.committed_states, connection)
            assert state["kind"] == "global"
            assert '"shared_state":{"lsn":7}' in state["text"]

    asyncio.run(scenario())
