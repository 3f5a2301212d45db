"""What attempts read and committed, by stream and in sum."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from lotus_server.protocol import StreamKey
from lotus_server.store import sync_states
from lotus_server.store.database import now
from lotus_server.store.schema import attempts, stream_stats

COUNTS = ("records_emitted", "bytes_emitted", "records_committed", "bytes_committed", "records_rejected")


def completed_streams(db: Connection, job_id: int) -> list[StreamKey]:
    """Streams whose data a job has published to the end, in whichever attempt: none of it is to be read again."""
    query = (
        select(stream_stats.c.stream_name, stream_stats.c.stream_namespace)
        .join(attempts, attempts.c.id == stream_stats.c.attempt_id)
        .where(attempts.c.job_id == job_id, stream_stats.c.ended_at.is_not(None))
        .distinct()
    )
    return [(row.stream_name, row.stream_namespace or None) for row in db.execute(query)]


def record_progress(db: Connection, attempt_id: int, streams: Sequence[Mapping[str, Any]]) -> None:
    """What was read so far."""
    at = now()
    for stream in streams:
        values: dict[str, Any] = {"records_emitted": stream["records"], "bytes_emitted": stream["bytes"]}
        if stream["records"]:
            values["status"] = func.coalesce(stream_stats.c.status, "running")
            values["started_at"] = func.coalesce(stream_stats.c.started_at, at)
        if stream.get("status"):
            values["status"] = stream["status"]
        _update_stats(db, attempt_id, (stream["name"], stream["namespace"]), values)
    _sum_up(db, attempt_id)


def record_commit(
    db: Connection,
    connection_id: str,
    attempt_id: int,
    *,
    streams: Sequence[Mapping[str, Any]],
    states: Sequence[Mapping[str, Any]],
    complete: Sequence[StreamKey],
    forget: Collection[StreamKey] = (),
) -> None:
    """Durable records and the states that follow from them, in one step.

    Streams in `forget` were read from the beginning (or cleared): when they are complete, their older state is deleted.
    """
    replaced = [key for key in complete if key in forget]
    if replaced:
        sync_states.delete_states(db, connection_id, replaced)
    for state in states:
        sync_states.put_state(db, connection_id, state)
    for stream in streams:
        values = {
            "records_committed": stream_stats.c.records_committed + stream["records"],
            "bytes_committed": stream_stats.c.bytes_committed + stream["bytes"],
        }
        _update_stats(db, attempt_id, (stream["name"], stream["namespace"]), values)
    for key in complete:
        _update_stats(db, attempt_id, key, {"status": "complete", "ended_at": now()})
    _sum_up(db, attempt_id)


def _update_stats(db: Connection, attempt_id: int, stream: StreamKey, values: Mapping[str, Any]) -> None:
    """Sets columns of a stream's row, which is made if need be."""
    key = {"attempt_id": attempt_id, "stream_name": stream[0], "stream_namespace": stream[1] or ""}
    db.execute(upsert(stream_stats).values(**key, **dict.fromkeys(COUNTS, 0)).on_conflict_do_nothing())
    matches = [stream_stats.c[name] == value for name, value in key.items()]
    db.execute(update(stream_stats).where(*matches).values(**values))


def _sum_up(db: Connection, attempt_id: int) -> None:
    columns = [func.coalesce(func.sum(stream_stats.c[name]), 0).label(name) for name in COUNTS]
    sums = db.execute(select(*columns).where(stream_stats.c.attempt_id == attempt_id)).mappings().one()
    db.execute(update(attempts).where(attempts.c.id == attempt_id).values(**sums, updated_at=now()))
