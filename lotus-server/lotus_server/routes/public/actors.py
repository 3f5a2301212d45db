"""Sources and destinations of the public API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.errors import BadRequest, UnprocessableEntity
from lotus_server.routes.operation import (
    Body,
    Handler,
    Operation,
    no_content,
    path_id,
    query_flag,
    query_ids,
    read_body,
    reply,
)
from lotus_server.routes.pages import listed, page_of
from lotus_server.services import actors, definitions, deletion, workspaces
from lotus_server.services.actors import DescribedActor
from lotus_server.services.server import Server
from lotus_server.store.definitions import Kind, StoredDefinition


class ActorCreateRequest(Body):
    """SourceCreateRequest and DestinationCreateRequest."""

    name: str
    workspace_id: uuid.UUID
    configuration: dict[str, Any]
    definition_id: uuid.UUID | None = None
    secret_id: str | None = None
    resource_allocation: dict[str, Any] | None = None


class ActorPut(Body):
    """SourcePutRequest and DestinationPutRequest."""

    name: str
    configuration: dict[str, Any]
    resource_allocation: dict[str, Any] | None = None


class ActorPatch(Body):
    """SourcePatchRequest and DestinationPatchRequest."""

    name: str | None = None
    configuration: dict[str, Any] | None = None
    workspace_id: uuid.UUID | None = None
    secret_id: str | None = None
    resource_allocation: dict[str, Any] | None = None


def actor_response(described: DescribedActor) -> dict[str, Any]:
    """SourceResponse or DestinationResponse."""
    actor, kind = described.actor, described.actor.kind
    response: dict[str, Any] = {
        f"{kind}Id": actor.id,
        "name": actor.name,
        f"{kind}Type": definitions.type_name(described.definition),
        "definitionId": actor.definition_id,
        "workspaceId": actor.workspace_id,
        "configuration": described.shown_configuration,
        "createdAt": actor.created_at // 1000,
    }
    if actor.resource_allocation is not None:
        response["resourceAllocation"] = actor.resource_allocation
    return response


async def _definition(
    server: Server, kind: Kind, body: ActorCreateRequest, workspace_id: str
) -> tuple[StoredDefinition, Mapping[str, Any]]:
    """The definition by id or by type name, and the configuration without the type's key."""
    key = f"{kind}Type"
    configuration = {name: value for name, value in body.configuration.items() if name != key}
    if body.definition_id is not None:
        return await definitions.existing(server, str(body.definition_id), kind, workspace_id), configuration
    name = body.configuration.get(key)
    if name is None:
        raise UnprocessableEntity(f"definitionId or configuration.{key} is required")
    if not isinstance(name, str):
        raise BadRequest(f"configuration.{key} must be a string")
    return await definitions.by_type_name(server, kind, name), configuration


def _create(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, ActorCreateRequest)
        _refuse_secret_id(body.secret_id)
        workspace = await workspaces.existing(server, str(body.workspace_id))
        definition, configuration = await _definition(server, kind, body, workspace.id)
        created = await actors.create(
            server,
            kind=kind,
            workspace_id=workspace.id,
            name=body.name,
            definition=definition,
            configuration=configuration,
            resource_allocation=body.resource_allocation,
        )
        return reply(actor_response(await actors.described(server, created)))

    return handler


def _get(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        actor = await actors.existing(server, path_id(request, "actor_id"), kind)
        coordinates = query_flag(request, "includeSecretCoordinates")
        return reply(actor_response(await actors.described(server, actor, coordinates=coordinates)))

    return handler


def _put(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        actor_id = path_id(request, "actor_id")
        body = await read_body(request, ActorPut)
        actor = await actors.existing(server, actor_id, kind)
        changed = await actors.change(
            server,
            actor,
            name=body.name,
            configuration=_without_type(body.configuration, kind),
            merge=False,
            resource_allocation=body.resource_allocation,
        )
        return reply(actor_response(await actors.described(server, changed)))

    return handler


def _patch(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        actor_id = path_id(request, "actor_id")
        body = await read_body(request, ActorPatch)
        _refuse_secret_id(body.secret_id)
        actor = await actors.existing(server, actor_id, kind)
        if body.workspace_id is not None and str(body.workspace_id) != actor.workspace_id:
            raise BadRequest(f"A {kind} cannot be moved to another workspace")
        changed = await actors.change(
            server,
            actor,
            name=body.name,
            configuration=None if body.configuration is None else _without_type(body.configuration, kind),
            merge=True,
            resource_allocation=body.resource_allocation,
        )
        return reply(actor_response(await actors.described(server, changed)))

    return handler


def _delete(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        await deletion.delete_actor(server, await actors.existing(server, path_id(request, "actor_id"), kind))
        return no_content()

    return handler


def _list(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        page = page_of(request)
        actors_of_page = await actors.listed(
            server,
            kind,
            query_ids(request, "workspaceIds"),
            include_deleted=query_flag(request, "includeDeleted"),
            limit=page.limit,
            offset=page.offset,
        )
        data = [actor_response(described) for described in await actors.all_described(server, actors_of_page)]
        return reply(listed(request, page, data))

    return handler


def _without_type(configuration: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    return {name: value for name, value in configuration.items() if name != f"{kind}Type"}


def _refuse_secret_id(secret_id: str | None) -> None:
    if secret_id:
        raise BadRequest("secretId is not offered: this server has no OAuth secrets; put the values into configuration")


def _operations(kind: Kind) -> list[Operation]:
    path, title = f"/{kind}s/{{actor_id}}", kind.capitalize()
    return [
        Operation("GET", f"/{kind}s", f"list{title}s", _list(kind)),
        Operation("POST", f"/{kind}s", f"create{title}", _create(kind)),
        Operation("GET", path, f"get{title}", _get(kind)),
        Operation("PUT", path, f"put{title}", _put(kind)),
        Operation("PATCH", path, f"patch{title}", _patch(kind)),
        Operation("DELETE", path, f"delete{title}", _delete(kind)),
    ]


OPERATIONS = [*_operations("source"), *_operations("destination")]
