"""One attempt of one job: prepared, run by a worker process, and ended in the store whatever happened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lotus_server import transient
from lotus_server.connectors import ConnectorError, PrivateFolders
from lotus_server.jobs import transitions
from lotus_server.jobs.assignment import failure
from lotus_server.jobs.errors import ConfigurationRefusedError, SchemaChangedError
from lotus_server.jobs.logs import AttemptLogs
from lotus_server.jobs.planning import UnsupportedStreamError
from lotus_server.jobs.preparation import Preparation, Prepared
from lotus_server.jobs.supervision import Supervisor
from lotus_server.jobs.transitions import JobOutcome
from lotus_server.jobs.worker_process import WorkerProcess
from lotus_server.store import Store, actors, attempt_stats
from lotus_server.store import jobs as stored
from lotus_server.store.database import now

ENDING = "storing how jobs ended"
"""The work's name in /health."""

_log = logging.getLogger(__name__)


@dataclass
class RunningJob:
    """A job that this server is working on."""

    task: asyncio.Task[None] | None = None
    worker: WorkerProcess | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


class Attempts:
    """Runs the attempts of one server."""

    def __init__(
        self,
        store: Store,
        preparation: Preparation,
        logs: AttemptLogs,
        private: PrivateFolders,
        supervisor: Supervisor,
    ) -> None:
        self._store = store
        self._preparation = preparation
        self._logs = logs
        self._private = private
        self._supervisor = supervisor

    async def run(self, job_id: int, running: RunningJob) -> JobOutcome | None:
        """Runs the next attempt of a job to its end; None if there is nothing more to do for the job."""
        begun = await self._store.write(transitions.begin_attempt, job_id)
        if begun is None:
            return None
        attempt_id, number = begun
        try:
            failures = await self._work(job_id, attempt_id, number, running)
        except SchemaChangedError as error:
            # As in Airbyte: the connection is inactive by now, and the job cancelled.
            self._write_log(job_id, number, str(error))
            reason = failure("source", str(error), kind="config_error", timestamp=now())
            await self._ended(transitions.stop_job, job_id, attempt_id, reason)
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the attempt has to end with a reason
            failures = [self._reason(error, job_id, number)]
        if running.cancelled.is_set():
            reason = failure("airbyte_platform", "the job was cancelled", kind="manual_cancellation", timestamp=now())
            await self._ended(stored.end_attempt, attempt_id, "failed", [reason])
            return None
        return await self._ended(transitions.finish_attempt, job_id, attempt_id, failures)

    async def _ended(self, transition: Any, *arguments: Any) -> Any:
        # A full disk or a locked store must not leave a job that runs for ever in the eyes of clients.
        return await self._supervisor.patiently(ENDING, lambda: self._store.write(transition, *arguments))

    async def _work(self, job_id: int, attempt_id: int, number: int, running: RunningJob) -> Sequence[dict[str, Any]]:
        with self._private.folder(f"job-{job_id}-{number}") as folder:
            prepared = await self._preparation.prepare(job_id, number, folder)
            if running.cancelled.is_set():
                return []
            running.worker = worker = await WorkerProcess.start(prepared.assignment, self._logs)
            try:
                await self._store.write(stored.set_worker, attempt_id, worker.pid)
                if running.cancelled.is_set():
                    return []
                worker.assign()
                return await self._listen(worker, prepared, attempt_id)
            finally:
                await worker.close()
                running.worker = None

    async def _listen(self, worker: WorkerProcess, prepared: Prepared, attempt_id: int) -> Sequence[dict[str, Any]]:
        """Stores the worker's events until it has ended; its failures."""
        async for event in worker.events():
            match event["event"]:
                case "progress":
                    await self._store_progress(attempt_id, event["streams"])
                case "committed":
                    await self._store.write(
                        attempt_stats.record_commit,
                        prepared.assignment.connection_id,
                        attempt_id,
                        streams=event["streams"],
                        states=event["states"],
                        complete=[(name, namespace) for name, namespace in event["complete"]],
                        forget=prepared.replaced,
                    )
                    worker.acknowledge(event["number"])
                case "configuration":
                    await self._store_configuration(prepared, event["configuration"])
                case "ended":
                    return event["failures"]
                case _:
                    pass
        return [failure("airbyte_platform", await worker.death(), timestamp=now())]

    async def _store_progress(self, attempt_id: int, streams: Sequence[dict[str, Any]]) -> None:
        try:
            await self._store.write(attempt_stats.record_progress, attempt_id, streams)
        except Exception as error:
            if transient.cause(error) is None:
                raise
            _log.warning("the progress of an attempt could not be stored: %s", transient.cause(error))

    async def _store_configuration(self, prepared: Prepared, configuration: dict[str, Any]) -> None:
        """What the source wants to have stored instead of its configuration, such as its next refresh token."""
        source = prepared.source
        kept = {name: value for name, value in configuration.items() if name not in prepared.injected}
        await self._store.write(actors.set_configuration, self._store.cipher, source.id, kept)
        _log.info("source %s changed its configuration", source.id)

    def _reason(self, error: Exception, job_id: int, number: int) -> dict[str, Any]:
        """The failure reason of an error; the log has the details."""
        details = getattr(error, "details", "")
        if cause := transient.cause(error):
            reason = failure("airbyte_platform", f"{cause}; the sync is tried again", kind="transient_error")
        elif isinstance(error, (UnsupportedStreamError, ConfigurationRefusedError)):
            reason = failure("source", str(error), kind="config_error")
        elif isinstance(error, ConnectorError):
            reason = failure("source", str(error))
        else:
            reason = failure("airbyte_platform", "the local server failed; see its own log")
            _log.error("job %d failed in the server", job_id, exc_info=error)
        self._write_log(job_id, number, f"{reason['externalMessage']}\n{details}".strip())
        return {**reason, "timestamp": now()}

    def _write_log(self, job_id: int, number: int, text: str) -> None:
        with contextlib.suppress(OSError):  # the reason is in the store too
            self._logs.write(job_id, number, "ERROR", text)
