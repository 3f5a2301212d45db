"""Jobs that have ended long ago, and what goes with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, func, or_, select, update

from lotus_server.domain.job_types import OPEN
from lotus_server.store.schema import attempts, generations, jobs, stream_stats


def expired(db: Connection, *, before: int, keep: int, limit: int) -> Sequence[int]:
    """Jobs that ended before a time, or have so many newer ones of their connection; never a connection's newest."""
    newer = func.row_number().over(partition_by=jobs.c.connection_id, order_by=jobs.c.id.desc())
    ranked = select(jobs.c.id, jobs.c.status, jobs.c.updated_at, newer.label("rank")).subquery()
    query = (
        select(ranked.c.id)
        .where(ranked.c.status.not_in(OPEN), ranked.c.rank > 1)
        .where(or_(ranked.c.rank > keep, ranked.c.updated_at < before))
        .order_by(ranked.c.id)
        .limit(limit)
    )
    return list(db.execute(query).scalars())


def remove_jobs(db: Connection, job_ids: Collection[int]) -> None:
    """Deletes jobs with their attempts and statistics."""
    of_jobs = select(attempts.c.id).where(attempts.c.job_id.in_(job_ids))
    db.execute(delete(stream_stats).where(stream_stats.c.attempt_id.in_(of_jobs)))
    db.execute(delete(attempts).where(attempts.c.job_id.in_(job_ids)))
    db.execute(update(generations).where(generations.c.job_id.in_(job_ids)).values(job_id=None))
    db.execute(delete(jobs).where(jobs.c.id.in_(job_ids)))
