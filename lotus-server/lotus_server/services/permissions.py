"""Permissions of users on workspaces and the organization."""

from __future__ import annotations

from collections.abc import Sequence

from lotus_server.errors import BadRequest, ResourceNotFound
from lotus_server.services import users, workspaces
from lotus_server.services.server import Server
from lotus_server.store import access as stored
from lotus_server.store.access import Permission


async def existing(server: Server, permission_id: str) -> Permission:
    """The permission.

    Raises:
        ResourceNotFound: no permission has this id.
    """
    permission = await server.store.read(stored.permission, permission_id)
    if permission is None:
        raise ResourceNotFound("permission", permission_id)
    return permission


async def listed(
    server: Server, *, user_id: str | None = None, organization_id: str | None = None
) -> Sequence[Permission]:
    """Permissions in the order they were made."""
    return await server.store.read(stored.listed_permissions, user_id=user_id, organization_id=organization_id)


async def create(
    server: Server, *, user_id: str, permission_type: str, workspace_id: str | None, organization_id: str | None
) -> Permission:
    """A new permission on one workspace or the organization.

    Raises:
        BadRequest: none or both are named, or the type is for the other one.
        ResourceNotFound: user, workspace or organization does not exist.
    """
    if (workspace_id is None) == (organization_id is None):
        raise BadRequest("Exactly one of workspaceId and organizationId is required")
    _check_scope(permission_type, "workspace" if workspace_id is not None else "organization")
    await users.existing(server, user_id)
    if workspace_id is not None:
        await workspaces.existing(server, workspace_id)
    if organization_id is not None:
        await workspaces.existing_organization(server, organization_id)
    return await server.store.write(
        stored.insert_permission,
        user_id=user_id,
        permission_type=permission_type,
        workspace_id=workspace_id,
        organization_id=organization_id,
    )


async def change(server: Server, permission: Permission, permission_type: str) -> Permission:
    """The permission with another type of the same scope.

    Raises:
        BadRequest: the type is for another scope.
    """
    _check_scope(permission_type, "workspace" if permission.workspace_id else "organization")
    await server.store.write(stored.change_permission, permission.id, permission_type)
    return await existing(server, permission.id)


async def remove(server: Server, permission: Permission) -> None:
    """Deletes the permission."""
    await server.store.write(stored.remove_permission, permission.id)


def _check_scope(permission_type: str, scope: str) -> None:
    if not permission_type.startswith(f"{scope}_"):
        raise BadRequest(f"permissionType {permission_type} cannot be given on a {scope}")
