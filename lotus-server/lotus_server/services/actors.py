"""Sources and destinations: made, changed, checked and deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lotus_server.connectors import CheckResult, ConnectorError
from lotus_server.connectors.stored import connector_of
from lotus_server.domain import configuration as configurations
from lotus_server.domain.connector_specs import schema_of
from lotus_server.domain.file_transfer import REFUSAL, transfers_files
from lotus_server.errors import BadRequest, ResourceNotFound, UnprocessableEntity
from lotus_server.services import definitions
from lotus_server.services.server import Server
from lotus_server.store import actors as stored
from lotus_server.store import connections as stored_connections
from lotus_server.store.actors import Actor
from lotus_server.store.definitions import Kind, StoredDefinition


@dataclass(frozen=True)
class DescribedActor:
    """A source or destination with its definition and a configuration that may be shown."""

    actor: Actor
    definition: StoredDefinition
    shown_configuration: Mapping[str, Any]


async def existing(server: Server, actor_id: str, kind: Kind) -> Actor:
    """The source or destination.

    Raises:
        ResourceNotFound: there is none with this id, or it was deleted.
    """
    actor = await server.store.read(stored.actor, server.store.cipher, actor_id)
    if actor is None or actor.tombstone or actor.kind != kind:
        raise ResourceNotFound(kind, actor_id)
    return actor


async def listed(
    server: Server,
    kind: Kind,
    workspace_ids: Collection[str],
    *,
    include_deleted: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[Actor]:
    """Sources or destinations in the order they were made; no workspaces means all."""
    return await server.store.read(
        stored.listed,
        server.store.cipher,
        kind=kind,
        workspace_ids=workspace_ids,
        include_deleted=include_deleted,
        limit=limit,
        offset=offset,
    )


async def definition_of(server: Server, actor_id: str) -> StoredDefinition:
    """The definition of a source or destination; both may be deleted.

    Raises:
        ResourceNotFound: no actor has this id.
    """
    actor = await server.store.read(stored.actor, server.store.cipher, actor_id)
    if actor is None:
        raise ResourceNotFound("actor", actor_id)
    return await definitions.even_deleted(server, actor.definition_id)


async def connection_counts(server: Server, actors: Sequence[Actor]) -> Mapping[str, int]:
    """Number of connections by actor; an actor without one is not in it."""
    return await server.store.read(stored_connections.count_using_actors, [actor.id for actor in actors])


async def described(server: Server, actor: Actor, *, coordinates: bool = False) -> DescribedActor:
    """The actor as a client may see it."""
    return (await all_described(server, [actor], coordinates=coordinates))[0]


async def all_described(server: Server, listed: Sequence[Actor], *, coordinates: bool = False) -> list[DescribedActor]:
    """Actors as a client may see them; each definition is read once."""
    definitions_by_id: dict[str, tuple[StoredDefinition, Mapping[str, Any] | None]] = {}
    result: list[DescribedActor] = []
    for actor in listed:
        if actor.definition_id not in definitions_by_id:
            definition = await definitions.even_deleted(server, actor.definition_id)
            definitions_by_id[definition.id] = definition, await definitions.schema_to_mask_by(server, definition)
        definition, schema = definitions_by_id[actor.definition_id]
        if schema is None:
            configuration = configurations.wholly_masked(actor.configuration)
        elif coordinates:
            configuration = configurations.with_coordinates(actor.configuration, schema, actor.id)
        else:
            configuration = configurations.masked(actor.configuration, schema)
        result.append(DescribedActor(actor, definition, configuration))
    return result


async def create(
    server: Server,
    *,
    kind: Kind,
    workspace_id: str,
    name: str,
    definition: StoredDefinition,
    configuration: Mapping[str, Any],
    resource_allocation: Mapping[str, Any] | None = None,
) -> Actor:
    """A new source or destination; the configuration is validated only.

    As docs/airbyte-behaviour.md#new-sources-and-destinations has it.

    Raises:
        BadRequest: the name is empty.
        UnprocessableEntity: the connector's spec refuses the configuration, or is not available.
    """
    _require_name(name)
    specification = await definitions.spec_soon(server, definition)
    if specification is not None:
        _validate(specification, configuration)
    created = await server.store.write(
        stored.create,
        server.store.cipher,
        kind=kind,
        workspace_id=workspace_id,
        definition_id=definition.id,
        name=name,
        configuration=configuration,
        resource_allocation=resource_allocation,
    )
    if specification is None:
        work = partial(_validate_later, server, definition, created)
        server.in_background(f"the check of the configuration of {kind} {created.id}", work)
    return created


async def _validate_later(server: Server, definition: StoredDefinition, actor: Actor) -> None:
    """Says in the server's log what the spec refuses; a sync of the source fails with the same words."""
    _validate(await definitions.spec(server, definition), actor.configuration)


async def change(
    server: Server,
    actor: Actor,
    *,
    name: str | None,
    configuration: Mapping[str, Any] | None,
    merge: bool,
    resource_allocation: Mapping[str, Any] | None = None,
) -> Actor:
    """The actor with another name or configuration; a mask keeps the stored secret.

    Args:
        merge: lay the configuration over the stored one (PATCH) instead of replacing it (PUT).

    Raises:
        UnprocessableEntity: the connector's spec refuses the result.
    """
    async with server.lock(f"change {actor.id}"):
        actor = await existing(server, actor.id, actor.kind)  # what a request before this one made of it
        definition = await definitions.even_deleted(server, actor.definition_id)
        result: Mapping[str, Any] = actor.configuration
        if configuration is not None:
            schema = schema_of(await definitions.spec(server, definition))
            result = configurations.merged(actor.configuration, configuration) if merge else configuration
            result = configurations.with_kept_secrets(result, actor.configuration, schema)
        new_name = actor.name if name is None else name
        _require_name(new_name)
        _validate(await definitions.spec(server, definition), result)
        await server.store.write(
            stored.change,
            server.store.cipher,
            actor.id,
            name=new_name,
            configuration=result,
            resource_allocation=actor.resource_allocation if resource_allocation is None else resource_allocation,
        )
        return await existing(server, actor.id, actor.kind)


async def candidate(
    server: Server, actor: Actor, *, configuration: Mapping[str, Any]
) -> tuple[StoredDefinition, Mapping[str, Any]]:
    """A configuration that an actor might get, with its masks resolved: for a check before an update."""
    definition = await definitions.even_deleted(server, actor.definition_id)
    schema = schema_of(await definitions.spec(server, definition))
    return definition, configurations.with_kept_secrets(configuration, actor.configuration, schema)


async def check(
    server: Server, actor: Actor, definition: StoredDefinition, configuration: Mapping[str, Any]
) -> CheckResult:
    """What the connector's own check says; a connector that cannot run is a failed check."""
    if transfers_files(configuration):
        return CheckResult(succeeded=False, message=REFUSAL)
    try:
        result = await server.connectors.check(connector_of(definition), configuration)
    except ConnectorError as error:
        return CheckResult(succeeded=False, message=str(error))
    if result.configuration is not None:
        await server.store.write(stored.set_configuration, server.store.cipher, actor.id, result.configuration)
    return result


def _require_name(name: str) -> None:
    if not name.strip():
        raise BadRequest("name must not be empty")


def _validate(specification: Mapping[str, Any], configuration: Mapping[str, Any]) -> None:
    faults = configurations.faults(configuration, schema_of(specification))
    if faults:
        raise UnprocessableEntity(
            "The provided configuration does not fulfill the specification. Errors: " + ", ".join(faults)
        )
