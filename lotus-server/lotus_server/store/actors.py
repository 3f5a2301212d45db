"""Sources and destinations: actors, in Airbyte's word for both."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from lotus_server.store.database import now
from lotus_server.store.definitions import Kind
from lotus_server.store.encryption import Cipher
from lotus_server.store.rows import columns_of
from lotus_server.store.schema import actors


@dataclass(frozen=True)
class Actor:
    """A source or destination; the configuration holds its secrets and never leaves the server unmasked."""

    id: str
    kind: Kind
    workspace_id: str
    definition_id: str
    name: str
    configuration: Mapping[str, Any] = field(repr=False)
    resource_allocation: Mapping[str, Any] | None
    created_at: int
    updated_at: int
    tombstone: bool


def create(
    db: Connection,
    cipher: Cipher,
    *,
    kind: Kind,
    workspace_id: str,
    definition_id: str,
    name: str,
    configuration: Mapping[str, Any],
    resource_allocation: Mapping[str, Any] | None = None,
) -> Actor:
    """A new source or destination."""
    created = Actor(
        id=str(uuid.uuid4()),
        kind=kind,
        workspace_id=workspace_id,
        definition_id=definition_id,
        name=name,
        configuration=configuration,
        resource_allocation=resource_allocation,
        created_at=now(),
        updated_at=now(),
        tombstone=False,
    )
    sealed = cipher.seal(configuration, owner=created.id)
    db.execute(insert(actors).values({**vars(created), "configuration": sealed}))
    return created


def actor(db: Connection, cipher: Cipher, actor_id: str) -> Actor | None:
    """The source or destination, deleted or not."""
    row = db.execute(select(actors).where(actors.c.id == actor_id)).mappings().one_or_none()
    return _opened(row, cipher) if row else None


def listed(
    db: Connection,
    cipher: Cipher,
    *,
    kind: Kind,
    workspace_ids: Collection[str] = (),
    definition_id: str | None = None,
    include_deleted: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[Actor]:
    """Sources or destinations in the order they were made; no workspaces means all."""
    query = select(actors).where(actors.c.kind == kind).order_by(actors.c.created_at, actors.c.id)
    if workspace_ids:
        query = query.where(actors.c.workspace_id.in_(workspace_ids))
    if definition_id is not None:
        query = query.where(actors.c.definition_id == definition_id)
    if not include_deleted:
        query = query.where(~actors.c.tombstone)
    return [_opened(row, cipher) for row in db.execute(query.limit(limit).offset(offset)).mappings()]


def is_there(db: Connection, actor_id: str) -> bool:
    """Whether the source or destination exists and is not deleted."""
    return db.execute(select(actors.c.id).where(actors.c.id == actor_id, ~actors.c.tombstone)).first() is not None


def change(
    db: Connection,
    cipher: Cipher,
    actor_id: str,
    *,
    name: str,
    configuration: Mapping[str, Any],
    resource_allocation: Mapping[str, Any] | None,
) -> None:
    """Sets what of an actor can change."""
    sealed = cipher.seal(configuration, owner=actor_id)
    values = {"name": name, "configuration": sealed, "resource_allocation": resource_allocation, "updated_at": now()}
    db.execute(update(actors).where(actors.c.id == actor_id).values(**values))


def set_configuration(db: Connection, cipher: Cipher, actor_id: str, configuration: Mapping[str, Any]) -> None:
    """Replaces the configuration of an actor that is not deleted."""
    sealed = cipher.seal(configuration, owner=actor_id)
    values = {"configuration": sealed, "updated_at": now()}
    db.execute(update(actors).where(actors.c.id == actor_id, ~actors.c.tombstone).values(**values))


def bury(db: Connection, cipher: Cipher, actor_id: str) -> None:
    """Marks as deleted and clears the configuration (docs/airbyte-behaviour.md#deleting)."""
    sealed = cipher.seal({}, owner=actor_id)
    db.execute(
        update(actors).where(actors.c.id == actor_id).values(tombstone=True, configuration=sealed, updated_at=now())
    )


def _opened(row: RowMapping, cipher: Cipher) -> Actor:
    values = columns_of(row)
    return Actor(**{**values, "configuration": cipher.open(values["configuration"], owner=values["id"])})
