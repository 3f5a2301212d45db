"""Connections: made, changed and deleted, for both APIs."""

from __future__ import annotations

import contextlib
import zoneinfo
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from lotus.embedded import actors, catalog, cron, definitions, schema_changes
from lotus.embedded.errors import BadRequest, ResourceNotFound, StateConflict
from lotus.embedded.jobs.errors import JobNotFoundError, JobNotRunningError
from lotus.embedded.mappers import with_sealed_keys
from lotus.embedded.store import actors as stored_actors
from lotus.embedded.store import connections as stored
from lotus.embedded.store import definitions as stored_definitions
from lotus.embedded.store import job_history, tags
from lotus.embedded.store.actors import Actor
from lotus.embedded.store.connections import DiscoveredCatalog, StoredConnection

if TYPE_CHECKING:
    from lotus.embedded.server import Server

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
    """The connection; a deleted one is still readable, as ``deprecated`` (airbyte-api.md, section a, "Deleting").

    Raises:
        ResourceNotFound: there never was one with this id.
    """
    found = await server.store.read(stored.connection, connection_id)
    if found is None:
        raise ResourceNotFound("connection", connection_id)
    return found


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
    discovered = await actors.discover(server, source)
    modes = await _destination_modes(server, destination.definition_id)
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
        # Discovery takes its time: what was there before it may be gone now.
        for actor_id, kind in ((source_id, "source"), (destination_id, "destination")):
            if not stored_actors.is_there(db, actor_id):
                raise ResourceNotFound(kind, actor_id)
        return stored.create(db, values, tag_ids)

    return await server.store.write(insert)


async def change(server: Server, connection: StoredConnection, changes: Changes) -> StoredConnection:
    """The connection with changes; a stream whose source sync mode changes loses its state (section d).

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
        discovered = await actors.discover(server, source)
        modes = await _destination_modes(server, destination.definition_id)
        wanted = changes.catalog_of(discovered.catalog, modes)
        columns["catalog"] = with_sealed_keys(wanted, connection.catalog, server.store.cipher)
        columns["discovered_catalog_id"] = discovered.id
        columns.setdefault("breaking_change", False)
        reset = catalog.changed_source_modes(connection.catalog, columns["catalog"])

    elif connection.status == "inactive" and columns.get("status") == "active" and not connection.breaking_change:
        # Whoever sets a connection active again that a change of schema had stopped has seen that change.
        offered = await server.store.read(stored.latest_discovered, connection.source_id)
        columns |= {"discovered_catalog_id": offered.id} if offered is not None else {}

    def update(db: Connection) -> None:
        stored.forget_state(db, connection.id, reset)
        if columns:
            stored.change(db, connection.id, **columns)
        if changes.tag_ids is not None:
            stored.set_tags(db, connection.id, changes.tag_ids)

    await server.store.write(update)
    if columns.get("status") == "deprecated":
        await _cancel_jobs(server, [connection.id])
    return await existing(server, connection.id)


async def look_at_schema(
    server: Server, connection_id: str, source: Actor, offered: DiscoveredCatalog
) -> schema_changes.Findings:
    """What changed in the source for a connection; one that cannot go on, or is set to stop, is made inactive.

    Raises:
        ResourceNotFound: there is no such connection.
        BadRequest: it is another source's.
    """
    connection = await existing(server, connection_id)
    if connection.source_id != source.id:
        raise BadRequest(f"The connection {connection_id} is not one of source {source.id}.")
    destination = await actors.existing(server, connection.destination_id, "destination")
    modes = await _destination_modes(server, destination.definition_id)
    return await server.store.write(schema_changes.look, connection.id, offered, modes, propagate=False)


async def delete(server: Server, connection: StoredConnection) -> None:
    """Deletes the connection: its status becomes ``deprecated``, its running job is cancelled.

    Raises:
        ResourceNotFound: it is deleted already.
    """
    if connection.status == "deprecated":
        raise ResourceNotFound("connection", connection.id)
    await delete_all(server, [connection.id])


async def delete_all(server: Server, connection_ids: Collection[str]) -> None:
    """Deletes connections together."""
    if connection_ids:
        await server.store.write(stored.deprecate, connection_ids)
        await _cancel_jobs(server, connection_ids)


async def _cancel_jobs(server: Server, connection_ids: Collection[str]) -> None:
    for job in await server.store.read(job_history.active, connection_ids):
        with contextlib.suppress(JobNotRunningError, JobNotFoundError):  # it ended by itself meanwhile
            await server.jobs.cancel(job.id)


async def _destination_modes(server: Server, definition_id: str) -> list[str]:
    found = await server.store.read(stored_definitions.definition, definition_id)
    if found is None:
        raise ResourceNotFound("destination definition", definition_id)
    return definitions.destination_sync_modes(await definitions.spec(server, found))


async def _check_tags(server: Server, workspace_id: str, tag_ids: Sequence[str]) -> None:
    known = {tag.id for tag in await server.store.read(tags.listed, [workspace_id])} if tag_ids else set[str]()
    for tag_id in tag_ids:
        if tag_id not in known:
            raise ResourceNotFound("tag", tag_id)
