"""Jobs as the API shows them; what runs them writes them in ``jobs.py``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, select

from lotus_server.domain.job_types import OPEN
from lotus_server.store.rows import row_as, rows_as
from lotus_server.store.schema import attempts, connections, jobs, stream_stats


@dataclass(frozen=True)
class Job:
    """One run of a connection."""

    id: int
    connection_id: str
    config_type: str
    status: str
    streams: Sequence[Mapping[str, Any]] | None
    refresh_mode: str | None
    scheduled: bool
    cancel_requested: bool
    created_at: int
    started_at: int | None
    updated_at: int


@dataclass(frozen=True)
class StreamStats:
    """What an attempt did for one stream."""

    attempt_id: int
    stream_name: str
    stream_namespace: str
    status: str | None
    records_emitted: int
    bytes_emitted: int
    records_committed: int
    bytes_committed: int
    records_rejected: int
    started_at: int | None
    ended_at: int | None


@dataclass(frozen=True)
class Attempt:
    """One try of a job."""

    id: int
    job_id: int
    number: int
    status: str
    records_emitted: int
    bytes_emitted: int
    records_committed: int
    bytes_committed: int
    records_rejected: int
    failures: Sequence[Mapping[str, Any]] | None
    worker_pid: int | None
    created_at: int
    updated_at: int
    ended_at: int | None


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list; times in epoch milliseconds, inclusive. Empty collections mean all."""

    connection_ids: Collection[str] = ()
    workspace_ids: Collection[str] = ()
    config_types: Collection[str] = ()
    statuses: Collection[str] = ()
    created_from: int | None = None
    created_to: int | None = None
    updated_from: int | None = None
    updated_to: int | None = None
    order_by: Literal["created_at", "updated_at"] = "created_at"
    descending: bool = False


def job(db: Connection, job_id: int) -> Job | None:
    """The job."""
    return row_as(Job, db, select(jobs).where(jobs.c.id == job_id))


def listed(db: Connection, criteria: JobFilter, *, limit: int | None = None, offset: int = 0) -> Sequence[Job]:
    """The jobs that fit, ordered, one page."""
    column = jobs.c[criteria.order_by]
    order = (column.desc(), jobs.c.id.desc()) if criteria.descending else (column, jobs.c.id)
    query = _filtered(select(jobs), criteria).order_by(*order).limit(limit).offset(offset)
    return rows_as(Job, db, query)


def count_jobs(db: Connection, criteria: JobFilter) -> int:
    """How many jobs fit."""
    return int(db.execute(_filtered(select(func.count()).select_from(jobs), criteria)).scalar_one())


def active(db: Connection, connection_ids: Collection[str]) -> Sequence[Job]:
    """Jobs of these connections that have not ended."""
    query = select(jobs).where(jobs.c.connection_id.in_(connection_ids), jobs.c.status.in_(OPEN))
    return rows_as(Job, db, query.order_by(jobs.c.id))


def latest_jobs(db: Connection, connection_ids: Collection[str], config_types: Collection[str]) -> Mapping[str, Job]:
    """Each connection's newest job of these types."""
    newest = (
        select(func.max(jobs.c.id))
        .where(jobs.c.connection_id.in_(connection_ids), jobs.c.config_type.in_(config_types))
        .group_by(jobs.c.connection_id)
    )
    return {job.connection_id: job for job in rows_as(Job, db, select(jobs).where(jobs.c.id.in_(newest)))}


def attempts_of(db: Connection, job_ids: Collection[int]) -> Mapping[int, Sequence[Attempt]]:
    """Attempts by job, first try first."""
    by_job: dict[int, list[Attempt]] = {job_id: [] for job_id in job_ids}
    query = select(attempts).where(attempts.c.job_id.in_(job_ids)).order_by(attempts.c.number)
    for attempt in rows_as(Attempt, db, query):
        by_job[attempt.job_id].append(attempt)
    return by_job


def stream_stats_of(db: Connection, attempt_ids: Collection[int]) -> Mapping[int, Sequence[StreamStats]]:
    """What each attempt did, by stream name."""
    by_attempt: dict[int, list[StreamStats]] = {attempt_id: [] for attempt_id in attempt_ids}
    query = select(stream_stats).where(stream_stats.c.attempt_id.in_(attempt_ids))
    for stats in rows_as(StreamStats, db, query.order_by(stream_stats.c.stream_name, stream_stats.c.stream_namespace)):
        by_attempt[stats.attempt_id].append(stats)
    return by_attempt


def _filtered(query: Select[Any], criteria: JobFilter) -> Select[Any]:
    if criteria.connection_ids:
        query = query.where(jobs.c.connection_id.in_(criteria.connection_ids))
    if criteria.workspace_ids:
        of_workspaces = select(connections.c.id).where(connections.c.workspace_id.in_(criteria.workspace_ids))
        query = query.where(jobs.c.connection_id.in_(of_workspaces))
    if criteria.config_types:
        query = query.where(jobs.c.config_type.in_(criteria.config_types))
    if criteria.statuses:
        query = query.where(jobs.c.status.in_(criteria.statuses))
    for column, lowest, highest in (
        (jobs.c.created_at, criteria.created_from, criteria.created_to),
        (jobs.c.updated_at, criteria.updated_from, criteria.updated_to),
    ):
        if lowest is not None:
            query = query.where(column >= lowest)
        if highest is not None:
            query = query.where(column <= highest)
    return query
