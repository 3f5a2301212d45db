"""When scheduled connections are due next: computed once, and again when the schedule or the clock was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from lotus_server.domain.job_types import OPEN
from lotus_server.domain.schedules import ConnectionSchedule
from lotus_server.store.database import now
from lotus_server.store.rows import rows_as
from lotus_server.store.schema import connections, jobs, next_runs

CLOCK_TOLERANCE_MILLISECONDS = 2_000


@dataclass(frozen=True)
class ScheduledConnection(ConnectionSchedule):
    """An active connection with a schedule."""

    id: str
    has_open_job: bool


_IS_SCHEDULED = (connections.c.status == "active", connections.c.schedule_type.in_(("cron", "basic")))


def _query() -> Select[Any]:
    last_job = (
        select(func.max(jobs.c.created_at))
        .where(jobs.c.connection_id == connections.c.id, jobs.c.config_type == "sync")
        .scalar_subquery()
    )
    open_job = exists().where(jobs.c.connection_id == connections.c.id, jobs.c.status.in_(OPEN))
    columns = [connections.c[name] for name in ("id", "name", "schedule_type", "cron_expression", "cron_time_zone")]
    columns += [connections.c[name] for name in ("basic_units", "basic_time_unit", "created_at")]
    extra = [last_job.label("last_job_at"), open_job.label("has_open_job")]
    return select(*columns, *extra).outerjoin(next_runs, next_runs.c.connection_id == connections.c.id)


def stale(db: Connection, at: int) -> list[ScheduledConnection]:
    """Connections whose next time is not computed, or was before the last change, or by a clock that was ahead."""
    changed = and_(connections.c.updated_at >= next_runs.c.computed_at, connections.c.updated_at <= at)
    ahead = next_runs.c.computed_at > at + CLOCK_TOLERANCE_MILLISECONDS
    outdated = or_(next_runs.c.computed_at.is_(None), changed, ahead)
    return list(rows_as(ScheduledConnection, db, _query().where(*_IS_SCHEDULED, outdated)))


def due(db: Connection, at: int) -> Sequence[ScheduledConnection]:
    """Connections whose time has come."""
    return rows_as(ScheduledConnection, db, _query().where(*_IS_SCHEDULED, next_runs.c.due_at <= at))


def earliest(db: Connection) -> int | None:
    """When the next connection is due."""
    joined = select(func.min(next_runs.c.due_at)).join(connections, connections.c.id == next_runs.c.connection_id)
    return db.execute(joined.where(*_IS_SCHEDULED)).scalar_one()


def put_next_run(db: Connection, connection: ScheduledConnection, due_at: int | None) -> None:
    """Stores when a connection is due next; None: never."""
    values = {"due_at": due_at, "computed_at": now()}
    db.execute(
        upsert(next_runs)
        .values(connection_id=connection.id, **values)
        .on_conflict_do_update(index_elements=["connection_id"], set_=values)
    )
