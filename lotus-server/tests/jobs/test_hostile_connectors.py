"""Connectors that misbehave on purpose: the attempt fails with a clear reason, and nothing is left running."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lotus_server.connectors.process import marked_processes
from server_support.lake import OpenLake

pytestmark = pytest.mark.slow


def outcome(
    lake: OpenLake, script: list[Any], streams: list[Any], folder: Path, **options: Any
) -> tuple[Any, str, str]:
    """Runs one job: the job, the reason of its last attempt, its log. Nothing may be left running."""

    async def scenario() -> tuple[Any, str, str]:
        async with lake() as it:
            job = await it.run(it.scripted(script, streams, folder=folder), **options)
            last = it.attempts(job)[-1]
            assert marked_processes(str(it.data.resolve())) == []
            reason = last.failures[0]["externalMessage"] if last.failures else ""
            return job, reason, "\n".join(it.jobs.log_lines(job.id, last.number))

    return asyncio.run(scenario())


def test_its_own_words_are_the_reason(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A TRACE error is what the user reads; a configuration error is not tried again."""
    script = [["error", "the shop is closed", "config_error"], ["exit", 1]]
    job, reason, _ = outcome(lake, script, [configured()], tmp_path / "out")
    assert (job.status, reason) == ("failed", "the shop is closed")


def test_a_silent_death_is_named(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A connector killed by the system has no last words; the signal is the reason."""
    job, reason, _ = outcome(lake, [["records", "orders", 1, 5], ["kill"]], [configured()], tmp_path / "out")
    assert job.status == "failed"
    assert reason == "the source was ended by signal SIGKILL and gave no reason; see the log"


def test_what_came_before_the_last_state_is_kept(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A failed attempt publishes up to its last state and not a row more."""
    script = [["records", "orders", 1, 5], ["state", "orders", {"id": 5}], ["records", "orders", 6, 5], ["exit", 2]]
    job, reason, _ = outcome(lake, script, [configured()], tmp_path / "out")
    assert (job.status, reason) == ("failed", "the source ended with exit code 2 and gave no reason; see the log")
    # Three attempts, each with the same five committed rows: the script does not look at the state.
    assert sorted(set(pq.read_table(tmp_path / "out" / "orders")["id"].to_pylist())) == [1, 2, 3, 4, 5]


def test_it_dies_in_the_middle_of_a_record(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Half a message at the end is a failure even when the exit code says otherwise."""
    script = [["records", "orders", 1, 3], ["raw", '{"type":"RECORD","record":{"stream":"ord'], ["exit", 0]]
    job, reason, _ = outcome(lake, script, [configured()], tmp_path / "out")
    assert (job.status, reason) == ("failed", "the source's output ended in the middle of a message")


def test_junk_goes_to_the_log(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Lines that are no messages are logged; the records around them arrive."""
    script = [["raw", "Warning: \u0000 something\n[1, 2\n{}\n\n"], ["records", "orders", 1, 3]]
    job, _, log = outcome(lake, script, [configured()], tmp_path / "out")
    assert job.status == "succeeded"
    assert "something" in log
    assert pq.read_table(tmp_path / "out" / "orders").num_rows == 3


def test_a_broken_record_is_never_skipped(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A record line that is not JSON fails the attempt: skipping it would lose a row."""
    script = [
        ["records", "orders", 1, 3],
        ["raw", '{"type":"RECORD","record":{"stream":"orders","data":{"id":oops}}}\n'],
    ]
    job, reason, _ = outcome(lake, script, [configured()], tmp_path / "out")
    assert job.status == "failed"
    assert "a record that is not JSON" in reason or 'a record of stream "orders" that is not JSON' in reason


def test_an_unknown_stream_is_refused(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A record of a stream that nobody asked for fails the attempt and names the stream."""
    job, reason, _ = outcome(lake, [["records", "secrets", 1, 1]], [configured()], tmp_path / "out")
    assert (job.status, reason) == (
        "failed",
        'the source sent a record of stream "secrets", which is not in the catalog',
    )


def test_a_record_of_50_mb_passes(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Long lines are records like others."""
    job, reason, _ = outcome(lake, [["long", 50]], [configured()], tmp_path / "out")
    assert job.status == "succeeded", reason
    (note,) = pq.read_table(tmp_path / "out" / "orders")["note"].to_pylist()
    assert len(note) == 50 * 1024 * 1024


def test_output_without_an_end_is_bounded(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A line beyond the bound ends the attempt before it fills the memory."""
    job, reason, _ = outcome(lake, [["endless", 400]], [configured()], tmp_path / "out")
    assert (job.status, reason) == ("failed", "the source printed a line longer than 160 MB")


def test_a_flood_of_logs_is_bounded(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """The log stops growing; the sync does not care."""
    job, _, log = outcome(lake, [["flood", 400_000], ["records", "orders", 1, 1]], [configured()], tmp_path / "out")
    assert job.status == "succeeded"
    assert len(log) < 66 * 1024 * 1024
    assert "the log is full" in log[-200:]


def test_secrets_stay_out_of_logs_and_reasons(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """The configured password is masked wherever the connector prints it."""
    script = [["log", "using hunter22"], ["stderr", "hunter22!"], ["error", "bad password hunter22", "config_error"]]
    _, reason, log = outcome(lake, script, [configured()], tmp_path / "out")
    assert reason == "bad password **********"
    assert "hunter22" not in log
    assert "using **********" in log


def test_grandchildren_are_ended_too(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A process that the connector started in a session of its own does not outlive the attempt."""
    job, reason, _ = outcome(lake, [["child"], ["records", "orders", 1, 2]], [configured()], tmp_path / "out")
    assert job.status == "succeeded", reason


def test_a_hanging_connector_is_cancelled_within_5_s(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """Cancel ends a connector that ignores SIGTERM, with its children."""

    async def scenario() -> None:
        async with lake() as it:
            script = [["child"], ["records", "orders", 1, 5], ["hang"]]
            connection = it.scripted(script, [configured()], folder=tmp_path / "out")
            job_id = await it.jobs.submit(connection, "sync")
            await it.until(lambda job: bool(it.attempts(job)) and it.attempts(job)[0].records_emitted == 5, job_id)
            began = time.monotonic()
            await it.jobs.cancel(job_id)
            assert time.monotonic() - began < 5
            assert (await it.ended(job_id)).status == "cancelled"
            assert marked_processes(str(it.data.resolve())) == []

    asyncio.run(scenario())


def test_silence_ends_an_attempt(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A connector that says nothing for too long is stopped."""

    async def scenario() -> None:
        async with lake(silence_seconds=1.0) as it:
            job = await it.run(it.scripted([["hang"]], [configured()], folder=tmp_path / "out"))
            assert (job.status, it.reason(job)) == ("failed", "the source gave no output for 1 s and was stopped")

    asyncio.run(scenario())


def test_a_program_that_is_not_there_is_named(lake: OpenLake, configured: Any, tmp_path: Path) -> None:
    """A missing command fails the attempt with its path."""

    async def scenario() -> None:
        async with lake() as it:
            source = it.actor("source", it.definition("command:/absent/program"), {})
            job = await it.run(it.connection(source, it.local(tmp_path / "out"), [configured()]))
            assert job.status == "failed"
            assert "/absent/program cannot be started" in it.reason(job)

    asyncio.run(scenario())
