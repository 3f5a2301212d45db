"""Definitions: which connectors there are, and what their specs say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lotus.embedded.connectors import ConnectorError, Definition
from lotus.embedded.connectors.definition import MANIFEST_REPOSITORY
from lotus.embedded.connectors.registry import CDK_VERSION, definitions
from lotus.embedded.errors import BadRequest, ResourceNotFound, UnprocessableEntity, ValueNotFound
from lotus.embedded.store import Store, actors
from lotus.embedded.store import definitions as stored
from lotus.embedded.store.definitions import Kind, StoredDefinition

if TYPE_CHECKING:
    from lotus.embedded.server import Server

DESTINATION_SYNC_MODES = ("overwrite", "append")
"""What a destination supports whose spec does not say: the modes that need no key."""


def seed(store: Store) -> None:
    """Brings the builtin definitions in the store up to date with the connector registry."""
    builtin = [
        {
            "id": entry.id,
            "kind": entry.actor_type,
            "name": entry.name,
            "docker_repository": entry.docker_repository,
            "docker_image_tag": entry.docker_image_tag,
            "documentation_url": entry.documentation_url or None,
        }
        for entry in definitions()
    ]
    store.write_now(stored.put_builtin, builtin)


def connector_of(definition: StoredDefinition) -> Definition:
    """The definition as ``Connectors`` and ``Jobs`` take it."""
    return Definition(
        id=definition.id,
        name=definition.name,
        docker_repository=definition.docker_repository,
        docker_image_tag=definition.docker_image_tag,
        actor_type=definition.kind,
        documentation_url=definition.documentation_url or "",
        manifest=definition.manifest,
        custom=definition.origin != "builtin",
    )


def type_name(definition: StoredDefinition) -> str:
    """``sourceType`` or ``destinationType`` in answers: empty for a custom definition (airbyte-api.md, section a)."""
    return connector_of(definition).short_name if definition.origin == "builtin" else ""


async def existing(server: Server, definition_id: str, kind: Kind, workspace_id: str | None = None) -> StoredDefinition:
    """The definition, which is there, of this kind and visible from the workspace.

    Raises:
        ResourceNotFound: it is not.
    """
    found = await server.store.read(stored.definition, definition_id)
    if found is None or found.tombstone or found.kind != kind:
        raise ResourceNotFound(f"{kind} definition", definition_id)
    if workspace_id is not None and found.workspace_id not in (None, workspace_id):
        raise ResourceNotFound(f"{kind} definition", definition_id)
    return found


async def by_type_name(server: Server, kind: Kind, name: str) -> StoredDefinition:
    """The builtin definition that ``sourceType`` or ``destinationType`` names.

    Raises:
        ValueNotFound: no builtin definition has this name.
    """
    known = {type_name(entry): entry for entry in await server.store.read(stored.listed, kind=kind)}
    known.pop("", None)
    if name not in known:
        raise ValueNotFound(
            f"Invalid {kind}Type: {name}. Known here: {', '.join(sorted(known))}; "
            "any other connector can be used through a custom definition and its definitionId"
        )
    return known[name]


async def spec(server: Server, definition: StoredDefinition) -> Mapping[str, Any]:
    """The connector's specification, asked for once per version.

    Raises:
        UnprocessableEntity: the connector cannot be installed or run here.
    """
    if definition.manifest is not None:
        return _manifest_spec(definition.manifest)
    # A destination's is computed from its model, which changes under one version while it is being written.
    known = await server.store.read(stored.spec, definition.id, definition.version)
    if known is not None and definition.kind == "source":
        return known
    try:
        answered = await server.connectors.spec(connector_of(definition))
    except ConnectorError as error:
        raise UnprocessableEntity(f"Could not get the spec of {definition.docker_repository}: {error}") from error
    await server.store.write(stored.put_spec, definition.id, definition.version, answered)
    return answered


async def schema_to_mask_by(server: Server, definition: StoredDefinition) -> Mapping[str, Any] | None:
    """A schema that says which values are secrets, without installing a connector for it if one version's is known.

    None: it cannot be had, and everything has to be taken for a secret.
    """
    if definition.manifest is None and await server.store.read(stored.spec, definition.id, definition.version) is None:
        older = await server.store.read(stored.latest_spec, definition.id)
        if older is not None:
            return schema_of(older)
    try:
        return schema_of(await spec(server, definition))
    except UnprocessableEntity:
        return None


def schema_of(specification: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema of a configuration."""
    schema = specification.get("connectionSpecification")
    return schema if isinstance(schema, Mapping) else {}


def destination_sync_modes(specification: Mapping[str, Any]) -> list[str]:
    """What a destination supports, by its spec."""
    return list(specification.get("supported_destination_sync_modes") or DESTINATION_SYNC_MODES)


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
    specification = await _asked(server, candidate)
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
        raise BadRequest(f"{definition.name} is no custom definition and cannot be updated")
    _require(name=name or definition.name, dockerImageTag=docker_image_tag)
    if docker_image_tag != definition.docker_image_tag:
        candidate = connector_of(definition)
        specification = await _asked(
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
    _manifest_spec(manifest)
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
    _manifest_spec(manifest)

    def raise_version(db: Any) -> None:
        current = stored.definition(db, definition.id)
        version = (current.manifest_version or 0) + 1 if current else 1
        stored.change(db, definition.id, manifest=manifest, manifest_version=version)

    await server.store.write(raise_version)
    return await existing(server, definition.id, "source")


async def delete(server: Server, definition: StoredDefinition) -> None:
    """Deletes a custom or declarative definition and, as Airbyte does, everything made of it first.

    Raises:
        BadRequest: it is a builtin one.
    """
    if definition.origin == "builtin":
        raise BadRequest(f"{definition.name} comes with the server and cannot be deleted")
    from lotus.embedded.actors import delete as delete_actor

    for actor in await server.store.read(
        actors.listed, server.store.cipher, kind=definition.kind, definition_id=definition.id
    ):
        await delete_actor(server, actor)
    await server.store.write(stored.change, definition.id, tombstone=True)


async def _asked(server: Server, candidate: Definition) -> Mapping[str, Any]:
    try:
        return await server.connectors.spec(candidate)
    except ConnectorError as error:
        raise UnprocessableEntity(f"Could not get the spec of {candidate.docker_repository}: {error}") from error


def _manifest_spec(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    specification = manifest.get("spec")
    if not isinstance(specification, Mapping):
        raise BadRequest("The manifest has no spec (an object with connection_specification)")
    schema = specification.get("connection_specification")
    if not isinstance(schema, Mapping):
        raise BadRequest("The manifest's spec has no connection_specification (a JSON schema)")
    return {
        "documentationUrl": specification.get("documentation_url"),
        "connectionSpecification": schema,
        "advanced_auth": specification.get("advanced_auth"),
    }


def _require(**texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise BadRequest(f"{name} must not be empty")
