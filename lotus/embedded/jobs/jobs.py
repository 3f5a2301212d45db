"""The queue: what runs now, what waits, what a kill left behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson
from sqlalchemy import Connection

from lotus.embedded import discovery, schema_changes
from lotus.embedded.connectors.definition import Definition
from lotus.embedded.connectors.errors import ConnectorError
from lotus.embedded.connectors.process import MARK, die_with_parent, kill_group, sweep
from lotus.embedded.connectors.secrets import secret_values
from lotus.embedded.definitions import destination_sync_modes
from lotus.embedded.jobs.assignment import Assignment, failure
from lotus.embedded.jobs.errors import (
    ConnectionInactiveError,
    JobNotFoundError,
    JobNotRunningError,
    JobRunningError,
    SchemaChangedError,
)
from lotus.embedded.jobs.planning import Plan, UnsupportedStreamError, plan
from lotus.embedded.mappers import keys_of, with_opened_keys
from lotus.embedded.scheduler import ScheduleError, due_at
from lotus.embedded.store import actors as stored_actors
from lotus.embedded.store import definitions as stored_definitions
from lotus.embedded.store import jobs as stored
from lotus.embedded.store.database import now

if TYPE_CHECKING:
    from lotus.embedded.connectors import Connectors
    from lotus.embedded.store import Store

ConfigType = Literal["sync", "reset_connection", "refresh"]
"""Airbyte's own job config types; the server makes a `reset_connection` job for both reset and clear."""

RefreshMode = Literal["Merge", "Truncate"]

MAX_ATTEMPTS = 3
"""Tries of a job, Airbyte's default. An attempt that ended with the server does not count."""

BACK_OFF_SECONDS = (2.0, 10.0, 30.0)
"""Pauses before the second, third, … attempt."""

CANCEL_SECONDS = 3.0
"""A worker that was told to end has so long (its connector gets 2 s of it), then it is killed."""

SCHEDULE_SECONDS = 1.0
"""How often schedules are looked at; the seconds field of a cron expression is met this exactly."""

SCHEMA_SECONDS = 24 * 3600.0
"""How old what a source offers may be when a sync begins: Airbyte's own server asks once a day."""

INTERRUPTED = "the embedded Airbyte was stopped while this attempt ran"

