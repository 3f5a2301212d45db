"""Definitions and their specifications in the config API."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus.embedded import actors, definitions
from lotus.embedded.errors import BadRequest, ResourceNotFound
from lotus.embedded.routes.config import synchronous_jobs
from lotus.embedded.routes.config.actors import ActorId
from lotus.embedded.routes.operation import Body, Handler, Operation, answer, no_content, read_body
from lotus.embedded.routes.public.workspaces import existing_workspace
from lotus.embedded.server import Server
from lotus.embedded.store import definitions as stored
from lotus.embedded.store import now
from lotus.embedded.store.definitions import Kind, StoredDefinition
from lotus.embedded.store.workspaces import DEFAULT_WORKSPACE_ID


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
        found = self.source_definition_id if kind == "source" else self.destination_definition_id
        if found is None:
            raise BadRequest(f"The request body is not valid: Object missing required field `{kind}DefinitionId`")
        return str(found)


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


def shown(definition: StoredDefinition) -> dict[str, Any]:
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


def shown_version(definition: StoredDefinition) -> dict[str, Any]:
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


async def shown_specification(server: Server, definition: StoredDefinition) -> dict[str, Any]:
    """SourceDefinitionSpecificationRead or DestinationDefinitionSpecificationRead."""
    started = now()
    specification = await definitions.spec(server, definition)
    response: dict[str, Any] = {
        f"{definition.kind}DefinitionId": definition.id,
        "documentationUrl": specification.get("documentationUrl") or definition.documentation_url or "",
        "connectionSpecification": definitions.schema_of(specification),
        "advancedAuthGlobalCredentialsAvailable": False,
        "jobInfo": synchronous_jobs.shown("get_spec", config_id=definition.id, started=started),
    }
    if definition.kind == "destination":
        response["supportedDestinationSyncModes"] = definitions.destination_sync_modes(specification)
    return response


def _list(kind: Kind) -> Handler:
    async def handler(server: Server, _request: Request) -> Response:
        found = await server.store.read(stored.listed, kind=kind)
        return answer({f"{kind}Definitions": [shown(entry) for entry in found]})

    return handler


def _list_for_workspace(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, WorkspaceDefinitions)
        workspace = await existing_workspace(server, str(body.workspace_id))
        found = await server.store.read(
            stored.listed, kind=kind, workspace_id=workspace.id, include_deleted=bool(body.include_tombstone)
        )
        return answer({f"{kind}Definitions": [shown(entry) for entry in found]})

    return handler


async def _of_body(server: Server, body: DefinitionId, kind: Kind) -> StoredDefinition:
    workspace_id = None if body.workspace_id is None else str(body.workspace_id)
    return await definitions.existing(server, body.of(kind), kind, workspace_id)


def _get(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        return answer(shown(await _of_body(server, await read_body(request, DefinitionId), kind)))

    return handler


def _create(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, DefinitionCreate)
        new = body.source_definition if kind == "source" else body.destination_definition
        if new is None:
            raise BadRequest(f"The request body is not valid: Object missing required field `{kind}Definition`")
        workspace = await existing_workspace(server, str(body.workspace_id or DEFAULT_WORKSPACE_ID))
        created = await definitions.create_custom(
            server,
            kind=kind,
            workspace_id=workspace.id,
            name=new.name,
            docker_repository=new.docker_repository,
            docker_image_tag=new.docker_image_tag,
            documentation_url=new.documentation_url,
        )
        return answer(shown(created))

    return handler


def _update(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, DefinitionUpdate)
        definition = await _of_body(server, body, kind)
        changed = await definitions.update_custom(
            server, definition, name=body.name, docker_image_tag=body.docker_image_tag
        )
        return answer(shown(changed))

    return handler


def _delete(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        body = await read_body(request, DefinitionId)
        await definitions.delete(server, await _of_body(server, body, kind))
        return no_content()

    return handler


def _specification(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        definition = await _of_body(server, await read_body(request, DefinitionId), kind)
        return answer(await shown_specification(server, definition))

    return handler


async def _of_actor(server: Server, request: Request, kind: Kind) -> StoredDefinition:
    body = await read_body(request, ActorId)
    actor = await actors.existing(server, body.of(kind), kind)
    found = await server.store.read(stored.definition, actor.definition_id)
    if found is None:
        raise ResourceNotFound(f"{kind} definition", actor.definition_id)
    return found


def _specification_of_actor(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        return answer(await shown_specification(server, await _of_actor(server, request, kind)))

    return handler


def _version_of_actor(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        return answer(shown_version(await _of_actor(server, request, kind)))

    return handler


def _operations(kind: Kind) -> list[Operation]:
    word, base = kind.capitalize(), f"/{kind}_definitions"
    return [
        Operation("POST", f"{base}/list", f"list{word}Definitions", _list(kind)),
        Operation("POST", f"{base}/list_latest", f"listLatest{word}Definitions", _list(kind)),
        Operation(
            "POST", f"{base}/list_for_workspace", f"list{word}DefinitionsForWorkspace", _list_for_workspace(kind)
        ),
        Operation("POST", f"{base}/get", f"get{word}Definition", _get(kind)),
        Operation("POST", f"{base}/get_for_workspace", f"get{word}DefinitionForWorkspace", _get(kind)),
        Operation("POST", f"{base}/create_custom", f"createCustom{word}Definition", _create(kind)),
        Operation("POST", f"{base}/update", f"update{word}Definition", _update(kind)),
        Operation("POST", f"{base}/delete", f"delete{word}Definition", _delete(kind)),
        Operation(
            "POST", f"/{kind}_definition_specifications/get", f"get{word}DefinitionSpecification", _specification(kind)
        ),
        Operation(
            "POST",
            f"/{kind}_definition_specifications/get_for_{kind}",
            f"getSpecificationFor{word}Id",
            _specification_of_actor(kind),
        ),
        Operation(
            "POST",
            f"/actor_definition_versions/get_for_{kind}",
            f"getActorDefinitionVersionFor{word}Id",
            _version_of_actor(kind),
        ),
    ]


OPERATIONS = [*_operations("source"), *_operations("destination")]
