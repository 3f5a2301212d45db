"""Workspaces, organizations, users and permissions of the public API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from lotus.embedded import actors
from lotus.embedded.errors import BadRequest, ResourceNotFound, StateConflict
from lotus.embedded.routes.operation import (
    Body,
    Operation,
    answer,
    no_content,
    path_id,
    query_flag,
    query_id,
    query_ids,
    read_body,
)
from lotus.embedded.routes.pages import listed, page_of
from lotus.embedded.server import Server
from lotus.embedded.store import access, workspaces
from lotus.embedded.store import actors as stored_actors
from lotus.embedded.store.access import Permission
from lotus.embedded.store.workspaces import DEFAULT_ORGANIZATION_ID, DEFAULT_WORKSPACE_ID, Workspace

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


class Switch(Body):
    """EmailNotificationConfig."""

    enabled: bool | None = None


class Webhook(Body):
    """WebhookNotificationConfig."""

    enabled: bool | None = None
    url: str | None = None


class Notification(Body):
    """NotificationConfig."""

    email: Switch | None = None
    webhook: Webhook | None = None


class Notifications(Body):
    """NotificationsConfig."""

    failure: Notification | None = None
    success: Notification | None = None
    connection_update: Notification | None = None
    connection_update_action_required: Notification | None = None
    sync_disabled: Notification | None = None
    sync_disabled_warning: Notification | None = None


class WorkspaceCreate(Body):
    """WorkspaceCreateRequest."""

    name: str
    organization_id: uuid.UUID | None = None
    notifications: Notifications | None = None
    region_id: uuid.UUID | None = None


class WorkspaceUpdate(Body):
    """WorkspaceUpdateRequest."""

    name: str | None = None
    notifications: Notifications | None = None
    region_id: uuid.UUID | None = None


class PermissionCreate(Body):
    """PermissionCreateRequest."""

    permission_type: PermissionType
    user_id: uuid.UUID
    workspace_id: uuid.UUID | None = None
    organization_id: uuid.UUID | None = None


class PermissionUpdate(Body):
    """PermissionUpdateRequest."""

    permission_type: PermissionType


KINDS = (
    "failure",
    "success",
    "connectionUpdate",
    "connectionUpdateActionRequired",
    "syncDisabled",
    "syncDisabledWarning",
)


async def existing_workspace(server: Server, workspace_id: str) -> Workspace:
    """The workspace, which is there.

    Raises:
        ResourceNotFound: it is not.
    """
    found = await server.store.read(workspaces.workspace, workspace_id)
    if found is None or found.tombstone:
        raise ResourceNotFound("workspace", workspace_id)
    return found


def shown(workspace: Workspace) -> dict[str, Any]:
    """WorkspaceResponse: every kind of notification with both its channels, off unless set."""

    def channel(kind: str, name: str) -> dict[str, Any]:
        return {"enabled": False, **(workspace.notifications.get(kind) or {}).get(name, {})}

    return {
        "workspaceId": workspace.id,
        "name": workspace.name,
        "dataResidency": workspace.data_residency,
        "notifications": {kind: {name: channel(kind, name) for name in ("email", "webhook")} for kind in KINDS},
    }


def _plain(notifications: Notifications | None, current: Mapping[str, Any]) -> dict[str, Any]:
    import msgspec

    result = {kind: dict(channels) for kind, channels in current.items()}
    given: Mapping[str, Any] = msgspec.to_builtins(notifications) if notifications else {}
    for kind, channels in given.items():
        for name, setting in (channels or {}).items():
            if setting is not None:
                wanted = {key: value for key, value in setting.items() if value is not None}
                result.setdefault(kind, {})[name] = {**result.get(kind, {}).get(name, {}), **wanted}
    return result


async def _list(server: Server, request: Request) -> Response:
    page = page_of(request)
    found = await server.store.read(
        workspaces.listed,
        ids=query_ids(request, "workspaceIds"),
        include_deleted=query_flag(request, "includeDeleted"),
        limit=page.limit,
        offset=page.offset,
    )
    return answer(listed(request, page, [shown(workspace) for workspace in found]))


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceCreate)
    if not body.name.strip():
        raise BadRequest("name must not be empty")
    if body.organization_id is not None and str(body.organization_id) != DEFAULT_ORGANIZATION_ID:
        raise ResourceNotFound("organization", str(body.organization_id))
    notifications = _plain(body.notifications, {})
    return answer(shown(await server.store.write(workspaces.create, name=body.name, notifications=notifications)))


async def _get(server: Server, request: Request) -> Response:
    return answer(shown(await existing_workspace(server, path_id(request, "workspace_id"))))


async def _update(server: Server, request: Request) -> Response:
    workspace_id = path_id(request, "workspace_id")
    body = await read_body(request, WorkspaceUpdate)
    workspace = await existing_workspace(server, workspace_id)
    if body.name is not None and not body.name.strip():
        raise BadRequest("name must not be empty")
    await server.store.write(
        workspaces.change,
        workspace.id,
        name=workspace.name if body.name is None else body.name,
        notifications=_plain(body.notifications, workspace.notifications),
    )
    return answer(shown(await existing_workspace(server, workspace.id)))


async def delete_workspace(server: Server, workspace_id: str) -> None:
    """Deletes a workspace and all that is in it; the default one stays.

    Raises:
        StateConflict: it is the default workspace.
    """
    workspace = await existing_workspace(server, workspace_id)
    if workspace.id == DEFAULT_WORKSPACE_ID:
        raise StateConflict("The default workspace cannot be deleted: it is there at every start")
    for kind in ("source", "destination"):
        for actor in await server.store.read(
            stored_actors.listed, server.store.cipher, kind=kind, workspace_ids=[workspace.id]
        ):
            await actors.delete(server, actor)
    await server.store.write(workspaces.change, workspace.id, tombstone=True)


async def _delete(server: Server, request: Request) -> Response:
    await delete_workspace(server, path_id(request, "workspace_id"))
    return no_content()


async def _organizations(server: Server, _request: Request) -> Response:
    found = await server.store.read(workspaces.organization, DEFAULT_ORGANIZATION_ID)
    data = [{"organizationId": found.id, "organizationName": found.name, "email": found.email}] if found else []
    return answer({"data": data})


async def _users(server: Server, request: Request) -> Response:
    organization_id = query_id(request, "organizationId", required=True)
    if organization_id != DEFAULT_ORGANIZATION_ID:
        raise ResourceNotFound("organization", str(organization_id))
    ids = query_ids(request, "ids")
    emails = [part for text in request.query_params.getlist("emails") for part in text.split(",") if part]
    if ids and emails:
        raise BadRequest("ids and emails cannot be given together")
    found = [
        user
        for user in await server.store.read(access.listed_users)
        if (not ids or user.id in ids) and (not emails or user.email in emails)
    ]
    return answer({"data": [{"id": user.id, "name": user.name, "email": user.email} for user in found]})


def shown_permission(permission: Permission) -> dict[str, Any]:
    """PermissionResponse."""
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


def _shown_in_list(permission: Permission) -> dict[str, Any]:
    scope = "workspace" if permission.workspace_id else "organization" if permission.organization_id else "none"
    return {
        "permissionId": permission.id,
        "permissionType": permission.permission_type,
        "userId": permission.user_id,
        "scopeId": permission.workspace_id or permission.organization_id or DEFAULT_ORGANIZATION_ID,
        "scope": scope,
    }


async def existing_permission(server: Server, permission_id: str) -> Permission:
    """The permission, which is there.

    Raises:
        ResourceNotFound: it is not.
    """
    found = await server.store.read(access.permission, permission_id)
    if found is None:
        raise ResourceNotFound("permission", permission_id)
    return found


async def create_permission(
    server: Server, *, user_id: str, permission_type: str, workspace_id: str | None, organization_id: str | None
) -> Permission:
    """A new permission on one workspace or the organization.

    Raises:
        BadRequest: none or both are named, or the type is for the other one.
        ResourceNotFound: user, workspace or organization does not exist.
    """
    if (workspace_id is None) == (organization_id is None):
        raise BadRequest("Exactly one of workspaceId and organizationId is required")
    scope = "workspace" if workspace_id is not None else "organization"
    if not permission_type.startswith(f"{scope}_"):
        raise BadRequest(f"permissionType {permission_type} cannot be given on a {scope}")
    if await server.store.read(access.user, user_id) is None:
        raise ResourceNotFound("user", user_id)
    if workspace_id is not None:
        await existing_workspace(server, workspace_id)
    elif organization_id != DEFAULT_ORGANIZATION_ID:
        raise ResourceNotFound("organization", str(organization_id))
    return await server.store.write(
        access.create_permission,
        user_id=user_id,
        permission_type=permission_type,
        workspace_id=workspace_id,
        organization_id=organization_id,
    )


async def change_permission(server: Server, permission: Permission, permission_type: str) -> Permission:
    """The permission with another type of the same scope.

    Raises:
        BadRequest: the type is for another scope.
    """
    scope = "workspace" if permission.workspace_id else "organization"
    if not permission_type.startswith(f"{scope}_"):
        raise BadRequest(f"permissionType {permission_type} cannot be given on a {scope}")
    await server.store.write(access.change_permission, permission.id, permission_type)
    return await existing_permission(server, permission.id)


async def _list_permissions(server: Server, request: Request) -> Response:
    found = await server.store.read(
        access.listed_permissions,
        user_id=query_id(request, "userId"),
        organization_id=query_id(request, "organizationId"),
    )
    return answer({"data": [_shown_in_list(permission) for permission in found]})


async def _create_permission(server: Server, request: Request) -> Response:
    body = await read_body(request, PermissionCreate)
    created = await create_permission(
        server,
        user_id=str(body.user_id),
        permission_type=body.permission_type,
        workspace_id=None if body.workspace_id is None else str(body.workspace_id),
        organization_id=None if body.organization_id is None else str(body.organization_id),
    )
    return answer(shown_permission(created))


async def _get_permission(server: Server, request: Request) -> Response:
    return answer(shown_permission(await existing_permission(server, path_id(request, "permission_id"))))


async def _update_permission(server: Server, request: Request) -> Response:
    permission_id = path_id(request, "permission_id")
    body = await read_body(request, PermissionUpdate)
    permission = await existing_permission(server, permission_id)
    return answer(shown_permission(await change_permission(server, permission, body.permission_type)))


async def _delete_permission(server: Server, request: Request) -> Response:
    permission = await existing_permission(server, path_id(request, "permission_id"))
    await server.store.write(access.remove_permission, permission.id)
    return no_content()


OPERATIONS = [
    Operation("GET", "/workspaces", "listWorkspaces", _list),
    Operation("POST", "/workspaces", "createWorkspace", _create),
    Operation("GET", "/workspaces/{workspace_id}", "getWorkspace", _get),
    Operation("PATCH", "/workspaces/{workspace_id}", "updateWorkspace", _update),
    Operation("DELETE", "/workspaces/{workspace_id}", "deleteWorkspace", _delete),
    Operation("GET", "/organizations", "listOrganizationsForUser", _organizations),
    Operation("GET", "/users", "listUsersWithinAnOrganization", _users),
    Operation("GET", "/permissions", "listPermissions", _list_permissions),
    Operation("POST", "/permissions", "createPermission", _create_permission),
    Operation("GET", "/permissions/{permission_id}", "getPermission", _get_permission),
    Operation("PATCH", "/permissions/{permission_id}", "updatePermission", _update_permission),
    Operation("DELETE", "/permissions/{permission_id}", "deletePermission", _delete_permission),
]
