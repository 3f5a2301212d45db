"""Jobs as the API shows them; what runs them writes them in ``jobs.py``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, select

from lotus.embedded.store.schema import attempts, connections, jobs, stream_stats

RUNNING = ("pending", "running", "incomplete")
"""Statuses of a job that has not ended; ``incomplete``: an attempt failed and another one follows."""


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
    log_file: str | None
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
    row = db.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    return Job(**row._mapping) if row else None  # pyright: ignore[reportPrivateUsage]


def listed(db: Connection, which: JobFilter, *, limit: int | None = None, offset: int = 0) -> Sequence[Job]:
    """The jobs that fit, ordered, one page."""
    column = jobs.c[which.order_by]
    order = (column.desc(), jobs.c.id.desc()) if which.descending else (column, jobs.c.id)
    query = _filtered(select(jobs), which).order_by(*order).limit(limit).offset(offset)
    return [Job(**row._mapping) for row in db.execute(query)]  # pyright: ignore[reportPrivateUsage]


def count(db: Connection, which: JobFilter) -> int:
    """How many jobs fit."""
    return int(db.execute(_filtered(select(func.count()).select_from(jobs), which)).scalar_one())


def active(db: Connection, connection_ids: Collection[str]) -> Sequence[Job]:
    """Jobs of these connections that have not ended."""
    query = select(jobs).where(jobs.c.connection_id.in_(connection_ids), jobs.c.status.in_(RUNNING))
    return [Job(**row._mapping) for row in db.execute(query.order_by(jobs.c.id))]  # pyright: ignore[reportPrivateUsage]


def latest(db: Connection, connection_ids: Collection[str], config_types: Collection[str]) -> Mapping[str, Job]:
    """Each connection's newest job of these types."""
    newest = (
        select(func.max(jobs.c.id))
        .where(jobs.c.connection_id.in_(connection_ids), jobs.c.config_type.in_(config_types))
        .group_by(jobs.c.connection_id)
    )
    rows = db.execute(select(jobs).where(jobs.c.id.in_(newest)))
    return {row.connection_id: Job(**row._mapping) for row in rows}  # pyright: ignore[reportPrivateUsage]


def attempts_of(db: Connection, job_ids: Collection[int]) -> Mapping[int, Sequence[Attempt]]:
    """Attempts by job, first try first."""
    found: dict[int, list[Attempt]] = {job_id: [] for job_id in job_ids}
    rows = db.execute(select(attempts).where(attempts.c.job_id.in_(job_ids)).order_by(attempts.c.number))
    for row in rows:
        found[row.job_id].append(Attempt(**row._mapping))  # pyright: ignore[reportPrivateUsage]
    return found


def stream_stats_of(db: Connection, attempt_ids: Collection[int]) -> Mapping[int, Sequence[StreamStats]]:
    """What each attempt did, by stream name."""
    found: dict[int, list[StreamStats]] = {attempt_id: [] for attempt_id in attempt_ids}
    query = select(stream_stats).where(stream_stats.c.attempt_id.in_(attempt_ids))
    for row in db.execute(query.order_by(stream_stats.c.stream_name, stream_stats.c.stream_namespace)):
        found[row.attempt_id].append(StreamStats(**row._mapping))  # pyright: ignore[reportPrivateUsage]
    return found


def _filtered(query: Select[Any], which: JobFilter) -> Select[Any]:
    if which.connection_ids:
        query = query.where(jobs.c.connection_id.in_(which.connection_ids))
    if which.workspace_ids:
        of_workspaces = select(connections.c.id).where(connections.c.workspace_id.in_(which.workspace_ids))
        query = query.where(jobs.c.connection_id.in_(of_workspaces))
    if which.config_types:
        query = query.where(jobs.c.config_type.in_(which.config_types))
    if which.statuses:
        query = query.where(jobs.c.status.in_(which.statuses))
    for column, lowest, highest in (
        (jobs.c.created_at, which.created_from, which.created_to),
        (jobs.c.updated_at, which.updated_from, which.updated_to),
    ):
        if lowest is not None:
            query = query.where(column >= lowest)
        if highest is not None:
            query = query.where(column <= highest)
    return query
