"""Definitions and their specifications in the config API."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.domain.connector_specs import destination_sync_modes, schema_of
from lotus_server.errors import BadRequest
from lotus_server.routes.config import synchronous_jobs
from lotus_server.routes.config.actors import ActorId
from lotus_server.routes.operation import Body, Handler, Operation, no_content, read_body, reply
from lotus_server.services import actors, definitions, deletion, workspaces
from lotus_server.services.server import Server
from lotus_server.store import now
from lotus_server.store.definitions import Kind, StoredDefinition
from lotus_server.store.workspaces import DEFAULT_WORKSPACE_ID


class DefinitionId(Body):
    """SourceDefinitionIdWithWorkspaceId and its kin; the workspace may be left out."""

    source_definition_id: uuid.UUID | None = None
    destination_definition_id: uuid.UUID | None = None
    workspace_id: uuid.UUID | None = None

    def of(self, kind: Kind) -> str:
        """The id of this kind.

        Raises:
            BadRequest: it is missing.
        """
        definition_id = self.source_definition_id if kind == "source" else self.destination_definition_id
        if definition_id is None:
            raise BadRequest(f"The request body is not valid: Object missing required field `{kind}DefinitionId`")
        return str(definition_id)


class DefinitionUpdate(DefinitionId, kw_only=True):
    """SourceDefinitionUpdate and DestinationDefinitionUpdate."""

    docker_image_tag: str
    name: str | None = None


class NewDefinition(Body):
    """SourceDefinitionCreate and DestinationDefinitionCreate."""

    name: str
    docker_repository: str
    docker_image_tag: str
    documentation_url: str | None = None


class DefinitionCreate(Body):
    """CustomSourceDefinitionCreate and CustomDestinationDefinitionCreate."""

    workspace_id: uuid.UUID | None = None
    source_definition: NewDefinition | None = None
    destination_definition: NewDefinition | None = None


class WorkspaceDefinitions(Body):
    """WorkspaceIdActorDefinitionRequestBody."""

    workspace_id: uuid.UUID
    include_tombstone: bool | None = None


def definition_read(definition: StoredDefinition) -> dict[str, Any]:
    """SourceDefinitionRead or DestinationDefinitionRead."""
    response: dict[str, Any] = {
        f"{definition.kind}DefinitionId": definition.id,
        "name": definition.name,
        "dockerRepository": definition.docker_repository,
        "dockerImageTag": definition.docker_image_tag,
        "documentationUrl": definition.documentation_url or "",
        "protocolVersion": "0.2.0",
        "custom": definition.origin != "builtin",
        "enterprise": False,
        "supportLevel": "none" if definition.origin != "builtin" else "community",
        "releaseStage": "custom" if definition.origin != "builtin" else "generally_available",
    }
    if definition.kind == "source":
        response["sourceType"] = "custom" if definition.origin != "builtin" else "api"
    return response


def version_read(definition: StoredDefinition) -> dict[str, Any]:
    """ActorDefinitionVersionRead."""
    return {
        "dockerRepository": definition.docker_repository,
        "dockerImageTag": definition.docker_image_tag,
        "supportsRefreshes": True,
        "isVersionOverrideApplied": False,
        "supportLevel": "none" if definition.origin != "builtin" else "community",
        "supportState": "supported",
        "supportsFileTransfer": False,
        "supportsDataActivation": False,
    }


async def specification_read(server: Server, definition: StoredDefinition) -> dict[str, Any]:
    """SourceDefinitionSpecificationRead or DestinationDefinitionSpecificationRead."""
    started = now()
    specification = await definitions.spec(server, definition)
    response: dict[str, Any] = {
        f"{definition.kind}DefinitionId": definition.id,
        "documentationUrl": specification.get("documentationUrl") or definition.documentation_url or "",
        "connectionSpecification": schema_of(specification),
        "advancedAuthGlobalCredentialsAvailable": False,
        "jobInfo": synchronous_jobs.synchronous_job("get_spec", config_id=definition.id, started=started),
    }
    if definition.kind == "destination":
        response["supportedDestinationSyncModes"] = destination_sync_modes(specification)
    return response


def _list(kind: Kind) -> Handler:
    async def handler(server: Server, _request: Request) -> Response:
        listed = await definitions.listed(server, kind)
        return reply({f"{kind}Definitions": [definition_read(entry) for entry in listed]})

    return handler


def _list_for_workspace(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, WorkspaceDefinitions)
        workspace = await workspaces.existing(server, str(body.workspace_id))
        listed = await definitions.listed(server, kind, workspace.id, include_deleted=bool(body.include_tombstone))
        return reply({f"{kind}Definitions": [definition_read(entry) for entry in listed]})

    return handler


async def _of_body(server: Server, body: DefinitionId, kind: Kind) -> StoredDefinition:
    workspace_id = None if body.workspace_id is None else str(body.workspace_id)
    return await definitions.existing(server, body.of(kind), kind, workspace_id)


def _get(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        return reply(definition_read(await _of_body(server, await read_body(request, DefinitionId), kind)))

    return handler


def _create(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, DefinitionCreate)
        new = body.source_definition if kind == "source" else body.destination_definition
        if new is None:
            raise BadRequest(f"The request body is not valid: Object missing required field `{kind}Definition`")
        workspace = await workspaces.existing(server, str(body.workspace_id or DEFAULT_WORKSPACE_ID))
        created = await definitions.create_custom(
            server,
            kind=kind,
            workspace_id=workspace.id,
            name=new.name,
            docker_repository=new.docker_repository,
            docker_image_tag=new.docker_image_tag,
            documentation_url=new.documentation_url,
        )
        return reply(definition_read(created))

    return handler


def _update(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, DefinitionUpdate)
        definition = await _of_body(server, body, kind)
        changed = await definitions.update_custom(
            server, definition, name=body.name, docker_image_tag=body.docker_image_tag
        )
        return reply(definition_read(changed))

    return handler


def _delete(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, DefinitionId)
        await deletion.delete_definition(server, await _of_body(server, body, kind))
        return no_content()

    return handler


def _specification(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        definition = await _of_body(server, await read_body(request, DefinitionId), kind)
        return reply(await specification_read(server, definition))

    return handler


async def _of_actor(server: Server, request: Request, kind: Kind) -> StoredDefinition:
    body = await read_body(request, ActorId)
    actor = await actors.existing(server, body.of(kind), kind)
    return await definitions.even_deleted(server, actor.definition_id)


def _specification_of_actor(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        return reply(await specification_read(server, await _of_actor(server, request, kind)))

    return handler


def _version_of_actor(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        return reply(version_read(await _of_actor(server, request, kind)))

    return handler


def _operations(kind: Kind) -> list[Operation]:
    title, base = kind.capitalize(), f"/{kind}_definitions"
    return [
        Operation("POST", f"{base}/list", f"list{title}Definitions", _list(kind)),
        Operation("POST", f"{base}/list_latest", f"listLatest{title}Definitions", _list(kind)),
        Operation(
            "POST", f"{base}/list_for_workspace", f"list{title}DefinitionsForWorkspace", _list_for_workspace(kind)
        ),
        Operation("POST", f"{base}/get", f"get{title}Definition", _get(kind)),
        Operation("POST", f"{base}/get_for_workspace", f"get{title}DefinitionForWorkspace", _get(kind)),
        Operation("POST", f"{base}/create_custom", f"createCustom{title}Definition", _create(kind)),
        Operation("POST", f"{base}/update", f"update{title}Definition", _update(kind)),
        Operation("POST", f"{base}/delete", f"delete{title}Definition", _delete(kind)),
        Operation(
            "POST", f"/{kind}_definition_specifications/get", f"get{title}DefinitionSpecification", _specification(kind)
        ),
        Operation(
            "POST",
            f"/{kind}_definition_specifications/get_for_{kind}",
            f"getSpecificationFor{title}Id",
            _specification_of_actor(kind),
        ),
        Operation(
            "POST",
            f"/actor_definition_versions/get_for_{kind}",
            f"getActorDefinitionVersionFor{title}Id",
            _version_of_actor(kind),
        ),
    ]


OPERATIONS = [*_operations("source"), *_operations("destination")]
