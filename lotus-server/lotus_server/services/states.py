"""The sync state of connections, as clients read and set it."""

from __future__ import annotations

from sqlalchemy import Connection

from lotus_server.errors import SyncRunning
from lotus_server.services.server import Server
from lotus_server.store import job_history
from lotus_server.store import states as stored
from lotus_server.store.states import ConnectionState


async def state(server: Server, connection_id: str) -> ConnectionState:
    """The connection's state."""
    return await server.store.read(stored.state, connection_id)


async def replace(server: Server, connection_id: str, new: ConnectionState) -> ConnectionState:
    """The state as it is after it was replaced."""
    await server.store.write(stored.replace, connection_id, new)
    return await state(server, connection_id)


async def replace_when_idle(server: Server, connection_id: str, new: ConnectionState) -> ConnectionState:
    """Like ``replace``, but not during a sync, which would overwrite it.

    docs/airbyte-behaviour.md#state-of-a-connection

    Raises:
        SyncRunning: a job of the connection has not ended.
    """

    def replace_unless_active(db: Connection) -> None:
        if job_history.active(db, [connection_id]):
            raise SyncRunning(f"State cannot be updated while a sync is running for: {connection_id}")
        stored.replace(db, connection_id, new)

    await server.store.write(replace_unless_active)
    return await state(server, connection_id)
