"""Projects of the connector builder, and the manifests of the definitions that they were published as."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.routes.operation import Body, Operation, no_content, read_body, reply, without_absent
from lotus_server.services import builder_projects, definitions, workspaces
from lotus_server.services.server import Server
from lotus_server.store.builder_projects import BuilderProject


class WorkspaceOfProjects(Body):
    """WorkspaceIdRequestBody."""

    workspace_id: uuid.UUID


class ProjectId(WorkspaceOfProjects):
    """ConnectorBuilderProjectIdWithWorkspaceId."""

    builder_project_id: uuid.UUID
    version: int | None = None


class ProjectDetails(Body):
    """ConnectorBuilderProjectDetails."""

    name: str
    draft_manifest: dict[str, Any] | None = None
    yaml_manifest: str | None = None


class ProjectCreate(WorkspaceOfProjects):
    """ConnectorBuilderProjectWithWorkspaceId."""

    builder_project: ProjectDetails


class ProjectUpdate(ProjectId, kw_only=True):
    """ExistingConnectorBuilderProjectWithWorkspaceId."""

    builder_project: ProjectDetails


class TestingValues(ProjectId, kw_only=True):
    """ConnectorBuilderProjectTestingValuesUpdate."""

    spec: dict[str, Any]
    testing_values: dict[str, Any]


class Manifest(Body):
    """DeclarativeSourceManifest."""

    manifest: dict[str, Any]
    description: str = ""
    version: int = 1
    spec: Any = None


class Publication(ProjectId, kw_only=True):
    """ConnectorBuilderPublishRequestBody."""

    name: str
    initial_declarative_manifest: Manifest


class DefinitionOfProject(WorkspaceOfProjects):
    """BuilderProjectForDefinitionRequestBody."""

    actor_definition_id: uuid.UUID


class SourceDefinition(WorkspaceOfProjects):
    """ListDeclarativeManifestsRequestBody."""

    source_definition_id: uuid.UUID


class NewManifest(SourceDefinition, kw_only=True):
    """DeclarativeSourceDefinitionCreateManifestRequestBody."""

    set_as_active_manifest: bool
    declarative_manifest: Manifest


async def _project(server: Server, body: ProjectId) -> BuilderProject:
    return await builder_projects.existing_project(server, str(body.builder_project_id), str(body.workspace_id))


async def _details_read(server: Server, project: BuilderProject) -> dict[str, Any]:
    """ConnectorBuilderProjectDetailsRead."""
    definition = await builder_projects.published_definition(server, project)
    return without_absent(
        {
            "builderProjectId": project.id,
            "name": project.name,
            "hasDraft": project.draft_manifest is not None,
            "updatedAt": project.updated_at // 1000,
            "sourceDefinitionId": definition.id if definition else None,
            "activeDeclarativeManifestVersion": definition.manifest_version if definition else None,
        }
    )


async def _list(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceOfProjects)
    workspace = await workspaces.existing(server, str(body.workspace_id))
    # Definitions that were made of a manifest without a project have one all the same, as in Airbyte.
    for definition in await definitions.listed(server, "source", workspace.id):
        await builder_projects.project_for_manifest(server, definition)
    listed = await builder_projects.projects_of(server, workspace.id)
    return reply({"projects": [await _details_read(server, project) for project in listed]})


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, ProjectCreate)
    workspace = await workspaces.existing(server, str(body.workspace_id))
    details = body.builder_project
    created = await builder_projects.create_project(
        server,
        workspace_id=workspace.id,
        name=details.name,
        draft_manifest=details.draft_manifest,
        yaml_manifest=details.yaml_manifest,
    )
    return reply({"workspaceId": workspace.id, "builderProjectId": created.id}, 201)


async def _update(server: Server, request: Request) -> Response:
    body = await read_body(request, ProjectUpdate)
    details = body.builder_project
    await builder_projects.change_project(
        server,
        await _project(server, body),
        name=details.name,
        draft_manifest=details.draft_manifest,
        yaml_manifest=details.yaml_manifest,
    )
    return no_content()


async def _delete(server: Server, request: Request) -> Response:
    await builder_projects.remove_project(server, await _project(server, await read_body(request, ProjectId)))
    return no_content()


async def _get(server: Server, request: Request) -> Response:
    project = await _project(server, await read_body(request, ProjectId))
    response: dict[str, Any] = {"builderProject": await _details_read(server, project)}
    definition = await builder_projects.published_definition(server, project)
    if project.draft_manifest is not None:
        response["declarativeManifest"] = {"isDraft": True, "manifest": project.draft_manifest}
    elif definition is not None:
        response["declarativeManifest"] = {
            "isDraft": False,
            "manifest": definition.manifest,
            "version": definition.manifest_version,
            "description": "",
        }
    if (values := builder_projects.shown_testing_values(project)) is not None:
        response["testingValues"] = values
    return reply(response)


async def _set_testing_values(server: Server, request: Request) -> Response:
    body = await read_body(request, TestingValues)
    project = await _project(server, body)
    return reply(await builder_projects.set_testing_values(server, project, body.spec, body.testing_values))


async def _publish(server: Server, request: Request) -> Response:
    body = await read_body(request, Publication)
    manifest = body.initial_declarative_manifest.manifest
    project = await _project(server, body)
    return reply(
        {"sourceDefinitionId": await builder_projects.publish(server, project, name=body.name, manifest=manifest)}
    )


async def _for_definition(server: Server, request: Request) -> Response:
    body = await read_body(request, DefinitionOfProject)
    workspace_id = str(body.workspace_id)
    definition = await definitions.existing(server, str(body.actor_definition_id), "source", workspace_id)
    project_id = await builder_projects.project_for_manifest(server, definition)
    return reply({"builderProjectId": project_id, "workspaceId": workspace_id if project_id else None})


async def _list_manifests(server: Server, request: Request) -> Response:
    body = await read_body(request, SourceDefinition)
    definition = await definitions.existing(server, str(body.source_definition_id), "source", str(body.workspace_id))
    versions: list[dict[str, Any]] = []
    if definition.manifest_version is not None:
        versions.append({"version": definition.manifest_version, "isActive": True, "description": ""})
    return reply({"manifestVersions": versions})


async def _create_manifest(server: Server, request: Request) -> Response:
    body = await read_body(request, NewManifest)
    definition = await definitions.existing(server, str(body.source_definition_id), "source", str(body.workspace_id))
    await definitions.update_manifest(server, definition, body.declarative_manifest.manifest)
    return no_content(201)


_PROJECTS = "/connector_builder_projects"
OPERATIONS = [
    Operation("POST", f"{_PROJECTS}/list", "listConnectorBuilderProjects", _list),
    Operation("POST", f"{_PROJECTS}/create", "createConnectorBuilderProject", _create),
    Operation("POST", f"{_PROJECTS}/update", "updateConnectorBuilderProject", _update),
    Operation("POST", f"{_PROJECTS}/delete", "deleteConnectorBuilderProject", _delete),
    Operation("POST", f"{_PROJECTS}/get_with_manifest", "getConnectorBuilderProject", _get),
    Operation(
        "POST", f"{_PROJECTS}/update_testing_values", "updateConnectorBuilderProjectTestingValues", _set_testing_values
    ),
    Operation("POST", f"{_PROJECTS}/publish", "publishConnectorBuilderProject", _publish),
    Operation(
        "POST", f"{_PROJECTS}/get_for_definition_id", "getConnectorBuilderProjectIdForDefinitionId", _for_definition
    ),
    Operation("POST", "/declarative_source_definitions/list_manifests", "listDeclarativeManifests", _list_manifests),
    Operation(
        "POST",
        "/declarative_source_definitions/create_manifest",
        "createDeclarativeSourceDefinitionManifest",
        _create_manifest,
    ),
]
