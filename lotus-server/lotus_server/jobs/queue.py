"""The queue: which jobs run, which wait, and when a failed one is tried again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lotus_server import transient
from lotus_server.jobs import transitions
from lotus_server.jobs.attempts import Attempts, RunningJob
from lotus_server.jobs.supervision import end_tasks
from lotus_server.jobs.transitions import JobOutcome
from lotus_server.store import Store
from lotus_server.store import jobs as stored
from lotus_server.store.job_history import Job

LOOK_SECONDS = 30.0
"""How often the store is asked for open jobs although nothing was submitted: what went unnoticed is found then."""


@dataclass(frozen=True)
class BackOff:
    """Pauses before the second, third, … attempt: after a failed one, and after a fault of the machine."""

    attempt: Sequence[float] = (2.0, 10.0, 30.0)
    fault: Sequence[float] = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

    def seconds(self, outcome: JobOutcome) -> float:
        """The pause after an attempt."""
        pauses = self.fault if outcome.fault else self.attempt
        return pauses[min(outcome.tries, len(pauses)) - 1] if pauses else 0.0


_log = logging.getLogger(__name__)


class Queue:
    """Runs open jobs, oldest first, a few at once."""

    def __init__(self, store: Store, attempts: Attempts, *, concurrency: int, back_off: BackOff) -> None:
        self._store = store
        self._attempts = attempts
        self._concurrency = concurrency
        self._back_off = back_off
        self._running: dict[int, RunningJob] = {}
        self._retry_at: dict[int, float] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something may have changed: a job was submitted, or one has ended."""
        self._wake.set()

    async def dispatch(self, works: Callable[[], None]) -> None:
        """Starts jobs without end."""
        while True:
            self._wake.clear()
            jobs = await self._store.read(stored.open_jobs)
            works()
            pause = min([LOOK_SECONDS, *filter(None, [self._consider(job) for job in jobs])])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def stop(self) -> None:
        """Ends every attempt within seconds."""
        await end_tasks([job.task for job in self._running.values() if job.task is not None])

    async def cancel(self, job_id: int) -> None:
        """Ends the job's worker, if it runs; returns when it has ended and the job is `cancelled`."""
        running = self._running.get(job_id)
        if running is not None and running.task is not None:
            running.cancelled.set()
            if running.worker is None:
                running.task.cancel()
            else:
                await running.worker.end()
            await asyncio.gather(running.task, return_exceptions=True)
        await self._store.write(transitions.cancel_job, job_id)

    def _consider(self, job: Job) -> float | None:
        """Starts the job if it can run now; seconds to wait for it if it has to wait."""
        if job.id in self._running or len(self._running) >= self._concurrency or job.cancel_requested:
            return None
        pause = self._retry_at.get(job.id, 0.0) - time.monotonic()
        if pause > 0:
            return pause
        running = self._running[job.id] = RunningJob()
        running.task = asyncio.create_task(self._run(job.id, running), name=f"job {job.id}")
        return None

    async def _run(self, job_id: int, running: RunningJob) -> None:
        try:
            outcome = await self._attempts.run(job_id, running)
            self._retry_at.pop(job_id, None)
            if outcome is not None and outcome.status == "incomplete":
                self._retry_at[job_id] = time.monotonic() + self._back_off.seconds(outcome)
        except Exception as error:  # noqa: BLE001 - one job's fault must not end the queue; the reason is logged
            _log.error("job %d could not begin", job_id, exc_info=error)
            pause = self._back_off.fault[-1] if transient.cause(error) is None else self._back_off.fault[0]
            self._retry_at[job_id] = time.monotonic() + pause
        finally:
            self._running.pop(job_id, None)
            self.wake()
