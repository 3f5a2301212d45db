"""Sources and destinations: made, changed, checked and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lotus.embedded import configuration as configurations
from lotus.embedded import definitions, discovery
from lotus.embedded.connectors import CheckResult, ConnectorError
from lotus.embedded.errors import BadRequest, ResourceNotFound, UnprocessableEntity
from lotus.embedded.store import actors as stored
from lotus.embedded.store import connections as stored_connections
from lotus.embedded.store.actors import Actor
from lotus.embedded.store.connections import DiscoveredCatalog
from lotus.embedded.store.definitions import Kind, StoredDefinition

if TYPE_CHECKING:
    from lotus.embedded.server import Server


@dataclass(frozen=True)
class DescribedActor:
    """A source or destination with its definition and a configuration that may be shown."""

    actor: Actor
    definition: StoredDefinition
    shown_configuration: Mapping[str, Any]


async def existing(server: Server, actor_id: str, kind: Kind) -> Actor:
    """The source or destination, which is there.

    Raises:
        ResourceNotFound: it is not.
    """
    found = await server.store.read(stored.actor, server.store.cipher, actor_id)
    if found is None or found.tombstone or found.kind != kind:
        raise ResourceNotFound(kind, actor_id)
    return found


async def described(server: Server, actor: Actor, *, coordinates: bool = False) -> DescribedActor:
    """The actor as a client may see it."""
    return (await all_described(server, [actor], coordinates=coordinates))[0]


async def all_described(server: Server, listed: Sequence[Actor], *, coordinates: bool = False) -> list[DescribedActor]:
    """Actors as a client may see them; each definition is read once."""
    known: dict[str, tuple[StoredDefinition, Mapping[str, Any] | None]] = {}
    result: list[DescribedActor] = []
    for actor in listed:
        if actor.definition_id not in known:
            definition = await server.store.read(_definition_even_deleted, actor.definition_id)
            known[definition.id] = definition, await definitions.schema_to_mask_by(server, definition)
        definition, schema = known[actor.definition_id]
        if schema is None:
            shown = configurations.wholly_masked(actor.configuration)
        elif coordinates:
            shown = configurations.with_coordinates(actor.configuration, schema, actor.id)
        else:
            shown = configurations.masked(actor.configuration, schema)
        result.append(DescribedActor(actor, definition, shown))
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
    """A new source or destination; its configuration is validated, not checked against the world (as in Airbyte).

    Raises:
        BadRequest: the name is empty.
        UnprocessableEntity: the connector's spec refuses the configuration, or cannot be had.
    """
    await _validate(server, definition, name, configuration)
    return await server.store.write(
        stored.create,
        server.store.cipher,
        kind=kind,
        workspace_id=workspace_id,
        definition_id=definition.id,
        name=name,
        configuration=configuration,
        resource_allocation=resource_allocation,
    )


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
        definition = await server.store.read(_definition_even_deleted, actor.definition_id)
        result: Mapping[str, Any] = actor.configuration
        if configuration is not None:
            schema = definitions.schema_of(await definitions.spec(server, definition))
            result = configurations.merged(actor.configuration, configuration) if merge else configuration
            result = configurations.with_kept_secrets(result, actor.configuration, schema)
        new_name = actor.name if name is None else name
        await _validate(server, definition, new_name, result)
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
    definition = await server.store.read(_definition_even_deleted, actor.definition_id)
    schema = definitions.schema_of(await definitions.spec(server, definition))
    return definition, configurations.with_kept_secrets(configuration, actor.configuration, schema)


async def delete(server: Server, actor: Actor) -> None:
    """Deletes the actor, its connections first; their running jobs are cancelled."""
    from lotus.embedded.connections import delete_all

    await delete_all(server, await server.store.read(stored_connections.using_actor, actor.id))
    await server.store.write(stored.bury, server.store.cipher, actor.id)
    await server.store.write(stored_connections.forget_discovered, actor.id)


async def check(server: Server, definition: StoredDefinition, configuration: Mapping[str, Any]) -> CheckResult:
    """What the connector's own check says; a connector that cannot run is a failed check."""
    try:
        return await server.connectors.check(definitions.connector_of(definition), configuration)
    except ConnectorError as error:
        return CheckResult(succeeded=False, message=str(error))


async def discover(server: Server, actor: Actor, *, ignore_cache: bool = False) -> DiscoveredCatalog:
    """What the source offers; asked once per configuration and connector version unless the cache is to be ignored.

    Raises:
        UnprocessableEntity: the connector failed to discover; the message has its words.
    """
    definition = await server.store.read(_definition_even_deleted, actor.definition_id)
    since = discovery.ALWAYS if ignore_cache else 0
    async with server.lock(f"discover {actor.id}"):
        try:
            return await discovery.discover(server.store, server.connectors, actor, definition, since=since)
        except ConnectorError as error:
            raise UnprocessableEntity(f"Could not discover the schema of source {actor.name}: {error}") from error


def _definition_even_deleted(db: Any, definition_id: str) -> StoredDefinition:
    from lotus.embedded.store.definitions import definition

    found = definition(db, definition_id)
    if found is None:
        raise ResourceNotFound("definition", definition_id)
    return found


async def _validate(server: Server, definition: StoredDefinition, name: str, configuration: Mapping[str, Any]) -> None:
    if not name.strip():
        raise BadRequest("name must not be empty")
    schema = definitions.schema_of(await definitions.spec(server, definition))
    found = configurations.faults(configuration, schema)
    if found:
        raise UnprocessableEntity(
            "The provided configuration does not fulfill the specification. Errors: " + ", ".join(found)
        )
