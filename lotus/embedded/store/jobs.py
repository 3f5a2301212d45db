"""Jobs, attempts, committed state and generations in the store; each function is one step of a transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from lotus.embedded.store import schema
from lotus.embedded.store.database import now

Row = dict[str, Any]

OPEN = ("pending", "running", "incomplete")
"""Statuses of a job that has not ended."""

StreamKey = tuple[str, str | None]


def connection_row(db: Connection, connection_id: str) -> Row | None:
    """The connection as stored, deprecated ones too."""
    return _first(db, select(schema.connections).where(schema.connections.c.id == connection_id))


def actor_row(db: Connection, actor_id: str) -> Row | None:
    """A source or destination; its configuration is still sealed."""
    return _first(db, select(schema.actors).where(schema.actors.c.id == actor_id))


def definition_row(db: Connection, definition_id: str) -> Row | None:
    """The definition of an actor."""
    return _first(db, select(schema.definitions).where(schema.definitions.c.id == definition_id))


def job_row(db: Connection, job_id: int) -> Row | None:
    """A job."""
    return _first(db, select(schema.jobs).where(schema.jobs.c.id == job_id))


def open_job(db: Connection, connection_id: str) -> Row | None:
    """The job of a connection that has not ended: there is one at most."""
    jobs = schema.jobs
    return _first(
        db,
        select(jobs).where(jobs.c.connection_id == connection_id, jobs.c.status.in_(OPEN)).order_by(jobs.c.id).limit(1),
    )


def open_jobs(db: Connection) -> list[Row]:
    """All jobs that have not ended, oldest first."""
    jobs = schema.jobs
    return _all(db, select(jobs).where(jobs.c.status.in_(OPEN)).order_by(jobs.c.id))


def attempt_rows(db: Connection, job_id: int) -> list[Row]:
    """The attempts of a job, first to last."""
    attempts = schema.attempts
    return _all(db, select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number))


def stream_stats_rows(db: Connection, attempt_id: int) -> list[Row]:
    """Statistics of an attempt's streams."""
    stats = schema.stream_stats
    return _all(db, select(stats).where(stats.c.attempt_id == attempt_id).order_by(stats.c.stream_name))


