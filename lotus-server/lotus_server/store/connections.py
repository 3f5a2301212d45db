"""Connections, the catalogs discovered for their sources, and what of their jobs' traces a change takes away."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Select, String, delete, func, insert, literal, or_, select, type_coerce, update

from lotus_server.store.database import now
from lotus_server.store.rows import columns_of, row_as, rows_as
from lotus_server.store.schema import connection_tags, connections, discovered_catalogs, states, tags
from lotus_server.store.tags import Tag

ConnectionStatus = Literal["active", "inactive", "deprecated", "locked"]


@dataclass(frozen=True)
class StoredConnection:
    """A source, a destination and what to move between them."""

    id: str
    workspace_id: str
    source_id: str
    destination_id: str
    name: str
    status: ConnectionStatus
    schedule_type: Literal["manual", "cron", "basic"]
    cron_expression: str | None
    cron_time_zone: str | None
    basic_units: int | None
    basic_time_unit: str | None
    namespace_definition: Literal["source", "destination", "custom_format"]
    namespace_format: str | None
    prefix: str
    non_breaking_schema_updates: Literal["ignore", "disable_connection", "propagate_columns", "propagate_fully"]
    catalog_text: str = field(repr=False)
    discovered_catalog_id: str | None
    breaking_change: bool
    resource_requirements: Mapping[str, Any] | None
    notify_schema_changes: bool
    notify_schema_changes_by_email: bool
    created_at: int
    updated_at: int

    @cached_property
    def catalog(self) -> Mapping[str, Any]:
        """The configured catalog, as in the head of ``schema.py``; lists that do not need it do not pay for it."""
        return orjson.loads(self.catalog_text)


_COLUMNS = [
    type_coerce(column, String).label("catalog_text") if column.name == "catalog" else column
    for column in connections.columns
]
"""Those of a `StoredConnection`."""


@dataclass(frozen=True)
class DiscoveredCatalog:
    """What a source offered when it was last asked with its present configuration."""

    id: str
    actor_id: str
    configuration_hash: str
    catalog: Mapping[str, Any]
    created_at: int


def create(db: Connection, values: Mapping[str, Any], tag_ids: Sequence[str]) -> StoredConnection:
    """A new connection with the given columns."""
    columns: dict[str, Any] = {**values, "id": str(uuid.uuid4()), "created_at": now(), "updated_at": now()}
    db.execute(insert(connections).values(**columns))
    set_tags(db, columns["id"], tag_ids)
    return StoredConnection(catalog_text=orjson.dumps(columns.pop("catalog")).decode(), **columns)


def connection(db: Connection, connection_id: str) -> StoredConnection | None:
    """The connection, deprecated or not."""
    return row_as(StoredConnection, db, select(*_COLUMNS).where(connections.c.id == connection_id))


def listed(
    db: Connection,
    *,
    workspace_ids: Collection[str] = (),
    tag_ids: Collection[str] = (),
    include_deleted: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[StoredConnection]:
    """Connections in the order they were made; deleted (deprecated) ones only if asked for."""
    query = select(*_COLUMNS).order_by(connections.c.created_at, connections.c.id)
    if workspace_ids:
        query = query.where(connections.c.workspace_id.in_(workspace_ids))
    if tag_ids:
        query = query.where(connections.c.id.in_(_with_any_tag(tag_ids)))
    if not include_deleted:
        query = query.where(connections.c.status != "deprecated")
    return rows_as(StoredConnection, db, query.limit(limit).offset(offset))


def change(db: Connection, connection_id: str, **values: Any) -> None:
    """Sets columns of a connection."""
    db.execute(update(connections).where(connections.c.id == connection_id).values(**values, updated_at=now()))


def deprecate(db: Connection, connection_ids: Collection[str]) -> None:
    """Deletes connections the way Airbyte does: their status becomes ``deprecated``."""
    db.execute(
        update(connections)
        .where(connections.c.id.in_(connection_ids))
        .values(status="deprecated", discovered_catalog_id=None, updated_at=now())
    )


def using_actor(db: Connection, actor_id: str) -> Sequence[str]:
    """Ids of the connections that a source or destination takes part in and that are not deleted."""
    takes_part = or_(connections.c.source_id == actor_id, connections.c.destination_id == actor_id)
    query = select(connections.c.id).where(takes_part, connections.c.status != "deprecated")
    return list(db.execute(query).scalars())


def count_using_actors(db: Connection, actor_ids: Collection[str]) -> Mapping[str, int]:
    """Number of connections by source or destination."""
    counts: dict[str, int] = {}
    for column in (connections.c.source_id, connections.c.destination_id):
        query = select(column, func.count()).where(column.in_(actor_ids), connections.c.status != "deprecated")
        counts |= {row[0]: row[1] for row in db.execute(query.group_by(column))}
    return counts


def tags_by_connection(db: Connection, connection_ids: Collection[str]) -> Mapping[str, Sequence[Tag]]:
    """Tags by connection, by name."""
    query = (
        select(connection_tags.c.connection_id, tags)
        .join(tags, tags.c.id == connection_tags.c.tag_id)
        .where(connection_tags.c.connection_id.in_(connection_ids))
        .order_by(tags.c.name)
    )
    by_connection: dict[str, list[Tag]] = {connection_id: [] for connection_id in connection_ids}
    for row in db.execute(query).mappings():
        values = columns_of(row)
        by_connection[values.pop("connection_id")].append(Tag(**values))
    return by_connection


def set_tags(db: Connection, connection_id: str, tag_ids: Sequence[str]) -> None:
    """Replaces the tags of a connection."""
    db.execute(delete(connection_tags).where(connection_tags.c.connection_id == connection_id))
    for tag_id in dict.fromkeys(tag_ids):
        db.execute(insert(connection_tags).values(connection_id=connection_id, tag_id=tag_id))


def forget_state(db: Connection, connection_id: str, streams: Collection[tuple[str, str]]) -> None:
    """Deletes the state of streams given as (name, namespace or "")."""
    for name, namespace in streams:
        db.execute(
            delete(states).where(
                states.c.connection_id == connection_id,
                states.c.stream_name == name,
                states.c.stream_namespace == namespace,
            )
        )


def discovered(db: Connection, actor_id: str, configuration_hash: str) -> DiscoveredCatalog | None:
    """The catalog discovered with exactly this configuration and connector version."""
    query = select(discovered_catalogs).where(
        discovered_catalogs.c.actor_id == actor_id, discovered_catalogs.c.configuration_hash == configuration_hash
    )
    return row_as(DiscoveredCatalog, db, query)


def latest_discovered(db: Connection, actor_id: str) -> DiscoveredCatalog | None:
    """The catalog discovered last, with whichever configuration."""
    query = (
        select(discovered_catalogs)
        .where(discovered_catalogs.c.actor_id == actor_id)
        .order_by(discovered_catalogs.c.created_at.desc())
        .limit(1)
    )
    return row_as(DiscoveredCatalog, db, query)


def discovered_with_id(db: Connection, catalog_id: str | None) -> DiscoveredCatalog | None:
    """A catalog that was discovered, by its id."""
    return row_as(DiscoveredCatalog, db, select(discovered_catalogs).where(discovered_catalogs.c.id == catalog_id))


def put_discovered(
    db: Connection, actor_id: str, configuration_hash: str, catalog: Mapping[str, Any]
) -> DiscoveredCatalog:
    """Keeps what was discovered: under the id it had if it is the same as before, else under a new one.

    Older catalogs are deleted, except those that a connection still has to be compared with.
    """
    previous = discovered(db, actor_id, configuration_hash)
    latest = DiscoveredCatalog(str(uuid.uuid4()), actor_id, configuration_hash, catalog, now())
    of_actor = discovered_catalogs.c.actor_id == actor_id
    if previous is not None and previous.catalog == catalog:
        latest = replace(latest, id=previous.id)
        db.execute(
            update(discovered_catalogs)
            .where(discovered_catalogs.c.id == latest.id)
            .values(created_at=latest.created_at)
        )
    else:
        superseded = discovered_catalogs.c.configuration_hash + literal(f" until {latest.created_at}")
        same = discovered_catalogs.c.configuration_hash == configuration_hash
        db.execute(update(discovered_catalogs).where(of_actor, same).values(configuration_hash=superseded))
        db.execute(insert(discovered_catalogs).values(**vars(latest)))
    referenced = select(connections.c.discovered_catalog_id).where(connections.c.discovered_catalog_id.is_not(None))
    db.execute(
        delete(discovered_catalogs).where(
            of_actor, discovered_catalogs.c.id != latest.id, discovered_catalogs.c.id.not_in(referenced)
        )
    )
    return latest


def forget_discovered(db: Connection, actor_id: str) -> None:
    """Deletes what was discovered for a source that is deleted, whose connections are deleted too."""
    db.execute(delete(discovered_catalogs).where(discovered_catalogs.c.actor_id == actor_id))


def _with_any_tag(tag_ids: Collection[str]) -> Select[tuple[str]]:
    return select(connection_tags.c.connection_id).where(connection_tags.c.tag_id.in_(tag_ids))
