"""Connections: made, changed and deleted, for both APIs."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from lotus_server.domain import catalog, cron
from lotus_server.domain.schema_changes import Findings
from lotus_server.errors import BadRequest, ResourceNotFound, StateConflict
from lotus_server.jobs.discovery import compare_schema
from lotus_server.services import actors, definitions, discovery, jobs
from lotus_server.services.server import Server
from lotus_server.store import actors as stored_actors
from lotus_server.store import connections as stored
from lotus_server.store import tags
from lotus_server.store.actors import Actor
from lotus_server.store.connections import DiscoveredCatalog, StoredConnection
from lotus_server.store.sealed_mappers import with_sealed_keys
from lotus_server.store.tags import Tag

MANUAL: Mapping[str, Any] = {
    "schedule_type": "manual",
    "cron_expression": None,
    "cron_time_zone": None,
    "basic_units": None,
    "basic_time_unit": None,
}
"""The columns of a connection that only runs when asked to."""

CatalogOf = Callable[[Mapping[str, Any], Sequence[str]], Mapping[str, Any]]
"""From the discovered catalog and the destination's sync modes to the configured catalog."""


@dataclass(frozen=True)
class Changes:
    """Columns to set (see ``schema.py``), tags to put on, and how to get a new catalog; None leaves it."""

    columns: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tag_ids: Sequence[str] | None = None
    catalog_of: CatalogOf | None = None


def cron_schedule(expression: str | None, zone: str = "UTC") -> dict[str, Any]:
    """The columns of a cron schedule; the public API knows UTC only, the config API any zone.

    Raises:
        BadRequest: the expression is missing or not one that Airbyte accepts, or the zone is unknown.
    """
    if expression is None:
        raise BadRequest("Missing cron expression in the schedule.")
    try:
        normalised = cron.normalised(expression)
    except cron.CronError as error:
        raise BadRequest(
            f"The cron expression {expression} is not valid. Error: {error}. "
            "Please check the cron expression format at https://www.quartz-scheduler.org/documentation/quartz-2.3.0/tutorials/crontrigger.html"
        ) from error
    if not cron.starts_with_numbers(normalised):
        raise BadRequest(
            f"The cron expression {expression} is not valid or is less than the one hour minimum. "
            "The seconds and minutes values cannot be `*`."
        )
    if zone not in zoneinfo.available_timezones():
        raise BadRequest(f"The cron time zone {zone} is not known.")
    return {**MANUAL, "schedule_type": "cron", "cron_expression": normalised, "cron_time_zone": zone}


async def existing(server: Server, connection_id: str) -> StoredConnection:
    """The connection; a deleted one is still readable, as ``deprecated`` (docs/airbyte-behaviour.md#deleting).

    Raises:
        ResourceNotFound: there never was one with this id.
    """
    connection = await server.store.read(stored.connection, connection_id)
    if connection is None:
        raise ResourceNotFound("connection", connection_id)
    return connection


