"""How a job moves on: each function is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from lotus_server.domain.job_types import OPEN
from lotus_server.jobs.assignment import failure
from lotus_server.jobs.errors import ConnectionInactiveError, JobNotFoundError, JobNotRunningError, JobRunningError
from lotus_server.protocol import StreamKey
from lotus_server.store import connections, job_history
from lotus_server.store import jobs as stored
from lotus_server.store.database import now
from lotus_server.store.job_history import Attempt

MAX_ATTEMPTS = 3
"""Tries of a job, as docs/airbyte-behaviour.md#attempts has it; one that ended with the server does not count."""

MAX_FAULTS = 10
"""Tries that a fault of the machine, such as a full disk, may end; they do not count as attempts of the connector."""

INTERRUPTED = "the local server was stopped while this attempt ran"


@dataclass(frozen=True)
class JobOutcome:
    """What became of a job when an attempt ended, and how many attempts ended the same way (for the pause)."""

    status: str
    tries: int
    fault: bool
    """The machine was at fault, not the connector."""


def recover_jobs(db: Connection) -> None:
    """Fails attempts whose worker has ended; their jobs are tried again, or are cancelled if that was requested."""
    interrupted = failure("airbyte_platform", INTERRUPTED, kind="transient_error", timestamp=now())
    stored.end_running_attempts(db, interrupted)
    for job in stored.open_jobs(db):
        if job.cancel_requested:
            stored.set_job_status(db, job.id, "cancelled")
        elif job.status == "running":
            stored.set_job_status(db, job.id, "incomplete")


def submit_job(
    db: Connection,
    connection_id: str,
    config_type: str,
    streams: Sequence[StreamKey] | None,
    refresh_mode: str | None,
    *,
    scheduled: bool = False,
) -> int:
    """A new job's id.

    Raises:
        JobNotFoundError: no such connection.
        JobRunningError: a job of this connection is pending or running.
        ConnectionInactiveError: the connection is not active.
    """
    connection = connections.connection(db, connection_id)
    if connection is None or connection.status == "deprecated":
        raise JobNotFoundError(f"there is no connection {connection_id}")
    running = stored.open_job(db, connection_id)
    if running is not None:
        raise JobRunningError(connection_id, running.id)
    if connection.status != "active":
        raise ConnectionInactiveError(connection_id, connection.status)
    return stored.create_job(
        db, connection_id, config_type, streams=streams, refresh_mode=refresh_mode, scheduled=scheduled
    )


def begin_attempt(db: Connection, job_id: int) -> tuple[int, int] | None:
    """A new attempt's id and number; None if the job was cancelled since it was chosen."""
    job = job_history.job(db, job_id)
    if job is None or job.status not in OPEN or job.cancel_requested:
        return None
    return stored.start_attempt(db, job_id)


def note_cancel(db: Connection, job_id: int) -> None:
    """Notes that a job is to be cancelled.

    Raises:
        JobNotFoundError: no such job.
        JobNotRunningError: it has ended.
    """
    job = job_history.job(db, job_id)
    if job is None:
        raise JobNotFoundError(f"there is no job {job_id}")
    if job.status not in OPEN:
        raise JobNotRunningError(job_id)
    stored.request_cancel(db, job_id)


def cancel_job(db: Connection, job_id: int) -> None:
    """The job is over, unless it ended by itself in the meantime."""
    job = job_history.job(db, job_id)
    if job is not None and job.status in OPEN:
        ended = failure("airbyte_platform", "the job was cancelled", kind="manual_cancellation", timestamp=now())
        stored.end_running_attempts(db, ended, job_id=job_id)
        stored.set_job_status(db, job_id, "cancelled")


def stop_job(db: Connection, job_id: int, attempt_id: int, reason: dict[str, Any]) -> None:
    """The job is cancelled, for this reason."""
    stored.end_attempt(db, attempt_id, "failed", [reason])
    stored.set_job_status(db, job_id, "cancelled")


def finish_attempt(db: Connection, job_id: int, attempt_id: int, failures: Sequence[dict[str, Any]]) -> JobOutcome:
    """Ends the attempt and moves the job on."""
    stored.end_attempt(db, attempt_id, "failed" if failures else "succeeded", failures)
    failed = [attempt for attempt in stored.attempts_of_job(db, job_id) if attempt.status == "failed"]
    outcome = _outcome(failures, failed) if failures else JobOutcome("succeeded", 0, fault=False)
    stored.set_job_status(db, job_id, outcome.status)
    return outcome


def _outcome(failures: Sequence[dict[str, Any]], failed: Sequence[Attempt]) -> JobOutcome:
    faults = [attempt for attempt in failed if _has_platform_fault(attempt)]
    if _is_platform_fault(failures[0]):
        tries = sum(1 for attempt in faults if not _was_interrupted(attempt))
        return JobOutcome("failed" if tries >= MAX_FAULTS else "incomplete", tries, fault=True)
    tries = len(failed) - len(faults)
    over = tries >= MAX_ATTEMPTS or not all(each["retryable"] for each in failures)
    return JobOutcome("failed" if over else "incomplete", tries, fault=False)


def _has_platform_fault(attempt: Attempt) -> bool:
    return _is_platform_fault((attempt.failures or [{}])[0])


def _was_interrupted(attempt: Attempt) -> bool:
    """Whether the attempt ended with the server."""
    return (attempt.failures or [{}])[0].get("externalMessage") == INTERRUPTED


def _is_platform_fault(reason: Any) -> bool:
    """Whether the server or its machine was at fault; connectors have an origin of their own."""
    return (reason.get("failureOrigin"), reason.get("failureType")) == ("airbyte_platform", "transient_error")