MAX_EVENT_BYTES = 256 * 1024 * 1024
"""An event carries states; connectors with many partitions have states of many megabytes."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StreamKey:
    """A stream by name and namespace (None where the source has none)."""

    name: str
    namespace: str | None = None


@dataclass
class _Running:
    """A job that this server is working on."""

    task: asyncio.Task[None] | None = None
    worker: asyncio.subprocess.Process | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


class Jobs:
    """The queue and the worker processes; recovers at start what a kill left behind."""

    def __init__(
        self,
        store: Store,
        connectors: Connectors,
        *,
        data: Path,
        concurrency: int = 2,
        back_off: Sequence[float] = BACK_OFF_SECONDS,
        silence_seconds: float = 3600.0,
        flush_seconds: float = 300.0,
        schema_seconds: float = SCHEMA_SECONDS,
    ) -> None:
        """The jobs of one server.

        Args:
            store: where jobs, attempts and states are kept.
            connectors: installs and describes what runs.
            data: the server's data directory; logs and scratch files are below it.
            concurrency: how many jobs run at once; more wait as `pending`.
            back_off: seconds before each further attempt.
            silence_seconds: a source that prints nothing for so long is stopped.
            flush_seconds: incremental streams publish at least this often.
            schema_seconds: before a sync, a source is asked again what it offers if that is known for longer.
        """
        self._store = store
        self._connectors = connectors
        self._data = data.resolve()
        self._owner = str(self._data)
        self._concurrency = concurrency
        self._back_off = back_off
        self._silence_seconds = silence_seconds
        self._flush_seconds = flush_seconds
        self._schema_seconds = schema_seconds
        self._running: dict[int, _Running] = {}
        self._retry_at: dict[int, float] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._skipped: dict[str, int] = {}
        self._complained: set[str] = set()

    async def start(self) -> None:
        """Recover what a kill left behind, then run what is queued and what the schedules ask for."""
        swept = await asyncio.to_thread(sweep, self._owner)
        if swept:
            _log.info("ended %d processes that an earlier server left running", swept)
        await self._store.write(_recover)
        self._tasks = [asyncio.create_task(self._dispatch()), asyncio.create_task(self._schedule())]

    async def stop(self) -> None:
        """End every worker within seconds; their jobs are retried at the next start."""
        await _end_tasks(self._tasks)
        self._tasks = []
        await _end_tasks([each.task for each in self._running.values() if each.task is not None])
        await self._store.write(_recover)

    async def submit(
        self,
        connection_id: str,
        config_type: ConfigType,
        *,
        streams: Sequence[StreamKey] | None = None,
        refresh_mode: RefreshMode | None = None,
    ) -> int:
        """Queue a job and return its id; durable when this returns. No streams (or none given) means all.

        A reset or refresh cancels the running job first, as Airbyte does; a sync beside a running job is refused.

        Raises:
            JobNotFoundError: no such connection.
            JobRunningError: a job of this connection is pending or running.
            ConnectionInactiveError: the connection is not active.
        """
        keys = [(each.name, each.namespace) for each in streams] if streams else None
        mode = (refresh_mode or "Merge") if config_type == "refresh" else None
        while True:
            try:
                job_id = await self._store.write(_submit, connection_id, config_type, keys, mode)
            except JobRunningError as error:
                if config_type == "sync":
                    raise
                with contextlib.suppress(JobNotRunningError):
                    await self.cancel(error.job_id)
                continue
            self._wake.set()
            return job_id

    async def cancel(self, job_id: int) -> None:
        """Cancel a job; returns when its worker is gone (within 5 s) and the job is `cancelled`.

        Raises:
            JobNotFoundError: no such job.
            JobNotRunningError: it has ended.
        """
        await self._store.write(_request_cancel, job_id)
        running = self._running.get(job_id)
        if running is None or running.task is None:
            await self._store.write(_cancelled, job_id)
            return
        running.cancelled.set()
        if running.worker is None:
            running.task.cancel()
        else:
            await self._end_worker(running.worker, job_id)
        await asyncio.gather(running.task, return_exceptions=True)
        await self._store.write(_cancelled, job_id)

    def log_lines(self, job_id: int, attempt_number: int) -> list[str]:
        """The log of an attempt (secrets removed); empty if there is none yet."""
        path = self._data / _log_file(job_id).format(number=attempt_number)
        try:
            return path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            waiting: list[float] = []
            for job in await self._store.read(stored.open_jobs):
                busy = job["id"] in self._running or len(self._running) >= self._concurrency
                if busy or job["cancel_requested"]:
                    continue
                pause = self._retry_at.get(job["id"], 0.0) - time.monotonic()
                if pause > 0:
                    waiting.append(pause)
                    continue
                running = self._running[job["id"]] = _Running()
                running.task = asyncio.create_task(self._run(job["id"], running))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(waiting, default=3600.0))

    async def _schedule(self) -> None:
        while True:
            try:
                for connection in await self._store.read(stored.scheduled_connections):
                    await self._tick(connection)
            except Exception:  # noqa: BLE001 - the schedules must go on; the reason is logged
                _log.exception("the schedules could not be looked at")
            await asyncio.sleep(SCHEDULE_SECONDS)

    async def _tick(self, connection: dict[str, Any]) -> None:
        connection_id: str = connection["id"]
        try:
            due = due_at(
                {**connection, "updated_at": max(connection["updated_at"], self._skipped.get(connection_id, 0))}
            )
        except ScheduleError as error:
            if connection_id not in self._complained:
                self._complained.add(connection_id)
                _log.error("connection %s never runs by itself: %s", connection["name"], error)
            return
        if due is None or due > now():
            return
        try:
            await self._store.write(_submit, connection_id, "sync", None, None, scheduled=True, due=due)
        except JobRunningError:
            # The job before runs on: this tick is skipped, as Airbyte does. A basic schedule waits for the end.
            if connection["schedule_type"] == "cron":
                self._skipped[connection_id] = now()
        except (ConnectionInactiveError, JobNotFoundError):
            return
        else:
            self._wake.set()

    async def _run(self, job_id: int, running: _Running) -> None:
        try:
            await self._attempt(job_id, running)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - one job's fault must not end the queue; the reason is logged
            _log.exception("job %d failed in the server", job_id)
            await self._store.write(_abandon, job_id)
        finally:
            self._running.pop(job_id, None)
            self._wake.set()

    async def _attempt(self, job_id: int, running: _Running) -> None:
        begun = await self._store.write(_begin, job_id)
        if begun is None:
            return
        attempt_id, number = begun
        try:
            failures = await self._work(job_id, attempt_id, number, running)
        except SchemaChangedError as error:
            # As in Airbyte: the connection is inactive by now, and the job cancelled.
            self._write_log(job_id, number, "ERROR", str(error))
            reason = failure("source", str(error), kind="config_error", timestamp=now())
            await self._store.write(_stopped, job_id, attempt_id, reason)
            return
        except (ConnectorError, UnsupportedStreamError) as error:
            kind = "config_error" if isinstance(error, UnsupportedStreamError) else None
            failures = [failure("source", str(error), kind=kind, timestamp=now())]
            self._write_log(job_id, number, "ERROR", f"{error}\n{getattr(error, 'details', '')}".strip())
        if running.cancelled.is_set():
            ended = failure("airbyte_platform", "the job was cancelled", kind="manual_cancellation", timestamp=now())
            await self._store.write(stored.end_attempt, attempt_id, "failed", [ended])
            return
        status, tries = await self._store.write(_end_attempt, job_id, attempt_id, failures)
        if status == "incomplete":
            pause = self._back_off[min(tries, len(self._back_off)) - 1] if self._back_off else 0.0
            self._retry_at[job_id] = time.monotonic() + pause
        else:
            self._retry_at.pop(job_id, None)

    async def _work(self, job_id: int, attempt_id: int, number: int, running: _Running) -> list[dict[str, Any]]:
        assignment, anew = await self._assignment(job_id, number)
        if running.cancelled.is_set():
            return []
        owner = assignment.owner
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lotus.embedded.jobs.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, MARK: owner},
            start_new_session=True,
            preexec_fn=die_with_parent,
            limit=MAX_EVENT_BYTES,
        )
        running.worker = worker
        complaints = asyncio.create_task(self._complaints(worker, job_id, number))
        ended: dict[str, Any] | None = None
        try:
            await self._store.write(stored.set_worker, attempt_id, worker.pid)
            if running.cancelled.is_set():
                return []
            _send(worker, assignment.dumped())
            ended = await self._listen(worker, assignment, attempt_id, anew)
            return ended["failures"] if ended is not None else [await self._died(worker, complaints)]
        finally:
            await self._end_worker(worker, job_id, orderly=ended is not None)
            complaints.cancel()
            await asyncio.gather(complaints, return_exceptions=True)
            running.worker = None

    async def _assignment(self, job_id: int, number: int) -> tuple[Assignment, set[tuple[str, str | None]]]:
        job, connection, source, destination = await self._store.read(_parts, job_id)
        if job["config_type"] in ("sync", "refresh") and connection["discovered_catalog_id"] is not None:
            await self._look_at_schema(job_id, number, connection, destination["definition"])
            connection = (await self._store.read(_parts, job_id))[1]
        cipher = self._store.cipher
        connection["catalog"] = with_opened_keys(connection["catalog"], cipher)
        source_configuration = cipher.open(source["configuration"], owner=source["id"])
        destination_configuration = cipher.open(destination["configuration"], owner=destination["id"])
        source_definition = _definition(source["definition"])
        destination_definition = _definition(destination["definition"])
        secrets = keys_of(connection["catalog"])
        spec = await self._connectors.spec(destination_definition)
        secrets |= secret_values(destination_configuration, spec.get("connectionSpecification"))
        command: list[str] | None = None
        if job["config_type"] not in ("reset_connection", "clear"):
            program = await self._connectors.program(source_definition)
            spec = await self._connectors.spec(source_definition)
            secrets |= secret_values(source_configuration, spec.get("connectionSpecification"))
            source_configuration = program.configuration(source_configuration)
            command = list(program.argv)
        made: Plan = await self._store.write(plan, connection, job)
        assignment = Assignment(
            job_id=job_id,
            attempt_number=number,
            connection_id=connection["id"],
            started_at=job["started_at"],
            streams=made.streams,
            destination=destination_definition.docker_repository.rsplit("/", 1)[-1].removeprefix("destination-"),
            destination_configuration=destination_configuration,
            scratch=str(self._data / "scratch" / connection["id"]),
            log_file=str(self._data / _log_file(job_id).format(number=number)),
            owner=f"{self._owner}#{job_id}",
            secrets=sorted(secrets),
            command=command,
            source_configuration=source_configuration if command else {},
            catalog=made.catalog,
            states=made.states,
            source_states=made.source_states,
            done=[list(key) for key in made.done],
            silence_seconds=self._silence_seconds,
            flush_seconds=self._flush_seconds,
        )
        return assignment, {(each.name, each.namespace) for each in made.streams if each.whole}

    async def _look_at_schema(
        self, job_id: int, number: int, connection: dict[str, Any], destination_definition: dict[str, Any]
    ) -> None:
        """Takes over what changed in the source since the last sync, or stops the connection.

        Raises:
            ConnectorError: the source had to be asked, and failed.
            SchemaChangedError: the connection is inactive now.
        """
        source = await self._store.read(stored_actors.actor, self._store.cipher, connection["source_id"])
        if source is None:
            raise JobNotFoundError(f"connection {connection['id']} has no source")
        definition = await self._store.read(stored_definitions.definition, source.definition_id)
        if definition is None:
            raise JobNotFoundError(f"source {source.id} has no definition")
        since = now() - int(self._schema_seconds * 1000)
        offered = await discovery.discover(self._store, self._connectors, source, definition, since=since)
        modes = destination_sync_modes(await self._connectors.spec(_definition(destination_definition)))
        found = await self._store.write(schema_changes.look, connection["id"], offered, modes, propagate=True)
        if found.stops:
            raise SchemaChangedError(found.reason)
        if found.changes:
            behavior = connection["non_breaking_schema_updates"]
            told = f"the source's schema changed ({behavior}): {schema_changes.described(found.changes)}"
            self._write_log(job_id, number, "WARN", told)

    async def _listen(
        self,
        worker: asyncio.subprocess.Process,
        assignment: Assignment,
        attempt_id: int,
        anew: set[tuple[str, str | None]],
    ) -> dict[str, Any] | None:
        """Stores what the worker tells, until it has ended; None if it died."""
        if worker.stdout is None:
            return None
        while line := await worker.stdout.readline():
            event: dict[str, Any] = orjson.loads(line)
            match event["event"]:
                case "progress":
                    await self._store.write(stored.record_progress, attempt_id, event["streams"])
                case "committed":
                    await self._store.write(
                        stored.record_commit,
                        assignment.connection_id,
                        attempt_id,
                        streams=event["streams"],
                        states=event["states"],
                        complete=[(name, namespace) for name, namespace in event["complete"]],
                        forget=anew,
                    )
                    _send(worker, orjson.dumps({"ack": event["number"]}) + b"\n")
                case "ended":
                    return event
                case _:
                    pass
        return None

    async def _died(self, worker: asyncio.subprocess.Process, complaints: asyncio.Task[str]) -> dict[str, Any]:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.wait(), CANCEL_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(complaints), 1)
        code = worker.returncode
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        said = complaints.result().strip().splitlines()[-1:] if complaints.done() else []
        return failure(
            "airbyte_platform",
            f"the sync's worker process was ended by {how}" + (f": {said[0]}" if said else ""),
            timestamp=now(),
        )

    async def _complaints(self, worker: asyncio.subprocess.Process, job_id: int, number: int) -> str:
        """The worker's stderr (Python tracebacks, crashes of native code) goes to the attempt's log."""
        tail = ""
        if worker.stderr is not None:
            while block := await worker.stderr.read(64 * 1024):
                text = block.decode(errors="replace")
                tail = (tail + text)[-10_000:]
                self._write_log(job_id, number, "ERROR", text.rstrip())
        return tail

    async def _end_worker(self, worker: asyncio.subprocess.Process, job_id: int, *, orderly: bool = False) -> None:
        """Ends a worker and whatever it started; an orderly one has only its own exit left."""
        if worker.returncode is None and not orderly:
            kill_group(worker.pid, number=signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.wait(), CANCEL_SECONDS)
        if worker.returncode != 0:
            kill_group(worker.pid)
            await asyncio.to_thread(sweep, f"{self._owner}#{job_id}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.wait(), CANCEL_SECONDS)

    def _write_log(self, job_id: int, number: int, level: str, message: str) -> None:
        path = self._data / _log_file(job_id).format(number=number)
        path.parent.mkdir(parents=True, exist_ok=True)
        head = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.writelines(f"{head} platform {level} {line}\n" for line in message.splitlines())


async def _end_tasks(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancels tasks until they have ended: `wait_for` of Python 3.11 can swallow a cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=2 * CANCEL_SECONDS)


def _log_file(job_id: int) -> str:
    """Path of an attempt's log below the data directory, with a place for the attempt's number."""
    return f"logs/{job_id}/{{number}}.log"


def _send(worker: asyncio.subprocess.Process, line: bytes) -> None:
    # A worker that is gone is noticed where its events are read.
    if worker.stdin is not None and not worker.stdin.is_closing():
        with contextlib.suppress(ConnectionError):
            worker.stdin.write(line)


def _definition(row: dict[str, Any]) -> Definition:
    return Definition(
        id=row["id"],
        name=row["name"],
        docker_repository=row["docker_repository"],
        docker_image_tag=row["docker_image_tag"],
        actor_type=row["kind"],
        manifest=row["manifest"],
        custom=row["origin"] != "builtin",
    )


def _recover(db: Connection) -> None:
    """Attempts that nobody works on any more have failed; their jobs are tried again, or were to be cancelled."""
    stored.fail_running_attempts(db, failure("airbyte_platform", INTERRUPTED, kind="transient_error", timestamp=now()))
    for job in stored.open_jobs(db):
        if job["cancel_requested"]:
            stored.set_job_status(db, job["id"], "cancelled")
        elif job["status"] == "running":
            stored.set_job_status(db, job["id"], "incomplete")


def _submit(
    db: Connection,
    connection_id: str,
    config_type: str,
    streams: Sequence[tuple[str, str | None]] | None,
    refresh_mode: str | None,
    *,
    scheduled: bool = False,
    due: int | None = None,
) -> int:
    connection = stored.connection_row(db, connection_id)
    if connection is None or connection["status"] == "deprecated":
        raise JobNotFoundError(f"there is no connection {connection_id}")
    running = stored.open_job(db, connection_id)
    if running is not None:
        raise JobRunningError(connection_id, running["id"])
    if connection["status"] != "active":
        raise ConnectionInactiveError(connection_id, connection["status"])
    if due is not None and stored.ticked_since(db, connection_id, due):
        raise JobRunningError(connection_id, 0)
    return stored.create_job(
        db, connection_id, config_type, streams=streams, refresh_mode=refresh_mode, scheduled=scheduled
    )


def _begin(db: Connection, job_id: int) -> tuple[int, int] | None:
    """A new attempt's id and number; None if the job was cancelled since it was chosen."""
    job = stored.job_row(db, job_id)
    if job is None or job["status"] not in stored.OPEN or job["cancel_requested"]:
        return None
    return stored.start_attempt(db, job_id, log_file=_log_file(job_id))


