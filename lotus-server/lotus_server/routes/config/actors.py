"""Sources and destinations of the config API, with check and discover."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lotus_server.errors import BadRequest
from lotus_server.routes.config import synchronous_jobs
from lotus_server.routes.config.sync_catalog import discovered_read
from lotus_server.routes.operation import Body, Handler, Operation, no_content, read_body, reply
from lotus_server.services import actors, connections, definitions, deletion, discovery, workspaces
from lotus_server.services.actors import DescribedActor
from lotus_server.services.server import Server
from lotus_server.store import now
from lotus_server.store.actors import Actor
from lotus_server.store.definitions import Kind


class ActorId(Body):
    """SourceIdRequestBody and DestinationIdRequestBody."""

    source_id: uuid.UUID | None = None
    destination_id: uuid.UUID | None = None

    def of(self, kind: Kind) -> str:
        """The id of this kind.

        Raises:
            BadRequest: it is missing.
        """
        actor_id = self.source_id if kind == "source" else self.destination_id
        if actor_id is None:
            raise BadRequest(f"The request body is not valid: Object missing required field `{kind}Id`")
        return str(actor_id)


class ActorCreate(Body):
    """SourceCreate and DestinationCreate."""

    name: str
    workspace_id: uuid.UUID
    connection_configuration: dict[str, Any]
    source_definition_id: uuid.UUID | None = None
    destination_definition_id: uuid.UUID | None = None
    secret_id: str | None = None
    resource_allocation: dict[str, Any] | None = None


class ActorUpdate(ActorId):
    """SourceUpdate and DestinationUpdate; the partial updates may leave name and configuration out."""

    name: str | None = None
    connection_configuration: dict[str, Any] | None = None
    secret_id: str | None = None
    resource_allocation: dict[str, Any] | None = None


class ActorList(Body):
    """ActorListCursorPaginatedRequestBody: all are listed, there is no cursor."""

    workspace_id: uuid.UUID


class Pagination(Body):
    """Pagination."""

    page_size: int | None = None
    row_offset: int | None = None


class ActorPages(Body):
    """ListResourcesForWorkspacesRequestBody."""

    workspace_ids: list[uuid.UUID]
    pagination: Pagination | None = None
    include_deleted: bool | None = None
    name_contains: str | None = None


class ActorSearch(ActorId):
    """SourceSearch and DestinationSearch: what is given has to be equal."""

    name: str | None = None
    workspace_id: uuid.UUID | None = None
    source_definition_id: uuid.UUID | None = None
    destination_definition_id: uuid.UUID | None = None
    source_name: str | None = None
    destination_name: str | None = None


class DiscoverRequest(ActorId):
    """SourceDiscoverSchemaRequestBody; its one snake_case key is Airbyte's."""

    disable_cache: bool | None = msgspec.field(name="disable_cache", default=None)
    connection_id: uuid.UUID | None = None


def _actor_read(described: DescribedActor, connections_of_actor: int = 0) -> dict[str, Any]:
    """SourceRead or DestinationRead."""
    actor, kind = described.actor, described.actor.kind
    response: dict[str, Any] = {
        f"{kind}DefinitionId": actor.definition_id,
        f"{kind}Id": actor.id,
        "workspaceId": actor.workspace_id,
        "connectionConfiguration": described.shown_configuration,
        "name": actor.name,
        f"{kind}Name": described.definition.name,
        "isVersionOverrideApplied": False,
        "isEntitled": True,
        "supportState": "supported",
        "status": "active",
        "createdAt": actor.created_at // 1000,
        "numConnections": connections_of_actor,
    }
    if actor.resource_allocation is not None:
        response["resourceAllocation"] = actor.resource_allocation
    return response


async def actor_read(server: Server, actor: Actor) -> dict[str, Any]:
    """SourceRead or DestinationRead of one actor."""
    counts = await actors.connection_counts(server, [actor])
    return _actor_read(await actors.described(server, actor), counts.get(actor.id, 0))


