"""Projects of the connector builder: kept, and published as source definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from lotus_server.domain import configuration as configurations
from lotus_server.domain.connector_specs import ManifestError, manifest_spec, schema_of
from lotus_server.errors import ResourceNotFound, StateConflict
from lotus_server.services import definitions
from lotus_server.services.server import Server
from lotus_server.store import builder_projects as stored
from lotus_server.store.builder_projects import BuilderProject
from lotus_server.store.definitions import StoredDefinition


async def existing_project(server: Server, project_id: str, workspace_id: str) -> BuilderProject:
    """The project.

    Raises:
        ResourceNotFound: the workspace has none with this id.
    """
    project = await server.store.read(stored.project, server.store.cipher, project_id)
    if project is None or project.workspace_id != workspace_id:
        raise ResourceNotFound("connector builder project", project_id)
    return project


async def projects_of(server: Server, workspace_id: str) -> Sequence[BuilderProject]:
    """The projects of a workspace."""
    return await server.store.read(stored.projects, server.store.cipher, workspace_id)


async def create_project(
    server: Server,
    *,
    workspace_id: str,
    name: str,
    draft_manifest: Mapping[str, Any] | None,
    yaml_manifest: str | None,
) -> BuilderProject:
    """A new project."""
    project_id = await server.store.write(
        stored.insert_project,
        workspace_id=workspace_id,
        name=name,
        draft_manifest=draft_manifest,
        yaml_manifest=yaml_manifest,
    )
    return await existing_project(server, project_id, workspace_id)


async def change_project(
    server: Server,
    project: BuilderProject,
    *,
    name: str,
    draft_manifest: Mapping[str, Any] | None,
    yaml_manifest: str | None,
) -> None:
    """Another name and draft; no manifest ends the draft."""
    values = {"name": name, "draft_manifest": draft_manifest, "yaml_manifest": yaml_manifest}
    await server.store.write(stored.update_project, project.id, **values)


async def set_testing_values(
    server: Server, project: BuilderProject, spec: Mapping[str, Any], testing_values: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The configuration that the project is tested with, as it may be shown; a mask keeps the stored secret."""
    schema = _configuration_schema(spec)
    kept = configurations.with_kept_secrets(testing_values, project.testing_values or {}, schema)
    await server.store.write(stored.put_testing_values, server.store.cipher, project.id, kept)
    return configurations.masked(kept, schema)


def shown_testing_values(project: BuilderProject) -> Mapping[str, Any] | None:
    """The testing values without their secrets."""
    if project.testing_values is None:
        return None
    try:
        schema = schema_of(manifest_spec(project.draft_manifest or {}))
    except ManifestError:
        return configurations.wholly_masked(project.testing_values)
    return configurations.masked(project.testing_values, schema)


async def publish(server: Server, project: BuilderProject, *, name: str, manifest: Mapping[str, Any]) -> str:
    """The id of the source definition that the project becomes.

    Raises:
        StateConflict: it was published before; its manifest is changed as the definition's.
        BadRequest: the manifest has no spec.
    """
    if project.definition_id is not None:
        raise StateConflict(f"The project {project.name} is published as {project.definition_id} already")
    definition = await definitions.create_declarative(
        server, workspace_id=project.workspace_id, name=name, manifest=manifest
    )
    values = {"definition_id": definition.id, "name": name, "draft_manifest": None}
    await server.store.write(stored.update_project, project.id, **values)
    return definition.id


async def remove_project(server: Server, project: BuilderProject) -> None:
    """Deletes the project."""
    await server.store.write(stored.delete_project, project.id)


async def published_definition(server: Server, project: BuilderProject) -> StoredDefinition | None:
    """The definition that the project was published as, if it is still there."""
    if project.definition_id is None:
        return None
    definition = await definitions.even_deleted(server, project.definition_id)
    return None if definition.tombstone else definition


async def project_for_manifest(server: Server, definition: StoredDefinition) -> str | None:
    """The id of the project of a definition that was made of a manifest, which every such definition has in Airbyte."""
    if definition.manifest is None or definition.workspace_id is None:
        return None
    workspace_id = definition.workspace_id

    def find_or_create(db: Connection) -> str:
        for project in stored.projects(db, server.store.cipher, workspace_id):
            if project.definition_id == definition.id:
                return project.id
        project_id = stored.insert_project(
            db, workspace_id=workspace_id, name=definition.name, draft_manifest=None, yaml_manifest=None
        )
        stored.update_project(db, project_id, definition_id=definition.id)
        return project_id

    return await server.store.write(find_or_create)


def _configuration_schema(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema in a spec, which clients send as the schema itself or as a whole specification."""
    for key in ("connectionSpecification", "connection_specification"):
        if isinstance(spec.get(key), Mapping):
            return spec[key]
    return spec