def _request_cancel(db: Connection, job_id: int) -> None:
    job = stored.job_row(db, job_id)
    if job is None:
        raise JobNotFoundError(f"there is no job {job_id}")
    if job["status"] not in stored.OPEN:
        raise JobNotRunningError(job_id)
    stored.request_cancel(db, job_id)


def _cancelled(db: Connection, job_id: int) -> None:
    """The job is over, unless it ended by itself in the meantime."""
    job = stored.job_row(db, job_id)
    if job is not None and job["status"] in stored.OPEN:
        ended = failure("airbyte_platform", "the job was cancelled", kind="manual_cancellation", timestamp=now())
        for attempt in stored.attempt_rows(db, job_id):
            if attempt["status"] == "running":
                stored.end_attempt(db, attempt["id"], "failed", [ended])
        stored.set_job_status(db, job_id, "cancelled")


def _stopped(db: Connection, job_id: int, attempt_id: int, reason: dict[str, Any]) -> None:
    """The job is cancelled, for this reason."""
    stored.end_attempt(db, attempt_id, "failed", [reason])
    stored.set_job_status(db, job_id, "cancelled")


def _abandon(db: Connection, job_id: int) -> None:
    reason = failure("airbyte_platform", "the embedded Airbyte failed; see its own log", timestamp=now())
    for attempt in stored.attempt_rows(db, job_id):
        if attempt["status"] == "running":
            stored.end_attempt(db, attempt["id"], "failed", [reason])
    stored.set_job_status(db, job_id, "failed")


