"""Sync states as clients read and set them; what runs jobs commits them in ``jobs.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from lotus_server.store.database import now
from lotus_server.store.schema import states


@dataclass(frozen=True)
class StoredStreamState:
    """The state of one stream; a namespace of "" means none."""

    name: str
    namespace: str
    state: Any


@dataclass(frozen=True)
class ConnectionState:
    """All state of a connection: of ``stream``, ``global`` or ``legacy`` type, or ``not_set``."""

    state_type: str
    streams: Sequence[StoredStreamState] = ()
    shared: Any = None
    legacy: Any = None


def state(db: Connection, connection_id: str) -> ConnectionState:
    """What the next sync would start from."""
    query = select(states).where(states.c.connection_id == connection_id)
    rows = db.execute(query.order_by(states.c.stream_name, states.c.stream_namespace)).all()
    streams = [
        StoredStreamState(row.stream_name, row.stream_namespace, row.state) for row in rows if row.kind == "stream"
    ]
    for row in rows:
        if row.kind == "legacy":
            return ConnectionState("legacy", legacy=row.state)
        if row.kind == "global":
            return ConnectionState("global", streams, shared=row.state)
    if any(row.in_global for row in rows):
        return ConnectionState("global", streams)
    return ConnectionState("stream", streams) if streams else ConnectionState("not_set")


def replace(db: Connection, connection_id: str, new: ConnectionState) -> None:
    """Sets the whole state of a connection."""
    db.execute(delete(states).where(states.c.connection_id == connection_id))
    common = {"connection_id": connection_id, "updated_at": now()}
    if new.state_type == "legacy":
        db.execute(insert(states).values(**common, kind="legacy", state=new.legacy))
        return
    if new.state_type == "global":
        db.execute(insert(states).values(**common, kind="global", state=new.shared))
    rows: Mapping[tuple[str, str], StoredStreamState] = {(entry.name, entry.namespace): entry for entry in new.streams}
    for (name, namespace), entry in rows.items():
        values = {"stream_name": name, "stream_namespace": namespace, "in_global": new.state_type == "global"}
        db.execute(insert(states).values(**common, **values, kind="stream", state=entry.state))
