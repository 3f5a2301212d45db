"""Deletes a resource with everything that depends on it: actors, their connections, and the jobs of those."""

from __future__ import annotations

from collections.abc import Collection

from lotus_server.errors import BadRequest, ResourceNotFound, StateConflict
from lotus_server.services import jobs, workspaces
from lotus_server.services.server import Server
from lotus_server.store import actors as stored_actors
from lotus_server.store import connections as stored_connections
from lotus_server.store import definitions as stored_definitions
from lotus_server.store import workspaces as stored_workspaces
from lotus_server.store.actors import Actor
from lotus_server.store.connections import StoredConnection
from lotus_server.store.definitions import StoredDefinition
from lotus_server.store.workspaces import DEFAULT_WORKSPACE_ID


async def delete_workspace(server: Server, workspace_id: str) -> None:
    """Deletes a workspace and all that is in it; the default one stays.

    Raises:
        StateConflict: it is the default workspace.
    """
    workspace = await workspaces.existing(server, workspace_id)
    if workspace.id == DEFAULT_WORKSPACE_ID:
        raise StateConflict("The default workspace cannot be deleted: the server creates it at every start")
    for kind in ("source", "destination"):
        for actor in await server.store.read(
            stored_actors.listed, server.store.cipher, kind=kind, workspace_ids=[workspace.id]
        ):
            await delete_actor(server, actor)
    await server.store.write(stored_workspaces.change, workspace.id, tombstone=True)


async def delete_definition(server: Server, definition: StoredDefinition) -> None:
    """Deletes a custom or declarative definition and, as Airbyte does, everything made of it first.

    Raises:
        BadRequest: it is a builtin one.
    """
    if definition.origin == "builtin":
        raise BadRequest(f"{definition.name} comes with the server and cannot be deleted")
    for actor in await server.store.read(
        stored_actors.listed, server.store.cipher, kind=definition.kind, definition_id=definition.id
    ):
        await delete_actor(server, actor)
    await server.store.write(stored_definitions.change, definition.id, tombstone=True)


async def delete_actor(server: Server, actor: Actor) -> None:
    """Deletes the actor, its connections first; their running jobs are cancelled."""
    await _delete_connections(server, await server.store.read(stored_connections.using_actor, actor.id))
    await server.store.write(stored_actors.bury, server.store.cipher, actor.id)
    await server.store.write(stored_connections.forget_discovered, actor.id)


async def delete_connection(server: Server, connection: StoredConnection) -> None:
    """Deletes the connection: its status becomes ``deprecated``, its running job is cancelled.

    Raises:
        ResourceNotFound: it is deleted already.
    """
    if connection.status == "deprecated":
        raise ResourceNotFound("connection", connection.id)
    await _delete_connections(server, [connection.id])


async def _delete_connections(server: Server, connection_ids: Collection[str]) -> None:
    if connection_ids:
        await server.store.write(stored_connections.deprecate, connection_ids)
        await jobs.cancel_active(server, connection_ids)