def _end_attempt(db: Connection, job_id: int, attempt_id: int, failures: Sequence[dict[str, Any]]) -> tuple[str, int]:
    """Ends the attempt and moves the job on: its status, and how many attempts failed for reasons of their own."""
    stored.end_attempt(db, attempt_id, "failed" if failures else "succeeded", failures)
    tries = sum(
        1
        for attempt in stored.attempt_rows(db, job_id)
        if attempt["status"] == "failed" and (attempt["failures"] or [{}])[0].get("externalMessage") != INTERRUPTED
    )
    if not failures:
        status = "succeeded"
    elif tries >= MAX_ATTEMPTS or not all(each["retryable"] for each in failures):
        status = "failed"
    else:
        status = "incomplete"
    stored.set_job_status(db, job_id, status)
    return status, tries


def _parts(db: Connection, job_id: int) -> tuple[Any, Any, Any, Any]:
    """A job with its connection, source and destination, each actor with its definition."""
    job = stored.job_row(db, job_id)
    connection = stored.connection_row(db, job["connection_id"]) if job else None
    if job is None or connection is None:
        raise JobNotFoundError(f"there is no job {job_id}")
    actors: list[dict[str, Any]] = []
    for key in ("source_id", "destination_id"):
        actor = stored.actor_row(db, connection[key])
        definition = stored.definition_row(db, actor["definition_id"]) if actor else None
        if actor is None or definition is None:
            raise JobNotFoundError(f"connection {connection['id']} has no {key.removesuffix('_id')}")
        actors.append({**actor, "definition": definition})
    return job, connection, actors[0], actors[1]
