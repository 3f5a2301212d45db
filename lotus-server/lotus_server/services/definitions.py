"""Definitions: which connectors there are, and what their specs say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from lotus_server.connectors import ConnectorError, Definition
from lotus_server.connectors.registry import CDK_VERSION
from lotus_server.connectors.stored import connector_of
from lotus_server.domain.connector_specs import (
    MANIFEST_REPOSITORY,
    ManifestError,
    destination_sync_modes,
    manifest_spec,
    schema_of,
)
from lotus_server.errors import BadRequest, ResourceNotFound, UnprocessableEntity, ValueNotFound
from lotus_server.services.server import Server
from lotus_server.store import definitions as stored
from lotus_server.store.definitions import Kind, StoredDefinition


def type_name(definition: StoredDefinition) -> str:
    """``sourceType`` or ``destinationType``: empty for a custom one (docs/airbyte-behaviour.md#connector-types)."""
    return connector_of(definition).short_name if definition.origin == "builtin" else ""


async def existing(server: Server, definition_id: str, kind: Kind, workspace_id: str | None = None) -> StoredDefinition:
    """The definition, of this kind and visible from the workspace.

    Raises:
        ResourceNotFound: there is no such definition, or it was deleted.
    """
    definition = await server.store.read(stored.definition, definition_id)
    if definition is None or definition.tombstone or definition.kind != kind:
        raise ResourceNotFound(f"{kind} definition", definition_id)
    if workspace_id is not None and definition.workspace_id not in (None, workspace_id):
        raise ResourceNotFound(f"{kind} definition", definition_id)
    return definition


async def even_deleted(server: Server, definition_id: str) -> StoredDefinition:
    """The definition that an actor was made of, which may be deleted.

    Raises:
        ResourceNotFound: no definition has this id.
    """
    definition = await server.store.read(stored.definition, definition_id)
    if definition is None:
        raise ResourceNotFound("definition", definition_id)
    return definition


async def listed(
    server: Server, kind: Kind, workspace_id: str | None = None, *, include_deleted: bool = False
) -> Sequence[StoredDefinition]:
    """Definitions by name: the builtin ones and the workspace's (all workspaces' if none is named)."""
    return await server.store.read(stored.listed, kind=kind, workspace_id=workspace_id, include_deleted=include_deleted)


async def by_type_name(server: Server, kind: Kind, name: str) -> StoredDefinition:
    """The builtin definition that ``sourceType`` or ``destinationType`` names.

    Raises:
        ValueNotFound: no builtin definition has this name.
    """
    by_name = {type_name(entry): entry for entry in await server.store.read(stored.listed, kind=kind)}
    by_name.pop("", None)
    if name not in by_name:
        raise ValueNotFound(
            f"Invalid {kind}Type: {name}. Known here: {', '.join(sorted(by_name))}; "
            "any other connector can be used through a custom definition and its definitionId"
        )
    return by_name[name]


async def spec(server: Server, definition: StoredDefinition) -> Mapping[str, Any]:
    """The connector's specification, asked for once per version.

    Raises:
        UnprocessableEntity: the connector cannot be installed or run here.
    """
    if definition.manifest is not None:
        return manifest_spec(definition.manifest)
    # A destination's is computed from its model, which changes under one version while it is being written.
    cached = await server.store.read(stored.answered_spec, definition.id, definition.version)
    if cached is not None and definition.kind == "source":
        return cached
    try:
        specification = await server.connectors.spec(connector_of(definition))
    except ConnectorError as error:
        raise _no_spec(definition, error) from error
    if specification != cached:
        await server.store.write(stored.put_spec, definition.id, definition.version, specification)
    return specification


SPEC_PATIENCE_SECONDS = 2.0
"""How long a request waits for an installed connector to say its spec; clients give up after five."""


async def spec_soon(server: Server, definition: StoredDefinition) -> Mapping[str, Any] | None:
    """The specification if it is known or soon will be; None while the connector is being installed.

    Raises:
        UnprocessableEntity: the connector does not run here.
    """
    if definition.manifest is not None or await server.store.read(
        stored.answered_spec, definition.id, definition.version
    ):
        return await spec(server, definition)
    try:
        connector = connector_of(definition)
        if server.connectors.known_spec(connector) is not None:
            return await spec(server, definition)
        patience = SPEC_PATIENCE_SECONDS if server.connectors.is_installed(connector) else 0.0
    except ConnectorError as error:
        raise _no_spec(definition, error) from error
    name = f"the spec of {definition.docker_repository} {definition.version}"
    task = server.in_background(name, partial(spec, server, definition))
    done, _ = await asyncio.wait({task}, timeout=patience)
    return task.result() if done else None


def _no_spec(definition: StoredDefinition, error: ConnectorError) -> UnprocessableEntity:
    return UnprocessableEntity(f"Could not get the spec of {definition.docker_repository}: {error}")


async def destination_modes(server: Server, definition_id: str) -> list[str]:
    """The sync modes that destinations of this definition support, by its spec."""
    return destination_sync_modes(await spec(server, await even_deleted(server, definition_id)))


async def schema_to_mask_by(server: Server, definition: StoredDefinition) -> Mapping[str, Any] | None:
    """A schema that says which values are secrets, without installing a connector for it if one version's is known.

    None: no schema is available, and every string has to be treated as a secret.
    """
    if (
        definition.manifest is None
        and await server.store.read(stored.answered_spec, definition.id, definition.version) is None
    ):
        older = await server.store.read(stored.latest_spec, definition.id)
        if older is not None:
            return schema_of(older)
    try:
        specification = await spec_soon(server, definition)
    except UnprocessableEntity:
        return None
    return None if specification is None else schema_of(specification)


async def create_custom(
    server: Server,
    *,
    kind: Kind,
    workspace_id: str,
    name: str,
    docker_repository: str,
    docker_image_tag: str,
    documentation_url: str | None,
) -> StoredDefinition:
    """A new custom definition, once its connector has answered its spec, as Airbyte does it.

    Raises:
        UnprocessableEntity: the connector cannot be installed or run here.
    """
    _require(name=name, dockerRepository=docker_repository, dockerImageTag=docker_image_tag)
    candidate = Definition(
        id="", name=name, docker_repository=docker_repository, docker_image_tag=docker_image_tag, actor_type=kind,
        documentation_url=documentation_url or "", custom=True,
    )  # fmt: skip
    specification = await _spec_of_candidate(server, candidate)
    created = await server.store.write(
        stored.create,
        kind=kind,
        origin="custom",
        workspace_id=workspace_id,
        name=name,
        docker_repository=docker_repository,
        docker_image_tag=docker_image_tag,
        documentation_url=documentation_url,
    )
    await server.store.write(stored.put_spec, created.id, created.version, specification)
    return created


async def update_custom(
    server: Server, definition: StoredDefinition, *, name: str | None, docker_image_tag: str
) -> StoredDefinition:
    """Another version of a custom definition, once its connector has answered its spec.

    Raises:
        BadRequest: the definition is not a custom one.
        UnprocessableEntity: the connector cannot be installed or run here.
    """
    if definition.origin != "custom":
        raise BadRequest(f"{definition.name} is not a custom definition and cannot be updated")
    _require(name=name or definition.name, dockerImageTag=docker_image_tag)
    if docker_image_tag != definition.docker_image_tag:
        candidate = connector_of(definition)
        specification = await _spec_of_candidate(
            server,
            Definition(
                id=candidate.id, name=candidate.name, docker_repository=candidate.docker_repository,
                docker_image_tag=docker_image_tag, actor_type=candidate.actor_type, custom=True,
            ),
        )  # fmt: skip
        version = f"{definition.docker_repository}:{docker_image_tag}"
        await server.store.write(stored.put_spec, definition.id, version, specification)
    changes = {"name": name or definition.name, "docker_image_tag": docker_image_tag}
    await server.store.write(stored.change, definition.id, **changes)
    return await existing(server, definition.id, definition.kind)


async def create_declarative(
    server: Server, *, workspace_id: str, name: str, manifest: Mapping[str, Any]
) -> StoredDefinition:
    """A new source definition out of a low-code manifest, at version 1."""
    _require(name=name)
    _check_manifest(manifest)
    return await server.store.write(
        stored.create,
        kind="source",
        origin="declarative",
        workspace_id=workspace_id,
        name=name,
        docker_repository=MANIFEST_REPOSITORY,
        docker_image_tag=CDK_VERSION,
        manifest=manifest,
    )


async def update_manifest(
    server: Server, definition: StoredDefinition, manifest: Mapping[str, Any]
) -> StoredDefinition:
    """The definition with a new manifest: the version rises, the id stays."""
    _check_manifest(manifest)

    def raise_version(db: Any) -> None:
        current = stored.definition(db, definition.id)
        version = (current.manifest_version or 0) + 1 if current else 1
        stored.change(db, definition.id, manifest=manifest, manifest_version=version)

    await server.store.write(raise_version)
    return await existing(server, definition.id, "source")


async def _spec_of_candidate(server: Server, candidate: Definition) -> Mapping[str, Any]:
    try:
        return await server.connectors.spec(candidate)
    except ConnectorError as error:
        raise UnprocessableEntity(f"Could not get the spec of {candidate.docker_repository}: {error}") from error


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    try:
        manifest_spec(manifest)
    except ManifestError as error:
        raise BadRequest(str(error)) from error


def _require(**texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise BadRequest(f"{name} must not be empty")
