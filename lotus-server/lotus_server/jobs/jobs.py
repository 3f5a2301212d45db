"""Jobs: submitted, cancelled, run by worker processes, scheduled, and recovered after a kill."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from lotus_server.connectors import Connectors, PrivateFolders
from lotus_server.connectors.process import sweep
from lotus_server.domain.job_types import ConfigType, RefreshMode
from lotus_server.jobs import transitions
from lotus_server.jobs.attempts import Attempts
from lotus_server.jobs.errors import JobNotRunningError, JobRunningError
from lotus_server.jobs.logs import AttemptLogs
from lotus_server.jobs.preparation import Preparation, SyncLimits
from lotus_server.jobs.queue import BackOff, Queue
from lotus_server.jobs.retention import Retention, Retirement
from lotus_server.jobs.scheduler import Scheduler
from lotus_server.jobs.supervision import Supervisor
from lotus_server.protocol import StreamKey
from lotus_server.store import Store

QUEUE, SCHEDULES, RETENTION = "the job queue", "the schedules", "the removal of old jobs"

_log = logging.getLogger(__name__)


class Jobs:
    """The queue and the worker processes; recovers at start what a kill left behind."""

    def __init__(
        self,
        store: Store,
        connectors: Connectors,
        *,
        data: Path,
        private: PrivateFolders | None = None,
        concurrency: int = 2,
        back_off: BackOff | None = None,
        limits: SyncLimits | None = None,
        retention: Retention | None = None,
    ) -> None:
        """The jobs of one server.

        Args:
            store: where jobs, attempts and states are kept.
            connectors: installs and describes what runs.
            data: the server's data directory; logs and scratch files are below it.
            private: where a worker finds what its connector is given.
            concurrency: how many jobs run at once; more wait as `pending`.
            back_off: pauses before each further attempt.
            limits: what bounds a sync.
            retention: how long jobs that have ended are kept.
        """
        data = data.resolve()
        self._owner = str(data)
        self._store = store
        self._logs = AttemptLogs(data)
        self._private = private or PrivateFolders(data / "private")
        self._supervisor = Supervisor()
        preparation = Preparation(
            store, connectors, self._logs, data=data, owner=self._owner, limits=limits or SyncLimits()
        )
        attempts = Attempts(store, preparation, self._logs, self._private, self._supervisor)
        self._queue = Queue(store, attempts, concurrency=concurrency, back_off=back_off or BackOff())
        self._scheduler = Scheduler(store, self._queue.wake)
        self._retirement = Retirement(store, self._logs, retention or Retention())

    @property
    def down(self) -> Mapping[str, str]:
        """Background work that does not work at present, and why."""
        return self._supervisor.down

    async def start(self) -> None:
        """Recover what a kill left behind, then run what is queued and what the schedules ask for."""
        swept = await asyncio.to_thread(sweep, self._owner)
        if swept:
            _log.info("ended %d processes that an earlier server left running", swept)
        await asyncio.to_thread(self._private.sweep)
        await self._store.write(transitions.recover_jobs)
        self._supervisor.start(QUEUE, self._queue.dispatch)
        self._supervisor.start(SCHEDULES, self._scheduler.run)
        self._supervisor.start(RETENTION, self._retirement.run)

    async def stop(self) -> None:
        """End every worker within seconds; their jobs are retried at the next start."""
        await self._supervisor.stop()
        await self._queue.stop()
        with contextlib.suppress(Exception):  # the next start does the same
            await self._store.write(transitions.recover_jobs)

    async def submit(
        self,
        connection_id: str,
        config_type: ConfigType,
        *,
        streams: Sequence[StreamKey] | None = None,
        refresh_mode: RefreshMode | None = None,
    ) -> int:
        """Queue a job and return its id; durable when this returns. No streams (or none given) means all.

        A reset or refresh cancels the running job first, as Airbyte does; a sync is refused while a job runs.

        Raises:
            JobNotFoundError: no such connection.
            JobRunningError: a job of this connection is pending or running.
            ConnectionInactiveError: the connection is not active.
        """
        mode = (refresh_mode or "Merge") if config_type == "refresh" else None
        while True:
            try:
                job_id = await self._store.write(
                    transitions.submit_job, connection_id, config_type, streams or None, mode
                )
            except JobRunningError as error:
                if config_type == "sync":
                    raise
                with contextlib.suppress(JobNotRunningError):
                    await self.cancel(error.job_id)
                continue
            self._queue.wake()
            return job_id

    async def cancel(self, job_id: int) -> None:
        """Cancel a job; returns when its worker has ended (within 5 s) and the job is `cancelled`.

        Raises:
            JobNotFoundError: no such job.
            JobNotRunningError: it has ended.
        """
        await self._store.write(transitions.note_cancel, job_id)
        await self._queue.cancel(job_id)

    def log_lines(self, job_id: int, attempt_number: int) -> list[str]:
        """The log of an attempt (secrets removed); empty if there is none yet."""
        return self._logs.lines(job_id, attempt_number)
