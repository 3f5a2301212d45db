"""Source, destination and declarative definitions of the public API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.domain.connector_specs import MANIFEST_REPOSITORY
from lotus_server.errors import BadRequest, ResourceNotFound
from lotus_server.routes.operation import Body, Handler, Operation, path_id, query_id, read_body, reply
from lotus_server.services import definitions, deletion, workspaces
from lotus_server.services.server import Server
from lotus_server.store.definitions import Kind, StoredDefinition


class CreateDefinitionRequest(Body):
    """CreateDefinitionRequest."""

    name: str
    docker_repository: str
    docker_image_tag: str
    documentation_url: str | None = None


class UpdateDefinitionRequest(Body):
    """UpdateDefinitionRequest."""

    name: str
    docker_image_tag: str


class ManifestCreate(Body):
    """CreateDeclarativeSourceDefinitionRequest."""

    name: str
    manifest: dict[str, Any]


class ManifestUpdate(Body):
    """UpdateDeclarativeSourceDefinitionRequest."""

    manifest: dict[str, Any]


def definition_response(definition: StoredDefinition) -> dict[str, Any]:
    """DefinitionResponse."""
    response = {
        "id": definition.id,
        "name": definition.name,
        "dockerRepository": definition.docker_repository,
        "dockerImageTag": definition.docker_image_tag,
    }
    if definition.documentation_url is not None:
        response["documentationUrl"] = definition.documentation_url
    return response


def declarative_response(definition: StoredDefinition) -> dict[str, Any]:
    """DeclarativeSourceDefinitionResponse."""
    return {
        "id": definition.id,
        "name": definition.name,
        "manifest": definition.manifest,
        "version": definition.manifest_version,
    }


async def _of_request(server: Server, request: Request, kind: Kind) -> StoredDefinition:
    """The definition that the path names; declarative ones have operations of their own."""
    workspace = await workspaces.existing(server, path_id(request, "workspace_id"))
    definition = await definitions.existing(server, path_id(request, "definition_id"), kind, workspace.id)
    if definition.origin == "declarative":
        raise ResourceNotFound(f"{kind} definition", definition.id)
    return definition


async def _declarative_of_request(server: Server, request: Request) -> StoredDefinition:
    workspace = await workspaces.existing(server, path_id(request, "workspace_id"))
    definition = await definitions.existing(server, path_id(request, "definition_id"), "source", workspace.id)
    if definition.origin != "declarative":
        raise ResourceNotFound("declarative source definition", definition.id)
    return definition


def _list(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        workspace = await workspaces.existing(server, path_id(request, "workspace_id"))
        listed = await definitions.listed(server, kind, workspace.id)
        data = [definition_response(entry) for entry in listed if entry.docker_repository != MANIFEST_REPOSITORY]
        return reply({"data": data, "next": "", "previous": ""})

    return handler


def _create(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        workspace = await workspaces.existing(server, path_id(request, "workspace_id"))
        body = await read_body(request, CreateDefinitionRequest)
        if body.docker_repository == MANIFEST_REPOSITORY:
            raise BadRequest("Low-code manifests have operations of their own: …/definitions/declarative_sources")
        created = await definitions.create_custom(
            server,
            kind=kind,
            workspace_id=workspace.id,
            name=body.name,
            docker_repository=body.docker_repository,
            docker_image_tag=body.docker_image_tag,
            documentation_url=body.documentation_url,
        )
        return reply(definition_response(created))

    return handler


def _get(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        return reply(definition_response(await _of_request(server, request, kind)))

    return handler


def _update(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        definition = await _of_request(server, request, kind)
        body = await read_body(request, UpdateDefinitionRequest)
        changed = await definitions.update_custom(
            server, definition, name=body.name, docker_image_tag=body.docker_image_tag
        )
        return reply(definition_response(changed))

    return handler


def _delete(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        definition = await _of_request(server, request, kind)
        await deletion.delete_definition(server, definition)
        return reply(definition_response(definition))

    return handler


async def _list_declarative(server: Server, request: Request) -> Response:
    workspace = await workspaces.existing(server, path_id(request, "workspace_id"))
    listed = await definitions.listed(server, "source", workspace.id)
    data = [declarative_response(entry) for entry in listed if entry.origin == "declarative"]
    return reply({"data": data, "next": "", "previous": ""})


async def _create_declarative(server: Server, request: Request) -> Response:
    workspace = await workspaces.existing(server, path_id(request, "workspace_id"))
    body = await read_body(request, ManifestCreate)
    created = await definitions.create_declarative(
        server, workspace_id=workspace.id, name=body.name, manifest=body.manifest
    )
    return reply(declarative_response(created))


async def _get_declarative(server: Server, request: Request) -> Response:
    return reply(declarative_response(await _declarative_of_request(server, request)))


async def _update_declarative(server: Server, request: Request) -> Response:
    definition = await _declarative_of_request(server, request)
    body = await read_body(request, ManifestUpdate)
    return reply(declarative_response(await definitions.update_manifest(server, definition, body.manifest)))


async def _delete_declarative(server: Server, request: Request) -> Response:
    definition = await _declarative_of_request(server, request)
    await deletion.delete_definition(server, definition)
    return reply(declarative_response(definition))


async def _list_connectors(server: Server, request: Request) -> Response:
    kind = request.query_params.get("type")
    if kind not in ("source", "destination"):
        raise BadRequest("The query parameter type is required: source or destination")
    workspace_id = query_id(request, "workspaceId")
    if workspace_id is not None:
        await workspaces.existing(server, workspace_id)
    listed = await definitions.listed(server, kind, workspace_id)
    data = [
        {
            "id": entry.id,
            "name": entry.name,
            "connectorDefinitionType": entry.kind,
            "version": entry.docker_image_tag,
        }
        for entry in listed
        if workspace_id is not None or entry.origin == "builtin"
    ]
    return reply({"data": data})


_ALL = "/workspaces/{workspace_id}/definitions"


def _operations(kind: Kind) -> list[Operation]:
    all_of_kind, title = f"{_ALL}/{kind}s", kind.capitalize()
    path = f"{all_of_kind}/{{definition_id}}"
    return [
        Operation("GET", all_of_kind, f"list{title}Definitions", _list(kind)),
        Operation("POST", all_of_kind, f"create{title}Definition", _create(kind)),
        Operation("GET", path, f"get{title}Definition", _get(kind)),
        Operation("PUT", path, f"update{title}Definition", _update(kind)),
        Operation("DELETE", path, f"delete{title}Definition", _delete(kind)),
    ]


_DECLARATIVE = f"{_ALL}/declarative_sources"
_ONE_DECLARATIVE = f"{_DECLARATIVE}/{{definition_id}}"

OPERATIONS = [
    *_operations("source"),
    *_operations("destination"),
    Operation("GET", _DECLARATIVE, "listDeclarativeSourceDefinitions", _list_declarative),
    Operation("POST", _DECLARATIVE, "createDeclarativeSourceDefinition", _create_declarative),
    Operation("GET", _ONE_DECLARATIVE, "getDeclarativeSourceDefinition", _get_declarative),
    Operation("PUT", _ONE_DECLARATIVE, "updateDeclarativeSourceDefinition", _update_declarative),
    Operation("DELETE", _ONE_DECLARATIVE, "deleteDeclarativeSourceDefinition", _delete_declarative),
    Operation("GET", "/connector_definitions", "listConnectorDefinitions", _list_connectors),
]
