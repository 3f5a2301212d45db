"""Jobs and their attempts, as they are made and moved on; each function is one step of a transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from lotus_server.domain.job_types import OPEN
from lotus_server.protocol import StreamKey
from lotus_server.store.database import now
from lotus_server.store.job_history import Attempt, Job
from lotus_server.store.rows import rows_as
from lotus_server.store.schema import attempts, jobs


def open_job(db: Connection, connection_id: str) -> Job | None:
    """The job of a connection that has not ended: there is one at most."""
    query = select(jobs).where(jobs.c.connection_id == connection_id, jobs.c.status.in_(OPEN)).order_by(jobs.c.id)
    return next(iter(rows_as(Job, db, query.limit(1))), None)


def open_jobs(db: Connection) -> Sequence[Job]:
    """All jobs that have not ended, oldest first."""
    return rows_as(Job, db, select(jobs).where(jobs.c.status.in_(OPEN)).order_by(jobs.c.id))


def attempts_of_job(db: Connection, job_id: int) -> Sequence[Attempt]:
    """The attempts of a job, first to last."""
    return rows_as(Attempt, db, select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number))


def create_job(
    db: Connection,
    connection_id: str,
    config_type: str,
    *,
    streams: Sequence[StreamKey] | None = None,
    refresh_mode: str | None = None,
    scheduled: bool = False,
) -> int:
    """A pending job."""
    at = now()
    listed = None if streams is None else [{"name": name, "namespace": namespace} for name, namespace in streams]
    result = db.execute(
        insert(jobs).values(
            connection_id=connection_id,
            config_type=config_type,
            status="pending",
            streams=listed,
            refresh_mode=refresh_mode,
            scheduled=scheduled,
            created_at=at,
            updated_at=at,
        )
    )
    return _inserted(result)


def set_job_status(db: Connection, job_id: int, status: str) -> None:
    """Moves a job on; the first `running` notes when it started."""
    at = now()
    db.execute(update(jobs).where(jobs.c.id == job_id).values(status=status, updated_at=at))
    if status == "running":
        db.execute(update(jobs).where(jobs.c.id == job_id, jobs.c.started_at.is_(None)).values(started_at=at))


def request_cancel(db: Connection, job_id: int) -> None:
    """Remembers that a job is to be cancelled, so that a restart does not retry it."""
    db.execute(update(jobs).where(jobs.c.id == job_id).values(cancel_requested=True, updated_at=now()))


def start_attempt(db: Connection, job_id: int) -> tuple[int, int]:
    """A running attempt: its id and its number (from 0)."""
    number = len(attempts_of_job(db, job_id))
    at = now()
    set_job_status(db, job_id, "running")
    result = db.execute(
        insert(attempts).values(
            job_id=job_id,
            number=number,
            status="running",
            records_emitted=0,
            bytes_emitted=0,
            records_committed=0,
            bytes_committed=0,
            records_rejected=0,
            created_at=at,
            updated_at=at,
        )
    )
    return _inserted(result), number


def end_attempt(db: Connection, attempt_id: int, status: str, failures: Sequence[Mapping[str, Any]]) -> None:
    """Ends an attempt with its reasons."""
    at = now()
    db.execute(
        update(attempts)
        .where(attempts.c.id == attempt_id)
        .values(status=status, failures=list(failures) or None, worker_pid=None, updated_at=at, ended_at=at)
    )


def end_running_attempts(db: Connection, failure: Mapping[str, Any], *, job_id: int | None = None) -> None:
    """Ends the attempts that nothing works on any more: those of one job, or all."""
    query = select(attempts.c.id).where(attempts.c.status == "running")
    if job_id is not None:
        query = query.where(attempts.c.job_id == job_id)
    for attempt_id in list(db.execute(query).scalars()):
        end_attempt(db, attempt_id, "failed", [failure])


def set_worker(db: Connection, attempt_id: int, pid: int) -> None:
    """Notes the attempt's worker process."""
    db.execute(update(attempts).where(attempts.c.id == attempt_id).values(worker_pid=pid))


def _inserted(result: Any) -> int:
    return int(result.inserted_primary_key[0])
