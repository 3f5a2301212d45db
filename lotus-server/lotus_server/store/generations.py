"""Generations of streams: one that is written anew gets the next number (docs/airbyte-behaviour.md#generations)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert as upsert

from lotus_server.protocol import StreamKey
from lotus_server.store.rows import row_as
from lotus_server.store.schema import generations


@dataclass(frozen=True)
class Generation:
    """The generation of a stream and the job that raised it (None: gone by now)."""

    connection_id: str
    stream_name: str
    stream_namespace: str
    generation_id: int
    job_id: int | None


def generation(db: Connection, connection_id: str, stream: StreamKey) -> Generation | None:
    """The stream's generation; None before its first one."""
    key = (connection_id, stream[0], stream[1] or "")
    columns = (generations.c.connection_id, generations.c.stream_name, generations.c.stream_namespace)
    matches = [column == value for column, value in zip(columns, key, strict=True)]
    return row_as(Generation, db, generations.select().where(*matches))


def raise_generation(db: Connection, connection_id: str, stream: StreamKey, job_id: int) -> int:
    """The stream's generation for a job: raised once a job, however often it tries."""
    current = generation(db, connection_id, stream)
    if current is not None and current.job_id == job_id:
        return current.generation_id
    number = 1 if current is None else current.generation_id + 1
    values = {"generation_id": number, "job_id": job_id}
    key = {"connection_id": connection_id, "stream_name": stream[0], "stream_namespace": stream[1] or ""}
    db.execute(upsert(generations).values(**key, **values).on_conflict_do_update(list(key), set_=values))
    return number
