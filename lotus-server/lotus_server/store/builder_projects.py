"""Projects of the connector builder: a low-code manifest on its way to a source definition."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from lotus_server.store.database import now
from lotus_server.store.encryption import Cipher
from lotus_server.store.rows import columns_of
from lotus_server.store.schema import builder_projects


@dataclass(frozen=True)
class BuilderProject:
    """A project; its testing values hold secrets."""

    id: str
    workspace_id: str
    name: str
    definition_id: str | None
    draft_manifest: Mapping[str, Any] | None
    yaml_manifest: str | None
    testing_values: Mapping[str, Any] | None = field(repr=False)
    created_at: int
    updated_at: int


def insert_project(
    db: Connection,
    *,
    workspace_id: str,
    name: str,
    draft_manifest: Mapping[str, Any] | None,
    yaml_manifest: str | None,
) -> str:
    """The id of a new project."""
    values: dict[str, Any] = {"workspace_id": workspace_id, "name": name, "draft_manifest": draft_manifest}
    values |= {"id": str(uuid.uuid4()), "yaml_manifest": yaml_manifest, "created_at": now(), "updated_at": now()}
    db.execute(insert(builder_projects).values(**values))
    return values["id"]


def project(db: Connection, cipher: Cipher, project_id: str) -> BuilderProject | None:
    """The project."""
    row = db.execute(select(builder_projects).where(builder_projects.c.id == project_id)).mappings().one_or_none()
    return None if row is None else _opened(columns_of(row), cipher)


def projects(db: Connection, cipher: Cipher, workspace_id: str) -> Sequence[BuilderProject]:
    """The projects of a workspace in the order they were made."""
    query = select(builder_projects).where(builder_projects.c.workspace_id == workspace_id)
    rows = db.execute(query.order_by(builder_projects.c.created_at, builder_projects.c.id)).mappings()
    return [_opened(columns_of(row), cipher) for row in rows]


def update_project(db: Connection, project_id: str, **values: Any) -> None:
    """Sets columns of a project."""
    matches = builder_projects.c.id == project_id
    db.execute(update(builder_projects).where(matches).values(**values, updated_at=now()))


def put_testing_values(db: Connection, cipher: Cipher, project_id: str, testing_values: Mapping[str, Any]) -> None:
    """Keeps the configuration that a project is tested with."""
    update_project(db, project_id, testing_values=cipher.seal(testing_values, owner=project_id))


def delete_project(db: Connection, project_id: str) -> None:
    """Deletes a project; the definition that it was published as stays."""
    db.execute(delete(builder_projects).where(builder_projects.c.id == project_id))


def _opened(values: dict[str, Any], cipher: Cipher) -> BuilderProject:
    if values["testing_values"] is not None:
        values["testing_values"] = cipher.open(values["testing_values"], owner=values["id"])
    return BuilderProject(**values)