def completed_streams(db: Connection, job_id: int) -> list[StreamKey]:
    """Streams whose data a job has published to the end, in whichever attempt: none of it is to be read again."""
    stats, attempts = schema.stream_stats, schema.attempts
    query = (
        select(stats.c.stream_name, stats.c.stream_namespace)
        .join(attempts, attempts.c.id == stats.c.attempt_id)
        .where(attempts.c.job_id == job_id, stats.c.ended_at.is_not(None))
        .distinct()
    )
    return [(row.stream_name, row.stream_namespace or None) for row in db.execute(query)]


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
        insert(schema.jobs).values(
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
    jobs = schema.jobs
    db.execute(update(jobs).where(jobs.c.id == job_id).values(status=status, updated_at=at))
    if status == "running":
        db.execute(update(jobs).where(jobs.c.id == job_id, jobs.c.started_at.is_(None)).values(started_at=at))


def request_cancel(db: Connection, job_id: int) -> None:
    """Remembers that a job is to be cancelled, so that a restart does not retry it."""
    jobs = schema.jobs
    db.execute(update(jobs).where(jobs.c.id == job_id).values(cancel_requested=True, updated_at=now()))


def start_attempt(db: Connection, job_id: int, *, log_file: str) -> tuple[int, int]:
    """A running attempt: its id and its number (from 0). `log_file` may hold `{number}`."""
    number = len(attempt_rows(db, job_id))
    at = now()
    set_job_status(db, job_id, "running")
    result = db.execute(
        insert(schema.attempts).values(
            job_id=job_id,
            number=number,
            status="running",
            records_emitted=0,
            bytes_emitted=0,
            records_committed=0,
            bytes_committed=0,
            records_rejected=0,
            log_file=log_file.format(number=number),
            created_at=at,
            updated_at=at,
        )
    )
    return _inserted(result), number


def end_attempt(db: Connection, attempt_id: int, status: str, failures: Sequence[Mapping[str, Any]]) -> None:
    """Ends an attempt with its reasons."""
    at = now()
    attempts = schema.attempts
    db.execute(
        update(attempts)
        .where(attempts.c.id == attempt_id)
        .values(status=status, failures=list(failures) or None, worker_pid=None, updated_at=at, ended_at=at)
    )


def set_worker(db: Connection, attempt_id: int, pid: int) -> None:
    """Notes the attempt's worker process."""
    attempts = schema.attempts
    db.execute(update(attempts).where(attempts.c.id == attempt_id).values(worker_pid=pid))


def fail_running_attempts(db: Connection, failure: Mapping[str, Any]) -> list[int]:
    """Ends the attempts that a killed server left running; returns their jobs."""
    attempts = schema.attempts
    rows = _all(db, select(attempts).where(attempts.c.status == "running"))
    for row in rows:
        end_attempt(db, row["id"], "failed", [failure])
    return [row["job_id"] for row in rows]


def record_progress(db: Connection, attempt_id: int, streams: Sequence[Mapping[str, Any]]) -> None:
    """What was read so far."""
    at = now()
    for stream in streams:
        row = _stats(db, attempt_id, stream)
        values: Row = {"records_emitted": stream["records"], "bytes_emitted": stream["bytes"]}
        if stream.get("status"):
            values["status"] = stream["status"]
        elif stream["records"] and row["status"] is None:
            values["status"] = "running"
        if stream["records"] and row["started_at"] is None:
            values["started_at"] = at
        _update_stats(db, attempt_id, stream, values)
    _sum_up(db, attempt_id)


def record_commit(
    db: Connection,
    connection_id: str,
    attempt_id: int,
    *,
    streams: Sequence[Mapping[str, Any]],
    states: Sequence[Mapping[str, Any]],
    complete: Sequence[Sequence[Any]],
    forget: Collection[StreamKey] = (),
) -> None:
    """Durable records and the states that follow from them, in one step.

    Streams in `forget` were read anew (or cleared): when they are complete, a state from before goes.
    """
    at = now()
    gone = [(name, namespace) for name, namespace in complete if (name, namespace) in forget]
    if gone:
        delete_states(db, connection_id, gone, every=_covers(db, connection_id, gone))
    for state in states:
        put_state(db, connection_id, state)
    for stream in streams:
        row = _stats(db, attempt_id, stream)
        _update_stats(
            db,
            attempt_id,
            stream,
            {
                "records_committed": row["records_committed"] + stream["records"],
                "bytes_committed": row["bytes_committed"] + stream["bytes"],
            },
        )
    for name, namespace in complete:
        stream = {"name": name, "namespace": namespace}
        _stats(db, attempt_id, stream)
        _update_stats(db, attempt_id, stream, {"status": "complete", "ended_at": at})
    _sum_up(db, attempt_id)


def committed_states(db: Connection, connection_id: str) -> list[Row]:
    """The states as a worker takes and gives them: `kind`, `name`, `namespace`, `text`."""
    states = schema.states
    rows = _all(db, select(states).where(states.c.connection_id == connection_id).order_by(states.c.stream_name))
    shared = next((row for row in rows if row["kind"] == "global"), None)
    if shared is not None:
        parts = [
            {
                "stream_descriptor": {"name": row["stream_name"], "namespace": row["stream_namespace"] or None},
                "stream_state": row["state"],
            }
            for row in rows
            if row["kind"] == "stream" and row["in_global"]
        ]
        value = {"shared_state": shared["state"], "stream_states": parts}
        return [{"kind": "global", "name": "", "namespace": None, "text": orjson.dumps(value).decode()}]
    return [
        {
            "kind": row["kind"],
            "name": row["stream_name"],
            "namespace": row["stream_namespace"] or None,
            "text": orjson.dumps(row["state"]).decode(),
        }
        for row in rows
    ]


def state_changed_at(db: Connection, connection_id: str, stream: StreamKey) -> int:
    """When a stream's state was last stored; 0 if it has none."""
    states = schema.states
    row = _first(
        db,
        select(states).where(
            states.c.connection_id == connection_id,
            states.c.kind == "stream",
            states.c.stream_name == stream[0],
            states.c.stream_namespace == (stream[1] or ""),
        ),
    )
    return row["updated_at"] if row else 0


def without_streams(state: Mapping[str, Any], streams: Collection[StreamKey]) -> Row:
    """A global state without the parts of some streams."""
    value = orjson.loads(state["text"])
    parts = [
        part
        for part in value.get("stream_states") or []
        if (part["stream_descriptor"]["name"], part["stream_descriptor"].get("namespace")) not in streams
    ]
    return {**state, "text": orjson.dumps({**value, "stream_states": parts}).decode()}


def put_state(db: Connection, connection_id: str, state: Mapping[str, Any]) -> None:
    """Stores one state. A global or legacy one replaces all others; a stream's one ends those."""
    value: Any = orjson.loads(state["text"])
    states = schema.states
    if state["kind"] == "stream":
        db.execute(delete(states).where(states.c.connection_id == connection_id, states.c.kind != "stream"))
        db.execute(delete(states).where(states.c.connection_id == connection_id, states.c.in_global))
        _put_state(db, connection_id, "stream", state["name"], state["namespace"], value, in_global=False)
        return
    db.execute(delete(states).where(states.c.connection_id == connection_id))
    if state["kind"] == "legacy":
        _put_state(db, connection_id, "legacy", "", None, value, in_global=False)
        return
    _put_state(db, connection_id, "global", "", None, value.get("shared_state"), in_global=False)
    for part in value.get("stream_states") or []:
        descriptor = part["stream_descriptor"]
        _put_state(
            db,
            connection_id,
            "stream",
            descriptor["name"],
            descriptor.get("namespace"),
            part.get("stream_state"),
            in_global=True,
        )


def delete_states(db: Connection, connection_id: str, streams: Sequence[StreamKey], *, every: bool) -> None:
    """Forgets the state of streams; with `every`, also what they share."""
    states = schema.states
    if every:
        db.execute(delete(states).where(states.c.connection_id == connection_id))
        return
    for name, namespace in streams:
        db.execute(
            delete(states).where(
                states.c.connection_id == connection_id,
                states.c.kind == "stream",
                states.c.stream_name == name,
                states.c.stream_namespace == (namespace or ""),
            )
        )


def generation(db: Connection, connection_id: str, stream: StreamKey) -> Row | None:
    """Generation of a stream and the job that raised it."""
    generations = schema.generations
    return _first(
        db,
        select(generations).where(
            generations.c.connection_id == connection_id,
            generations.c.stream_name == stream[0],
            generations.c.stream_namespace == (stream[1] or ""),
        ),
    )


def raise_generation(db: Connection, connection_id: str, stream: StreamKey, job_id: int) -> tuple[int, bool]:
    """The stream's generation for a job, and whether it was raised now: once a job, however often it tries."""
    row = generation(db, connection_id, stream)
    if row is not None and row["job_id"] == job_id:
        return row["generation_id"], False
    generations = schema.generations
    number = 1 if row is None else row["generation_id"] + 1
    key = {"connection_id": connection_id, "stream_name": stream[0], "stream_namespace": stream[1] or ""}
    if row is None:
        db.execute(insert(generations).values(**key, generation_id=number, job_id=job_id))
    else:
        where = [generations.c[name] == value for name, value in key.items()]
        db.execute(update(generations).where(*where).values(generation_id=number, job_id=job_id))
    return number, True


def add_pending_streams(
    db: Connection, connection_id: str, kind: str, streams: Sequence[StreamKey], *, refresh_mode: str | None
) -> None:
    """Notes that streams are to be reset or refreshed; the last word for a stream counts."""
    remove_pending_streams(db, connection_id, streams)
    for name, namespace in streams:
        db.execute(
            insert(schema.pending_streams).values(
                connection_id=connection_id,
                stream_name=name,
                stream_namespace=namespace or "",
                kind=kind,
                refresh_mode=refresh_mode,
                created_at=now(),
            )
        )


def remove_pending_streams(db: Connection, connection_id: str, streams: Sequence[StreamKey]) -> None:
    """Forgets what was asked for streams: it is done, or there is something newer."""
    pending = schema.pending_streams
    for name, namespace in streams:
        db.execute(
            delete(pending).where(
                pending.c.connection_id == connection_id,
                pending.c.stream_name == name,
                pending.c.stream_namespace == (namespace or ""),
            )
        )


def pending_stream_rows(db: Connection, connection_id: str) -> list[Row]:
    """What was asked for streams and not done yet."""
    pending = schema.pending_streams
    return _all(db, select(pending).where(pending.c.connection_id == connection_id).order_by(pending.c.created_at))


def scheduled_connections(db: Connection) -> list[Row]:
    """Active connections with a schedule, each with when its last job was made (`last_job_at`, null: never)."""
    connections = schema.connections
    rows = _all(
        db,
        select(connections).where(connections.c.status == "active", connections.c.schedule_type.in_(("cron", "basic"))),
    )
    jobs = schema.jobs
    for row in rows:
        last = _first(
            db,
            select(jobs)
            .where(jobs.c.connection_id == row["id"], jobs.c.config_type == "sync")
            .order_by(jobs.c.id.desc())
            .limit(1),
        )
        ticks = _first(
            db,
            select(jobs).where(jobs.c.connection_id == row["id"], jobs.c.scheduled).order_by(jobs.c.id.desc()).limit(1),
        )
        row["last_job_at"] = last["created_at"] if last else None
        row["last_tick_at"] = ticks["created_at"] if ticks else None
    return rows


def _covers(db: Connection, connection_id: str, streams: Collection[StreamKey]) -> bool:
    """Whether these are all the streams of a connection, so that what they share goes too."""
    row = connection_row(db, connection_id)
    configured = row["catalog"]["streams"] if row else []
    names = {
        (each["stream"]["name"], each["stream"].get("namespace")) for each in configured if each.get("selected", True)
    }
    return names <= set(streams)


def ticked_since(db: Connection, connection_id: str, due: int) -> bool:
    """Whether the schedule has made a job for this tick or a later one already."""
    jobs = schema.jobs
    found = select(jobs.c.id).where(jobs.c.connection_id == connection_id, jobs.c.scheduled, jobs.c.created_at >= due)
    return db.execute(found.limit(1)).first() is not None


def _put_state(
    db: Connection, connection_id: str, kind: str, name: str, namespace: str | None, value: Any, *, in_global: bool
) -> None:
    states = schema.states
    key: Row = {
        "connection_id": connection_id,
        "kind": kind,
        "stream_name": name,
        "stream_namespace": namespace or "",
    }
    db.execute(delete(states).where(*[states.c[column] == item for column, item in key.items()]))
    db.execute(insert(states).values(**key, in_global=in_global, state=value, updated_at=now()))


def _stats(db: Connection, attempt_id: int, stream: Mapping[str, Any]) -> Row:
    stats = schema.stream_stats
    row = _first(db, select(stats).where(*_stats_key(attempt_id, stream)))
    if row is None:
        db.execute(
            insert(stats).values(
                attempt_id=attempt_id,
                stream_name=stream["name"],
                stream_namespace=stream["namespace"] or "",
                records_emitted=0,
                bytes_emitted=0,
                records_committed=0,
                bytes_committed=0,
                records_rejected=0,
            )
        )
        row = _first(db, select(stats).where(*_stats_key(attempt_id, stream)))
    return row or {}


def _stats_key(attempt_id: int, stream: Mapping[str, Any]) -> list[Any]:
    stats = schema.stream_stats
    return [
        stats.c.attempt_id == attempt_id,
        stats.c.stream_name == stream["name"],
        stats.c.stream_namespace == (stream["namespace"] or ""),
    ]


def _update_stats(db: Connection, attempt_id: int, stream: Mapping[str, Any], values: Row) -> None:
    db.execute(update(schema.stream_stats).where(*_stats_key(attempt_id, stream)).values(**values))


def _sum_up(db: Connection, attempt_id: int) -> None:
    rows = stream_stats_rows(db, attempt_id)
    columns = ("records_emitted", "bytes_emitted", "records_committed", "bytes_committed", "records_rejected")
    sums: Row = {column: sum(row[column] for row in rows) for column in columns}
    attempts = schema.attempts
    db.execute(update(attempts).where(attempts.c.id == attempt_id).values(**sums, updated_at=now()))


def _inserted(result: Any) -> int:
    return int(result.inserted_primary_key[0])


def _first(db: Connection, statement: Any) -> Row | None:
    row = db.execute(statement).mappings().first()
    return None if row is None else dict(row)


def _all(db: Connection, statement: Any) -> list[Row]:
    return [dict(row) for row in db.execute(statement).mappings()]
