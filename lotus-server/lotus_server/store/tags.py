"""Tags, which group connections in a workspace."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from lotus_server.store.database import now
from lotus_server.store.rows import row_as, rows_as
from lotus_server.store.schema import connection_tags, tags


@dataclass(frozen=True)
class Tag:
    """A name and a colour (six hexadecimal digits)."""

    id: str
    workspace_id: str
    name: str
    color: str
    created_at: int


def create(db: Connection, *, workspace_id: str, name: str, color: str) -> Tag:
    """A new tag; its name must be free in the workspace (see ``named``)."""
    created = Tag(id=str(uuid.uuid4()), workspace_id=workspace_id, name=name, color=color, created_at=now())
    db.execute(insert(tags).values(**vars(created)))
    return created


def tag(db: Connection, tag_id: str) -> Tag | None:
    """The tag."""
    return row_as(Tag, db, select(tags).where(tags.c.id == tag_id))


def named(db: Connection, workspace_id: str, name: str) -> Tag | None:
    """The workspace's tag with this name."""
    return row_as(Tag, db, select(tags).where(tags.c.workspace_id == workspace_id, tags.c.name == name))


def listed(db: Connection, workspace_ids: Collection[str] = ()) -> Sequence[Tag]:
    """Tags by name; no workspaces means all."""
    query = select(tags).order_by(tags.c.name, tags.c.id)
    if workspace_ids:
        query = query.where(tags.c.workspace_id.in_(workspace_ids))
    return rows_as(Tag, db, query)


def change(db: Connection, tag_id: str, **values: Any) -> None:
    """Sets name and colour."""
    db.execute(update(tags).where(tags.c.id == tag_id).values(**values))


def remove(db: Connection, tag_id: str) -> None:
    """Deletes the tag and takes it off its connections."""
    db.execute(delete(connection_tags).where(connection_tags.c.tag_id == tag_id))
    db.execute(delete(tags).where(tags.c.id == tag_id))
