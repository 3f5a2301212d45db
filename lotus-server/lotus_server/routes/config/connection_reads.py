"""Further reads of connections: searched, paginated, by job, and as the web backend lists them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.routes.config import definitions as config_definitions
from lotus_server.routes.config.actors import ActorPages, page_bounds
from lotus_server.routes.config.connections import connection_read, schedule_read
from lotus_server.routes.config.jobs import ConnectionId, JobId, checked_job_id
from lotus_server.routes.config.workspaces import WorkspaceId, workspace_read
from lotus_server.routes.operation import Body, Operation, read_body, reply
from lotus_server.routes.tags import tag_response
from lotus_server.services import actors, connections, definitions, jobs, workspaces
from lotus_server.services.server import Server
from lotus_server.store.actors import Actor
from lotus_server.store.connections import StoredConnection
from lotus_server.store.tags import Tag


class ConnectionSearch(Body):
    """ConnectionSearch: what is given has to be equal."""

    connection_id: uuid.UUID | None = None
    name: str | None = None
    source_id: uuid.UUID | None = None
    destination_id: uuid.UUID | None = None
    status: str | None = None


async def _reads(server: Server, listed: Sequence[StoredConnection]) -> list[dict[str, Any]]:
    tags = await connections.tags_of(server, listed)
    return [connection_read(connection, tags[connection.id]) for connection in listed]


async def _search(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionSearch)
    criteria: Mapping[str, Any] = {
        "connectionId": body.connection_id,
        "name": body.name,
        "sourceId": body.source_id,
        "destinationId": body.destination_id,
        "status": body.status,
    }
    reads = await _reads(server, await connections.listed(server))
    matches = [
        read for read in reads if all(value is None or read[name] == str(value) for name, value in criteria.items())
    ]
    return reply({"connections": matches})


async def _list_paginated(server: Server, request: Request) -> Response:
    body = await read_body(request, ActorPages)
    limit, offset = page_bounds(body.pagination)
    listed = await connections.listed(
        server,
        workspace_ids=[str(workspace_id) for workspace_id in body.workspace_ids],
        include_deleted=bool(body.include_deleted),
        limit=limit,
        offset=offset,
    )
    return reply({"connections": await _reads(server, listed)})


async def _of_job(server: Server, request: Request) -> Response:
    job = await jobs.existing(server, checked_job_id((await read_body(request, JobId)).id))
    connection = await connections.existing(server, job.connection_id)
    return reply((await _reads(server, [connection]))[0])


async def _workspace(server: Server, request: Request) -> Response:
    body = await read_body(request, ConnectionId)
    connection = await connections.existing(server, str(body.connection_id))
    return reply(workspace_read(await workspaces.existing(server, connection.workspace_id)))


async def _web_backend_list(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceId)
    workspace = await workspaces.existing(server, str(body.workspace_id))
    listed = await connections.listed(server, workspace_ids=[workspace.id])
    tags = await connections.tags_of(server, listed)
    items = [await _list_item(server, connection, tags[connection.id]) for connection in listed]
    return reply({"connections": items, "page_size": len(items), "num_connections": len(items)})


async def _list_item(server: Server, connection: StoredConnection, tags: Sequence[Tag]) -> dict[str, Any]:
    """WebBackendConnectionListItem."""
    source = await actors.existing(server, connection.source_id, "source")
    destination = await actors.existing(server, connection.destination_id, "destination")
    latest = await jobs.latest(server, connection.id)
    item: dict[str, Any] = {
        "connectionId": connection.id,
        "name": connection.name,
        "status": connection.status,
        "source": await _snippet(server, source),
        "destination": await _snippet(server, destination),
        "isSyncing": await jobs.is_active(server, connection.id),
        "schemaChange": "breaking" if connection.breaking_change else "no_change",
        "sourceActorDefinitionVersion": await _version(server, source),
        "destinationActorDefinitionVersion": await _version(server, destination),
        "tags": [tag_response(tag) for tag in tags],
        "onDemandEnabled": False,
        **schedule_read(connection),
    }
    item.pop("schedule", None)
    if latest is not None:
        item |= {"latestSyncJobCreatedAt": latest.created_at // 1000, "latestSyncJobStatus": latest.status}
    return item


async def _snippet(server: Server, actor: Actor) -> dict[str, Any]:
    """SourceSnippetRead or DestinationSnippetRead."""
    definition = await definitions.even_deleted(server, actor.definition_id)
    return {
        f"{actor.kind}Id": actor.id,
        "name": actor.name,
        f"{actor.kind}DefinitionId": definition.id,
        f"{actor.kind}Name": definition.name,
    }


async def _version(server: Server, actor: Actor) -> dict[str, Any]:
    return config_definitions.version_read(await definitions.even_deleted(server, actor.definition_id))


OPERATIONS = [
    Operation("POST", "/connections/search", "searchConnections", _search),
    Operation("POST", "/connections/list_paginated", "listConnectionsForWorkspacesPaginated", _list_paginated),
    Operation("POST", "/connections/getForJob", "getConnectionForJob", _of_job),
    Operation("POST", "/workspaces/get_by_connection_id", "getWorkspaceByConnectionId", _workspace),
    Operation("POST", "/web_backend/connections/list", "webBackendListConnectionsForWorkspace", _web_backend_list),
]
