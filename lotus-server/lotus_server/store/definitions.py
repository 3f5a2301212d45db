"""Definitions of sources and destinations, and the specs that their connectors answered."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from lotus_server.store.database import now
from lotus_server.store.rows import row_as, rows_as
from lotus_server.store.schema import definitions, specs

Kind = Literal["source", "destination"]
Origin = Literal["builtin", "custom", "declarative"]


@dataclass(frozen=True)
class StoredDefinition:
    """A connector that sources or destinations can be made of."""

    id: str
    kind: Kind
    origin: Origin
    workspace_id: str | None
    name: str
    docker_repository: str
    docker_image_tag: str
    documentation_url: str | None
    manifest: Mapping[str, Any] | None
    manifest_version: int | None
    created_at: int
    updated_at: int
    tombstone: bool

    @property
    def version(self) -> str:
        """What a spec is cached for: changes whenever the connector may answer another one."""
        if self.manifest_version is not None:
            return f"manifest {self.manifest_version} on {self.docker_image_tag}"
        return f"{self.docker_repository}:{self.docker_image_tag}"


def put_builtin(db: Connection, builtin: Sequence[Mapping[str, Any]]) -> None:
    """Brings the builtin definitions up to date with the connector registry.

    Each has ``id``, ``kind``, ``name``, ``docker_repository``, ``docker_image_tag`` and ``documentation_url``.
    """
    for entry in builtin:
        current = definition(db, entry["id"])
        values = {**entry, "origin": "builtin", "workspace_id": None, "tombstone": False}
        if current is None:
            db.execute(insert(definitions).values(**values, created_at=now(), updated_at=now()))
        elif any(getattr(current, name) != value for name, value in values.items()):
            db.execute(update(definitions).where(definitions.c.id == entry["id"]).values(**values, updated_at=now()))


def create(
    db: Connection,
    *,
    kind: Kind,
    origin: Origin,
    workspace_id: str,
    name: str,
    docker_repository: str,
    docker_image_tag: str,
    documentation_url: str | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> StoredDefinition:
    """A new custom or declarative definition; a declarative one starts at version 1."""
    created = StoredDefinition(
        id=str(uuid.uuid4()),
        kind=kind,
        origin=origin,
        workspace_id=workspace_id,
        name=name,
        docker_repository=docker_repository,
        docker_image_tag=docker_image_tag,
        documentation_url=documentation_url,
        manifest=manifest,
        manifest_version=None if manifest is None else 1,
        created_at=now(),
        updated_at=now(),
        tombstone=False,
    )
    db.execute(insert(definitions).values(**vars(created)))
    return created


def definition(db: Connection, definition_id: str) -> StoredDefinition | None:
    """The definition, deleted or not."""
    return row_as(StoredDefinition, db, select(definitions).where(definitions.c.id == definition_id))


def listed(
    db: Connection, *, kind: Kind, workspace_id: str | None = None, include_deleted: bool = False
) -> Sequence[StoredDefinition]:
    """Definitions by name: the builtin ones and the workspace's own (all workspaces' if none is named)."""
    query = select(definitions).where(definitions.c.kind == kind).order_by(definitions.c.name, definitions.c.id)
    if workspace_id is not None:
        query = query.where(or_(definitions.c.workspace_id.is_(None), definitions.c.workspace_id == workspace_id))
    if not include_deleted:
        query = query.where(~definitions.c.tombstone)
    return rows_as(StoredDefinition, db, query)


def change(db: Connection, definition_id: str, **values: Any) -> None:
    """Sets columns of a definition (``name``, ``docker_image_tag``, ``manifest`` + ``manifest_version``, …)."""
    db.execute(update(definitions).where(definitions.c.id == definition_id).values(**values, updated_at=now()))


def answered_spec(db: Connection, definition_id: str, version: str) -> Mapping[str, Any] | None:
    """The spec as the connector of this version answered it, if it was asked already."""
    query = select(specs.c.spec).where(specs.c.definition_id == definition_id, specs.c.version == version)
    return db.execute(query).scalar_one_or_none()


def latest_spec(db: Connection, definition_id: str) -> Mapping[str, Any] | None:
    """The spec that a connector of this definition answered last, of whichever version."""
    query = select(specs.c.spec).where(specs.c.definition_id == definition_id)
    return db.execute(query.order_by(specs.c.created_at.desc()).limit(1)).scalar_one_or_none()


def put_spec(db: Connection, definition_id: str, version: str, spec: Mapping[str, Any]) -> None:
    """Keeps a spec for this version."""
    values = {"spec": spec, "created_at": now()}
    db.execute(
        upsert(specs)
        .values(definition_id=definition_id, version=version, **values)
        .on_conflict_do_update(index_elements=["definition_id", "version"], set_=values)
    )