async def listed(
    server: Server,
    *,
    workspace_ids: Collection[str] = (),
    tag_ids: Collection[str] = (),
    include_deleted: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[StoredConnection]:
    """Connections in the order they were made; deleted (deprecated) ones only if asked for."""
    return await server.store.read(
        stored.listed,
        workspace_ids=workspace_ids,
        tag_ids=tag_ids,
        include_deleted=include_deleted,
        limit=limit,
        offset=offset,
    )


async def tags_of(server: Server, connections: Sequence[StoredConnection]) -> Mapping[str, Sequence[Tag]]:
    """Tags by connection, by name."""
    return await server.store.read(stored.tags_by_connection, [connection.id for connection in connections])


async def create(
    server: Server,
    *,
    source_id: str,
    destination_id: str,
    name: str | None,
    columns: Mapping[str, Any],
    tag_ids: Sequence[str],
    catalog_of: CatalogOf,
) -> StoredConnection:
    """A new connection; the source's schema is discovered first (from the cache, if it was already).

    Raises:
        ResourceNotFound: source, destination or a tag does not exist.
        BadRequest: they are of different workspaces, or the catalog is refused.
        UnprocessableEntity: the source's schema cannot be discovered.
    """
    destination = await actors.existing(server, destination_id, "destination")
    source = await actors.existing(server, source_id, "source")
    if source.workspace_id != destination.workspace_id:
        raise BadRequest(f"Source {source_id} and destination {destination_id} are in different workspaces.")
    await _check_tags(server, source.workspace_id, tag_ids)
    discovered = await discovery.discovered_catalog(server, source)
    modes = await definitions.destination_modes(server, destination.definition_id)
    values = {
        "status": "active",
        **MANUAL,
        "namespace_definition": "destination",
        "namespace_format": None,
        "prefix": "",
        "non_breaking_schema_updates": "ignore",
        "breaking_change": False,
        "resource_requirements": None,
        "notify_schema_changes": False,
        "notify_schema_changes_by_email": False,
        **columns,
        "workspace_id": source.workspace_id,
        "source_id": source_id,
        "destination_id": destination_id,
        "name": name or f"{source.name} <> {destination.name}",
        "catalog": with_sealed_keys(catalog_of(discovered.catalog, modes), {"streams": []}, server.store.cipher),
        "discovered_catalog_id": discovered.id,
    }

    def insert(db: Connection) -> StoredConnection:
        # Discovery takes time: source or destination may have been deleted meanwhile.
        for actor_id, kind in ((source_id, "source"), (destination_id, "destination")):
            if not stored_actors.is_there(db, actor_id):
                raise ResourceNotFound(kind, actor_id)
        return stored.create(db, values, tag_ids)

    return await server.store.write(insert)


async def change(server: Server, connection: StoredConnection, changes: Changes) -> StoredConnection:
    """The connection with changes; a stream whose source sync mode changes loses its state.

    Airbyte does the same: docs/airbyte-behaviour.md#state-of-a-connection.

    Raises:
        StateConflict: the connection is deleted or locked.
        ResourceNotFound: a tag does not exist.
        BadRequest: the catalog is refused.
        UnprocessableEntity: the source's schema cannot be discovered.
    """
    async with server.lock(f"change {connection.id}"):
        return await _changed(server, await existing(server, connection.id), changes)


async def _changed(server: Server, connection: StoredConnection, changes: Changes) -> StoredConnection:
    if connection.status in ("deprecated", "locked"):
        raise StateConflict(f"The connection {connection.id} is {connection.status} and cannot be changed.")
    if changes.tag_ids is not None:
        await _check_tags(server, connection.workspace_id, changes.tag_ids)
    columns = dict(changes.columns)
    reset: list[tuple[str, str]] = []
    if changes.catalog_of is not None:
        source = await actors.existing(server, connection.source_id, "source")
        destination = await actors.existing(server, connection.destination_id, "destination")
        discovered = await discovery.discovered_catalog(server, source)
        modes = await definitions.destination_modes(server, destination.definition_id)
        configured = changes.catalog_of(discovered.catalog, modes)
        columns["catalog"] = with_sealed_keys(configured, connection.catalog, server.store.cipher)
        columns["discovered_catalog_id"] = discovered.id
        columns.setdefault("breaking_change", False)
        reset = catalog.changed_source_modes(connection.catalog, columns["catalog"])

    elif connection.status == "inactive" and columns.get("status") == "active" and not connection.breaking_change:
        # A client that activates a connection which a change of schema had stopped has seen that change.
        latest = await server.store.read(stored.latest_discovered, connection.source_id)
        columns |= {"discovered_catalog_id": latest.id} if latest is not None else {}

    def update(db: Connection) -> None:
        stored.forget_state(db, connection.id, reset)
        if columns:
            stored.change(db, connection.id, **columns)
        if changes.tag_ids is not None:
            stored.set_tags(db, connection.id, changes.tag_ids)

    await server.store.write(update)
    if columns.get("status") == "deprecated":
        await jobs.cancel_active(server, [connection.id])
    return await existing(server, connection.id)


async def check_schema(server: Server, connection_id: str, source: Actor, latest: DiscoveredCatalog) -> Findings:
    """What changed in the source for a connection; one that cannot go on, or is set to stop, is made inactive.

    Raises:
        ResourceNotFound: there is no such connection.
        BadRequest: it is another source's.
    """
    connection = await existing(server, connection_id)
    if connection.source_id != source.id:
        raise BadRequest(f"The connection {connection_id} is not one of source {source.id}.")
    destination = await actors.existing(server, connection.destination_id, "destination")
    modes = await definitions.destination_modes(server, destination.definition_id)
    return await server.store.write(compare_schema, connection.id, latest, modes, propagate=False)


async def _check_tags(server: Server, workspace_id: str, tag_ids: Sequence[str]) -> None:
    existing_ids = {tag.id for tag in await server.store.read(tags.listed, [workspace_id])} if tag_ids else set[str]()
    for tag_id in tag_ids:
        if tag_id not in existing_ids:
            raise ResourceNotFound("tag", tag_id)