async def _actor_reads(server: Server, listed: Sequence[Actor]) -> list[dict[str, Any]]:
    counts = await actors.connection_counts(server, listed)
    return [
        _actor_read(described, counts.get(described.actor.id, 0))
        for described in await actors.all_described(server, listed)
    ]


def _create(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorCreate)
        definition_id = body.source_definition_id if kind == "source" else body.destination_definition_id
        if definition_id is None:
            raise BadRequest(f"The request body is not valid: Object missing required field `{kind}DefinitionId`")
        workspace = await workspaces.existing(server, str(body.workspace_id))
        created = await actors.create(
            server,
            kind=kind,
            workspace_id=workspace.id,
            name=body.name,
            definition=await definitions.existing(server, str(definition_id), kind, workspace.id),
            configuration=body.connection_configuration,
            resource_allocation=body.resource_allocation,
        )
        return reply(await actor_read(server, created))

    return handler


def _get(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorId)
        return reply(await actor_read(server, await actors.existing(server, body.of(kind), kind)))

    return handler


def _update(kind: Kind, *, partial: bool) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorUpdate)
        if not partial and (body.name is None or body.connection_configuration is None):
            raise BadRequest("The request body is not valid: name and connectionConfiguration are required")
        changed = await actors.change(
            server,
            await actors.existing(server, body.of(kind), kind),
            name=body.name,
            configuration=body.connection_configuration,
            merge=partial,
            resource_allocation=body.resource_allocation,
        )
        return reply(await actor_read(server, changed))

    return handler


def _delete(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorId)
        await deletion.delete_actor(server, await actors.existing(server, body.of(kind), kind))
        return no_content()

    return handler


def _list(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorList)
        workspace = await workspaces.existing(server, str(body.workspace_id))
        listed = await actors.listed(server, kind, [workspace.id])
        return reply({f"{kind}s": await _actor_reads(server, listed)})

    return handler


def _list_paginated(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorPages)
        limit, offset = page_bounds(body.pagination)
        listed = await actors.listed(
            server,
            kind,
            [str(workspace_id) for workspace_id in body.workspace_ids],
            include_deleted=bool(body.include_deleted),
            limit=limit,
            offset=offset,
        )
        return reply({f"{kind}s": await _actor_reads(server, listed)})

    return handler


def _search(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorSearch)
        source = kind == "source"
        criteria = {
            f"{kind}Id": body.source_id if source else body.destination_id,
            "name": body.name,
            "workspaceId": body.workspace_id,
            f"{kind}DefinitionId": body.source_definition_id if source else body.destination_definition_id,
            f"{kind}Name": body.source_name if source else body.destination_name,
        }
        reads = await _actor_reads(server, await actors.listed(server, kind, ()))
        return reply({f"{kind}s": [read for read in reads if _fits(read, criteria)]})

    return handler


def _fits(read: Mapping[str, Any], criteria: Mapping[str, Any]) -> bool:
    return all(value is None or read[name] == str(value) for name, value in criteria.items())


LARGEST_PAGE = 10_000
"""The config API has no limit of its own; this one keeps an answer within what SQLite takes as one list of ids."""


def page_bounds(pagination: Pagination | None, *, default: int = 100) -> tuple[int, int]:
    """Limit and offset of a request.

    Raises:
        BadRequest: they are negative or beyond what can be asked for.
    """
    limit = default if pagination is None or pagination.page_size is None else pagination.page_size
    offset = 0 if pagination is None or pagination.row_offset is None else pagination.row_offset
    if not 0 <= limit <= 2**31 or not 0 <= offset <= 2**31:
        raise BadRequest("pageSize and rowOffset must not be negative")
    return min(limit, LARGEST_PAGE), offset


def _check(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorId)
        actor = await actors.existing(server, body.of(kind), kind)
        return reply(await _checked(server, actor, actor.configuration))

    return handler


