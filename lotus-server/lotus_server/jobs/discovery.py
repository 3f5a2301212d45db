"""The catalog of a source: discovered once, stored, and compared with the one that a connection was set up with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from lotus_server.connectors import Connectors
from lotus_server.connectors.stored import connector_of
from lotus_server.domain.json_schema import spread
from lotus_server.domain.schema_changes import Change, Findings, breaks, changes, propagated
from lotus_server.store import Store
from lotus_server.store import actors as stored_actors
from lotus_server.store import connections as stored
from lotus_server.store.actors import Actor
from lotus_server.store.connections import DiscoveredCatalog, StoredConnection
from lotus_server.store.definitions import StoredDefinition


def compare_schema(
    db: Connection, connection_id: str, latest: DiscoveredCatalog, destination_modes: Sequence[str], *, propagate: bool
) -> Findings:
    """Compares the source's catalog with the one that the connection was set up with, and changes the connection.

    Args:
        db: a transaction that writes.
        connection_id: the connection; one that does not exist has no findings.
        offered: the source's catalog now.
        destination_modes: the destination's sync modes, for streams that are added.
        propagate: whether changes may be taken over (before a sync); else they can only stop the connection, as
            when a client asks for the schema.
    """
    connection = stored.connection(db, connection_id)
    if connection is None:
        return Findings(status="deprecated")
    if connection.discovered_catalog_id in (None, latest.id):
        return Findings(breaking=connection.breaking_change, status=connection.status)
    compared = stored.discovered_with_id(db, connection.discovered_catalog_id)
    differences = [] if compared is None else changes(compared.catalog, latest.catalog, connection.catalog)
    breaking = any(breaks(change) for change in differences)
    stops = breaking or (bool(differences) and connection.non_breaking_schema_updates == "disable_connection")
    values: dict[str, Any] = {}
    if breaking != connection.breaking_change:
        values["breaking_change"] = breaking
    if stops and connection.status == "active":
        values["status"] = "inactive"
    if propagate and not stops:
        values |= _propagation(connection, latest, differences, destination_modes)
    if values:
        stored.change(db, connection_id, **values)
    return Findings(differences, breaking, stops, values.get("status", connection.status))


def _propagation(
    connection: StoredConnection,
    latest: DiscoveredCatalog,
    differences: Sequence[Change],
    destination_modes: Sequence[str],
) -> dict[str, Any]:
    """The columns of the connection with which it goes on from the latest catalog; none if it ignores changes."""
    if not differences:
        return {"discovered_catalog_id": latest.id}
    behavior = connection.non_breaking_schema_updates
    if behavior not in ("propagate_columns", "propagate_fully"):
        return {}
    fully = behavior == "propagate_fully"
    catalog = propagated(connection.catalog, latest.catalog, differences, destination_modes, fully=fully)
    return {"discovered_catalog_id": latest.id, "catalog": catalog}


ALWAYS = 2**62
"""As `since`: every catalog is too old."""


async def discover(
    store: Store, connectors: Connectors, source: Actor, definition: StoredDefinition, *, since: int = 0
) -> DiscoveredCatalog:
    """What the source offers; asked once for a configuration and connector version, again if that was before `since`.

    Args:
        store: keeps the answer.
        connectors: runs the connector.
        source: the source, with its configuration.
        definition: its definition.
        since: epoch milliseconds.

    Raises:
        ConnectorError: the connector is not available, or failed to discover.
    """
    fingerprint = store.cipher.fingerprint(source.configuration, definition.id, definition.version)
    cached = await store.read(stored.discovered, source.id, fingerprint)
    if cached is not None and cached.created_at >= since:
        return cached
    result = await connectors.discover(connector_of(definition), source.configuration)
    if result.configuration is not None:
        await store.write(stored_actors.set_configuration, store.cipher, source.id, result.configuration)
        fingerprint = store.cipher.fingerprint(result.configuration, definition.id, definition.version)
    catalog = {**result.catalog, "streams": [_with_its_fields(stream) for stream in result.catalog["streams"]]}
    return await store.write(stored.put_discovered, source.id, fingerprint, catalog)


def _with_its_fields(stream: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stream with the properties of all parts of its schema at the top, where fields are looked for."""
    schema = stream.get("json_schema")
    return {**stream, "json_schema": spread(schema)} if isinstance(schema, Mapping) else stream
