"""Background tasks go on whatever happens, and health says which do not."""

from __future__ import annotations

import asyncio
import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lotus_server import transient
from lotus_server.jobs.supervision import Supervisor
from lotus_server.server_log import FramesFormatter, RepetitionFilter
from server_support.airbyte import Airbyte
from server_support.lake import OpenLake


class FlakyTask:
    """Fails a few times, then works."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.works = asyncio.Event()

    async def run(self, works: Callable[[], None]) -> None:
        """One life of the task."""
        if self.errors:
            raise self.errors.pop(0)
        works()
        self.works.set()
        await asyncio.sleep(3600)


@pytest.mark.parametrize(
    "error", [OSError(errno.EMFILE, "Too many open files"), RuntimeError("a bug"), asyncio.CancelledError()]
)
def test_a_task_that_ends_is_named_and_starts_again(error: BaseException) -> None:
    """Whether by a fault of the machine, a bug, or because somebody ended it."""

    async def scenario() -> None:
        supervisor = Supervisor(pauses=(0.05,))
        task = FlakyTask(error, error)
        supervisor.start("the queue", task.run)
        await asyncio.sleep(0.02)
        assert set(supervisor.down) == {"the queue"}
        await asyncio.wait_for(task.works.wait(), 5)
        assert supervisor.down == {}
        await supervisor.stop()

    asyncio.run(scenario())


def test_a_step_waits_for_the_machine_and_no_longer_than_that() -> None:
    """A full disk is waited for; a bug is not."""

    async def scenario() -> None:
        supervisor = Supervisor(pauses=(0.01,))
        errors: list[Exception] = [OSError(errno.ENOSPC, "No space left on device")] * 3

        async def step() -> str:
            if errors:
                raise errors.pop()
            return "stored"

        assert await supervisor.patiently("storing", step) == "stored"
        errors.append(RuntimeError("a bug"))
        with pytest.raises(RuntimeError):
            await supervisor.patiently("storing", step)

    asyncio.run(scenario())


def test_faults_of_the_machine_are_called_by_their_name(tmp_path: Path) -> None:
    """Also where a library has wrapped them."""
    assert transient.cause(OSError(errno.ENOSPC, "x")) == "the disk is full"
    assert transient.cause(ValueError("x")) is None
    first, second = (sqlite3.connect(tmp_path / "db", timeout=0, isolation_level=None) for _ in range(2))
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError) as locked:
        second.execute("BEGIN IMMEDIATE")
    try:
        raise RuntimeError from locked.value
    except RuntimeError as error:
        assert transient.cause(error) == "another program has locked the store"


@pytest.mark.slow
def test_the_queue_goes_on_after_reads_of_the_store_failed(
    lake: OpenLake, configured: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that was accepted meanwhile runs to its end."""

    async def scenario() -> None:
        async with lake() as it:
            connection = it.scripted([["records", "orders", 1, 3]], [configured()], folder=tmp_path / "out")
            read = it.store.read
            failing = time.monotonic() + 2

            async def flaky(function: Any, *arguments: Any, **named: Any) -> Any:
                if time.monotonic() < failing:
                    raise OSError(errno.EMFILE, "Too many open files")
                return await read(function, *arguments, **named)

            monkeypatch.setattr(it.store, "read", flaky)
            job_id = await it.jobs.submit(connection, "sync")
            await asyncio.sleep(0.5)
            assert "too many open files" in it.jobs.down["the job queue"]
            monkeypatch.setattr(it.store, "read", read)
            assert (await it.ended(job_id)).status == "succeeded"
            assert "the job queue" not in it.jobs.down

    asyncio.run(scenario())


def test_health_names_what_is_down(fresh: Airbyte, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 in both APIs, with the reason."""
    supervisor = fresh.server.jobs._supervisor
    monkeypatch.setattr(supervisor, "_down", {"the job queue": "the disk is full"})
    public, config = fresh.http.get("/v1/health"), fresh.http.get("/api/v1/health")

    assert (public.status_code, config.status_code, config.json()["available"]) == (503, 503, False)
    assert "the job queue (the disk is full)" in public.json()["data"]["message"]
    assert public.headers["retry-after"] == "5"


def test_a_log_names_where_an_error_was_and_not_what_it_said() -> None:
    """A message may quote a secret."""
    secret = "-".join(["sword", "fish"])
    try:
        raise ValueError(f"the password is {secret}")
    except ValueError as error:
        text = FramesFormatter().formatException((ValueError, error, error.__traceback__))
    assert ("ValueError" in text, "test_supervision.py" in text, secret in text) == (True, True, False)


def test_the_same_line_is_not_repeated_without_end() -> None:
    """Out of descriptors, asyncio logs two thousand failures a second."""
    records = [logging.LogRecord("asyncio", 40, "x.py", 1, "out of resource", None, None) for _ in range(1000)]
    repetition = RepetitionFilter()
    assert sum(repetition.filter(record) for record in records) == 5