def _check_for_update(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorUpdate)
        actor = await actors.existing(server, body.of(kind), kind)
        if body.connection_configuration is None:
            raise BadRequest("The request body is not valid: connectionConfiguration is required")
        configuration = await actors.candidate(server, actor, configuration=body.connection_configuration)
        return reply(await _checked(server, actor, configuration[1]))

    return handler


async def _checked(server: Server, actor: Actor, configuration: Any) -> dict[str, Any]:
    """CheckConnectionRead: a check that fails is an answer too."""
    started = now()
    definition = await definitions.existing(server, actor.definition_id, actor.kind)
    result = await actors.check(server, actor, definition, configuration)
    check_type = "check_connection_source" if actor.kind == "source" else "check_connection_destination"
    response: dict[str, Any] = {
        "status": "succeeded" if result.succeeded else "failed",
        "jobInfo": synchronous_jobs.synchronous_job(
            check_type, config_id=actor.definition_id, started=started, log=result.log
        ),
    }
    response["jobInfo"]["connectorConfigurationUpdated"] = result.configuration is not None
    if result.message:
        response["message"] = result.message
    return response


async def _discover(server: Server, request: Request) -> Response:
    """SourceDiscoverSchemaRead: when the connector fails, ``jobInfo`` says so and there is no catalog."""
    body = await read_body(request, DiscoverRequest)
    source = await actors.existing(server, body.of("source"), "source")
    started = now()
    try:
        discovered = await discovery.discovered_catalog(server, source, ignore_cache=bool(body.disable_cache))
    except discovery.DiscoverFailed as failed:
        job = synchronous_jobs.synchronous_job(
            "discover_schema",
            config_id=source.definition_id,
            started=started,
            failure=failed.message,
            log=failed.log,
        )
        return reply({"jobInfo": job})
    response: dict[str, Any] = {
        "catalog": discovered_read(discovered.catalog),
        "catalogId": discovered.id,
        "jobInfo": synchronous_jobs.synchronous_job("discover_schema", config_id=source.definition_id, started=started),
    }
    if body.connection_id is not None:
        changed = await connections.check_schema(server, str(body.connection_id), source, discovered)
        response["catalogDiff"] = {"transforms": changed.changes}
        response["breakingChange"] = changed.breaking
        response["connectionStatus"] = changed.status
    return reply(response)


async def _latest_catalog(server: Server, request: Request) -> Response:
    body = await read_body(request, ActorId)
    source = await actors.existing(server, body.of("source"), "source")
    latest = await discovery.latest_catalog(server, source)
    return reply({"catalog": latest.catalog, "updatedAt": latest.created_at // 1000})


def _operations(kind: Kind) -> list[Operation]:
    title = kind.capitalize()
    return [
        Operation("POST", f"/{kind}s/create", f"create{title}", _create(kind)),
        Operation("POST", f"/{kind}s/get", f"get{title}", _get(kind)),
        Operation("POST", f"/{kind}s/update", f"update{title}", _update(kind, partial=False)),
        Operation("POST", f"/{kind}s/partial_update", f"partialUpdate{title}", _update(kind, partial=True)),
        Operation("POST", f"/{kind}s/delete", f"delete{title}", _delete(kind)),
        Operation("POST", f"/{kind}s/list", f"list{title}sForWorkspace", _list(kind)),
        Operation("POST", f"/{kind}s/list_paginated", f"list{title}sForWorkspacePaginated", _list_paginated(kind)),
        Operation("POST", f"/{kind}s/search", f"search{title}s", _search(kind)),
        Operation("POST", f"/{kind}s/check_connection", f"checkConnectionTo{title}", _check(kind)),
        Operation(
            "POST",
            f"/{kind}s/check_connection_for_update",
            f"checkConnectionTo{title}ForUpdate",
            _check_for_update(kind),
        ),
    ]


OPERATIONS = [
    *_operations("source"),
    *_operations("destination"),
    Operation("POST", "/sources/discover_schema", "discoverSchemaForSource", _discover),
    Operation("POST", "/sources/most_recent_source_actor_catalog", "getMostRecentSourceActorCatalog", _latest_catalog),
]
