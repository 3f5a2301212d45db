"""Organizations and workspaces."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from lotus_server.store.database import now
from lotus_server.store.rows import row_as, rows_as
from lotus_server.store.schema import organizations, workspaces

DEFAULT_ORGANIZATION_ID = "00000000-0000-0000-0000-000000000000"
"""The one organization of an open-source Airbyte (docs/airbyte-behaviour.md#the-default-organization)."""

DEFAULT_WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"
"""The workspace that exists from the first start, named "lotus"."""


@dataclass(frozen=True)
class Organization:
    """The one organization."""

    id: str
    name: str
    email: str


@dataclass(frozen=True)
class Workspace:
    """What holds sources, destinations and connections."""

    id: str
    organization_id: str
    name: str
    slug: str
    email: str | None
    notifications: Mapping[str, Any]
    data_residency: str
    created_at: int
    updated_at: int
    tombstone: bool


def seed(db: Connection) -> None:
    """Makes the organization and the default workspace if they are not there yet."""
    if organization(db, DEFAULT_ORGANIZATION_ID) is None:
        db.execute(
            insert(organizations).values(
                id=DEFAULT_ORGANIZATION_ID, name="Default Organization", email="lotus@localhost"
            )
        )
    if workspace(db, DEFAULT_WORKSPACE_ID) is None:
        create(db, name="lotus", workspace_id=DEFAULT_WORKSPACE_ID)


def organization(db: Connection, organization_id: str) -> Organization | None:
    """The organization, if there is one with this id."""
    return row_as(Organization, db, select(organizations).where(organizations.c.id == organization_id))


def create(
    db: Connection,
    *,
    name: str,
    notifications: Mapping[str, Any] | None = None,
    email: str | None = None,
    workspace_id: str | None = None,
) -> Workspace:
    """A new workspace in the one organization."""
    created = Workspace(
        id=workspace_id or str(uuid.uuid4()),
        organization_id=DEFAULT_ORGANIZATION_ID,
        name=name,
        slug=_free_slug(db, name),
        email=email,
        notifications=dict(notifications or {}),
        data_residency="auto",
        created_at=now(),
        updated_at=now(),
        tombstone=False,
    )
    db.execute(insert(workspaces).values(**vars(created)))
    return created


def workspace(db: Connection, workspace_id: str) -> Workspace | None:
    """The workspace, deleted or not."""
    return row_as(Workspace, db, select(workspaces).where(workspaces.c.id == workspace_id))


def listed(
    db: Connection,
    *,
    ids: Collection[str] = (),
    include_deleted: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[Workspace]:
    """Workspaces in the order they were made; no ids means all."""
    query = select(workspaces).order_by(workspaces.c.created_at, workspaces.c.id).limit(limit).offset(offset)
    if ids:
        query = query.where(workspaces.c.id.in_(ids))
    if not include_deleted:
        query = query.where(~workspaces.c.tombstone)
    return rows_as(Workspace, db, query)


def change(db: Connection, workspace_id: str, **values: Any) -> None:
    """Sets columns of a workspace (``name``, ``notifications``, ``email``, ``tombstone``)."""
    db.execute(update(workspaces).where(workspaces.c.id == workspace_id).values(**values, updated_at=now()))


def _free_slug(db: Connection, name: str) -> str:
    slug = "-".join("".join(letter if letter.isalnum() else " " for letter in name.lower()).split()) or "workspace"
    taken = db.execute(select(workspaces.c.id).where(workspaces.c.slug == slug)).first()
    return f"{slug}-{uuid.uuid4().hex[:8]}" if taken else slug
