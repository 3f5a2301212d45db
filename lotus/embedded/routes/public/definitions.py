"""Source, destination and declarative definitions of the public API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus.embedded import definitions
from lotus.embedded.connectors.definition import MANIFEST_REPOSITORY
from lotus.embedded.errors import BadRequest, ResourceNotFound
from lotus.embedded.routes.operation import Body, Handler, Operation, answer, path_id, query_id, read_body
from lotus.embedded.routes.public.workspaces import existing_workspace
from lotus.embedded.server import Server
from lotus.embedded.store import definitions as stored
from lotus.embedded.store.definitions import Kind, StoredDefinition


class DefinitionCreate(Body):
    """CreateDefinitionRequest."""

    name: str
    docker_repository: str
    docker_image_tag: str
    documentation_url: str | None = None


class DefinitionUpdate(Body):
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


def shown(definition: StoredDefinition) -> dict[str, Any]:
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


def shown_declarative(definition: StoredDefinition) -> dict[str, Any]:
    """DeclarativeSourceDefinitionResponse."""
    return {
        "id": definition.id,
        "name": definition.name,
        "manifest": definition.manifest,
        "version": definition.manifest_version,
    }


async def _of_request(server: Server, request: Request, kind: Kind) -> StoredDefinition:
    """The definition that the path names; declarative ones have operations of their own."""
    workspace = await existing_workspace(server, path_id(request, "workspace_id"))
    found = await definitions.existing(server, path_id(request, "definition_id"), kind, workspace.id)
    if found.origin == "declarative":
        raise ResourceNotFound(f"{kind} definition", found.id)
    return found


async def _declarative_of_request(server: Server, request: Request) -> StoredDefinition:
    workspace = await existing_workspace(server, path_id(request, "workspace_id"))
    found = await definitions.existing(server, path_id(request, "definition_id"), "source", workspace.id)
    if found.origin != "declarative":
        raise ResourceNotFound("declarative source definition", found.id)
    return found


def _list(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        workspace = await existing_workspace(server, path_id(request, "workspace_id"))
        found = await server.store.read(stored.listed, kind=kind, workspace_id=workspace.id)
        data = [shown(entry) for entry in found if entry.docker_repository != MANIFEST_REPOSITORY]
        return answer({"data": data, "next": "", "previous": ""})

    return handler


def _create(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        workspace = await existing_workspace(server, path_id(request, "workspace_id"))
        body = await read_body(request, DefinitionCreate)
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
        return answer(shown(created))

    return handler


def _get(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        return answer(shown(await _of_request(server, request, kind)))

    return handler


def _update(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        definition = await _of_request(server, request, kind)
        body = await read_body(request, DefinitionUpdate)
        changed = await definitions.update_custom(
            server, definition, name=body.name, docker_image_tag=body.docker_image_tag
        )
        return answer(shown(changed))

    return handler


def _delete(kind: Kind) -> Handler:
    async def handler(server: Server, request: Request) -> Response:
        definition = await _of_request(server, request, kind)
        await definitions.delete(server, definition)
        return answer(shown(definition))

    return handler


async def _list_declarative(server: Server, request: Request) -> Response:
    workspace = await existing_workspace(server, path_id(request, "workspace_id"))
    found = await server.store.read(stored.listed, kind="source", workspace_id=workspace.id)
    data = [shown_declarative(entry) for entry in found if entry.origin == "declarative"]
    return answer({"data": data, "next": "", "previous": ""})


async def _create_declarative(server: Server, request: Request) -> Response:
    workspace = await existing_workspace(server, path_id(request, "workspace_id"))
    body = await read_body(request, ManifestCreate)
    created = await definitions.create_declarative(
        server, workspace_id=workspace.id, name=body.name, manifest=body.manifest
    )
    return answer(shown_declarative(created))


async def _get_declarative(server: Server, request: Request) -> Response:
    return answer(shown_declarative(await _declarative_of_request(server, request)))


async def _update_declarative(server: Server, request: Request) -> Response:
    definition = await _declarative_of_request(server, request)
    body = await read_body(request, ManifestUpdate)
    return answer(shown_declarative(await definitions.update_manifest(server, definition, body.manifest)))


async def _delete_declarative(server: Server, request: Request) -> Response:
    definition = await _declarative_of_request(server, request)
    await definitions.delete(server, definition)
    return answer(shown_declarative(definition))


async def _list_connectors(server: Server, request: Request) -> Response:
    kind = request.query_params.get("type")
    if kind not in ("source", "destination"):
        raise BadRequest("The query parameter type is required: source or destination")
    workspace_id = query_id(request, "workspaceId")
    if workspace_id is not None:
        await existing_workspace(server, workspace_id)
    found = await server.store.read(stored.listed, kind=kind, workspace_id=workspace_id)
    data = [
        {
            "id": entry.id,
            "name": entry.name,
            "connectorDefinitionType": entry.kind,
            "version": entry.docker_image_tag,
        }
        for entry in found
        if workspace_id is not None or entry.origin == "builtin"
    ]
    return answer({"data": data})


_ALL = "/workspaces/{workspace_id}/definitions"


def _operations(kind: Kind) -> list[Operation]:
    all_of_kind, word = f"{_ALL}/{kind}s", kind.capitalize()
    one = f"{all_of_kind}/{{definition_id}}"
    return [
        Operation("GET", all_of_kind, f"list{word}Definitions", _list(kind)),
        Operation("POST", all_of_kind, f"create{word}Definition", _create(kind)),
        Operation("GET", one, f"get{word}Definition", _get(kind)),
        Operation("PUT", one, f"update{word}Definition", _update(kind)),
        Operation("DELETE", one, f"delete{word}Definition", _delete(kind)),
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
