"""Workspaces, and the one organization that they are in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lotus_server.errors import BadRequest, ResourceNotFound
from lotus_server.services.server import Server
from lotus_server.store import workspaces as stored
from lotus_server.store.workspaces import Organization, Workspace


async def existing(server: Server, workspace_id: str) -> Workspace:
    """The workspace.

    Raises:
        ResourceNotFound: no workspace has this id, or it was deleted.
    """
    workspace = await server.store.read(stored.workspace, workspace_id)
    if workspace is None or workspace.tombstone:
        raise ResourceNotFound("workspace", workspace_id)
    return workspace


async def with_slug(server: Server, slug: str) -> Workspace:
    """The workspace with this slug.

    Raises:
        ResourceNotFound: no workspace has it.
    """
    for workspace in await server.store.read(stored.listed):
        if workspace.slug == slug:
            return workspace
    raise ResourceNotFound("workspace", slug)


async def listed(
    server: Server,
    *,
    ids: Collection[str] = (),
    include_deleted: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[Workspace]:
    """Workspaces in the order they were made; no ids means all."""
    return await server.store.read(stored.listed, ids=ids, include_deleted=include_deleted, limit=limit, offset=offset)


async def create(
    server: Server,
    *,
    name: str,
    organization_id: str | None,
    email: str | None = None,
    notifications: Mapping[str, Any] | None = None,
) -> Workspace:
    """A new workspace.

    Raises:
        BadRequest: the name is empty.
        ResourceNotFound: there is no such organization.
    """
    if not name.strip():
        raise BadRequest("name must not be empty")
    if organization_id is not None:
        await existing_organization(server, organization_id)
    return await server.store.write(stored.create, name=name, email=email, notifications=notifications)


async def change(
    server: Server,
    workspace: Workspace,
    *,
    name: str | None,
    email: str | None = None,
    notifications: Mapping[str, Any] | None = None,
) -> Workspace:
    """The workspace with another name, email or notifications; None leaves them.

    Raises:
        BadRequest: the name is empty.
    """
    if name is not None and not name.strip():
        raise BadRequest("name must not be empty")
    await server.store.write(
        stored.change,
        workspace.id,
        name=name or workspace.name,
        email=email or workspace.email,
        notifications=workspace.notifications if notifications is None else notifications,
    )
    return await existing(server, workspace.id)


async def existing_organization(server: Server, organization_id: str) -> Organization:
    """The organization.

    Raises:
        ResourceNotFound: no organization has this id.
    """
    organization = await server.store.read(stored.organization, organization_id)
    if organization is None:
        raise ResourceNotFound("organization", organization_id)
    return organization
