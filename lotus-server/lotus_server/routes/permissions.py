"""Permissions as both APIs create and show them."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from lotus_server.routes.operation import Body
from lotus_server.services import permissions
from lotus_server.services.server import Server
from lotus_server.store.access import Permission

PermissionType = Literal[
    "instance_admin",
    "organization_admin",
    "organization_editor",
    "organization_runner",
    "organization_reader",
    "organization_member",
    "workspace_owner",
    "workspace_admin",
    "workspace_editor",
    "workspace_runner",
    "workspace_reader",
]


class PermissionCreate(Body):
    """PermissionCreateRequest and PermissionCreate."""

    permission_type: PermissionType
    user_id: uuid.UUID
    workspace_id: uuid.UUID | None = None
    organization_id: uuid.UUID | None = None


async def create_permission(server: Server, body: PermissionCreate) -> Permission:
    """The permission that a request asks for."""
    return await permissions.create(
        server,
        user_id=str(body.user_id),
        permission_type=body.permission_type,
        workspace_id=None if body.workspace_id is None else str(body.workspace_id),
        organization_id=None if body.organization_id is None else str(body.organization_id),
    )


def permission_response(permission: Permission) -> dict[str, Any]:
    """PermissionResponse and PermissionRead."""
    response: dict[str, Any] = {
        "permissionId": permission.id,
        "permissionType": permission.permission_type,
        "userId": permission.user_id,
    }
    if permission.workspace_id is not None:
        response["workspaceId"] = permission.workspace_id
    if permission.organization_id is not None:
        response["organizationId"] = permission.organization_id
    return response
