"""Committed states as a worker takes and gives them: the connector's blobs with `kind`, `name`, `namespace`, `text`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select

from lotus_server.protocol import StreamKey
from lotus_server.store import connections
from lotus_server.store.database import now
from lotus_server.store.rows import row_as, rows_as
from lotus_server.store.schema import states

WorkerState = dict[str, Any]
"""A state on its way to or from a worker."""


@dataclass(frozen=True)
class _StateRow:
    connection_id: str
    kind: str
    stream_name: str
    stream_namespace: str
    in_global: bool
    state: Any
    updated_at: int


def committed_states(db: Connection, connection_id: str) -> list[WorkerState]:
    """The states that the next attempt of a connection starts from."""
    query = select(states).where(states.c.connection_id == connection_id).order_by(states.c.stream_name)
    rows = rows_as(_StateRow, db, query)
    shared = next((row for row in rows if row.kind == "global"), None)
    if shared is None:
        return [_worker_state(row.kind, row.stream_name, row.stream_namespace, row.state) for row in rows]
    parts = [
        {
            "stream_descriptor": {"name": row.stream_name, "namespace": row.stream_namespace or None},
            "stream_state": row.state,
        }
        for row in rows
        if row.kind == "stream" and row.in_global
    ]
    return [_worker_state("global", "", "", {"shared_state": shared.state, "stream_states": parts})]


def _worker_state(kind: str, name: str, namespace: str, value: Any) -> WorkerState:
    return {"kind": kind, "name": name, "namespace": namespace or None, "text": orjson.dumps(value).decode()}


def state_changed_at(db: Connection, connection_id: str, stream: StreamKey) -> int:
    """When a stream's state was last stored; 0 if it has none."""
    row = row_as(_StateRow, db, select(states).where(*_key(connection_id, "stream", stream)))
    return row.updated_at if row else 0


def without_streams(state: Mapping[str, Any], streams: Collection[StreamKey]) -> WorkerState:
    """A global state without the parts of some streams."""
    value = orjson.loads(state["text"])
    parts = [
        part
        for part in value.get("stream_states") or []
        if (part["stream_descriptor"]["name"], part["stream_descriptor"].get("namespace")) not in streams
    ]
    return {**state, "text": orjson.dumps({**value, "stream_states": parts}).decode()}


def put_state(db: Connection, connection_id: str, state: Mapping[str, Any]) -> None:
    """Stores a state. A global or legacy one replaces all others; a stream's one ends those."""
    value: Any = orjson.loads(state["text"])
    of_connection = states.c.connection_id == connection_id
    if state["kind"] == "stream":
        db.execute(delete(states).where(of_connection, states.c.kind != "stream"))
        db.execute(delete(states).where(of_connection, states.c.in_global))
        _put(db, connection_id, "stream", (state["name"], state["namespace"]), value)
        return
    db.execute(delete(states).where(of_connection))
    if state["kind"] == "legacy":
        _put(db, connection_id, "legacy", ("", None), value)
        return
    _put(db, connection_id, "global", ("", None), value.get("shared_state"))
    for part in value.get("stream_states") or []:
        descriptor = part["stream_descriptor"]
        key = (descriptor["name"], descriptor.get("namespace"))
        _put(db, connection_id, "stream", key, part.get("stream_state"), in_global=True)


def delete_states(db: Connection, connection_id: str, streams: Sequence[StreamKey]) -> None:
    """Forgets the state of streams; if they are all that the connection has, also what they share."""
    if _are_all(db, connection_id, streams):
        db.execute(delete(states).where(states.c.connection_id == connection_id))
        return
    for stream in streams:
        db.execute(delete(states).where(*_key(connection_id, "stream", stream)))


def _are_all(db: Connection, connection_id: str, streams: Collection[StreamKey]) -> bool:
    connection = connections.connection(db, connection_id)
    configured = connection.catalog["streams"] if connection else []
    names = {
        (each["stream"]["name"], each["stream"].get("namespace")) for each in configured if each.get("selected", True)
    }
    return names <= set(streams)


def _put(
    db: Connection, connection_id: str, kind: str, stream: StreamKey, value: Any, *, in_global: bool = False
) -> None:
    db.execute(delete(states).where(*_key(connection_id, kind, stream)))
    values = {"stream_name": stream[0], "stream_namespace": stream[1] or "", "in_global": in_global, "state": value}
    db.execute(insert(states).values(connection_id=connection_id, kind=kind, **values, updated_at=now()))


def _key(connection_id: str, kind: str, stream: StreamKey) -> list[Any]:
    return [
        states.c.connection_id == connection_id,
        states.c.kind == kind,
        states.c.stream_name == stream[0],
        states.c.stream_namespace == (stream[1] or ""),
    ]
