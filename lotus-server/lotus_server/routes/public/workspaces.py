"""Workspaces, organizations, users and permissions of the public API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lotus_server.routes.operation import (
    Body,
    Operation,
    no_content,
    path_id,
    query_flag,
    query_id,
    query_ids,
    read_body,
    reply,
)
from lotus_server.routes.pages import listed, page_of
from lotus_server.routes.permissions import (
    PermissionCreate,
    PermissionType,
    create_permission,
    permission_response,
)
from lotus_server.services import deletion, permissions, users, workspaces
from lotus_server.services.server import Server
from lotus_server.store.access import Permission
from lotus_server.store.workspaces import DEFAULT_ORGANIZATION_ID, Workspace


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


class WorkspaceCreateRequest(Body):
    """WorkspaceCreateRequest."""

    name: str
    organization_id: uuid.UUID | None = None
    notifications: Notifications | None = None
    region_id: uuid.UUID | None = None


class WorkspaceUpdateRequest(Body):
    """WorkspaceUpdateRequest."""

    name: str | None = None
    notifications: Notifications | None = None
    region_id: uuid.UUID | None = None


class PermissionUpdateRequest(Body):
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


def workspace_response(workspace: Workspace) -> dict[str, Any]:
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
    result = {kind: dict(channels) for kind, channels in current.items()}
    changes: Mapping[str, Any] = msgspec.to_builtins(notifications) if notifications else {}
    for kind, channels in changes.items():
        for name, setting in (channels or {}).items():
            if setting is not None:
                values = {key: value for key, value in setting.items() if value is not None}
                result.setdefault(kind, {})[name] = {**result.get(kind, {}).get(name, {}), **values}
    return result


async def _list(server: Server, request: Request) -> Response:
    page = page_of(request)
    rows = await workspaces.listed(
        server,
        ids=query_ids(request, "workspaceIds"),
        include_deleted=query_flag(request, "includeDeleted"),
        limit=page.limit,
        offset=page.offset,
    )
    return reply(listed(request, page, [workspace_response(workspace) for workspace in rows]))


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceCreateRequest)
    created = await workspaces.create(
        server,
        name=body.name,
        organization_id=None if body.organization_id is None else str(body.organization_id),
        notifications=_plain(body.notifications, {}),
    )
    return reply(workspace_response(created))


async def _get(server: Server, request: Request) -> Response:
    return reply(workspace_response(await workspaces.existing(server, path_id(request, "workspace_id"))))


async def _update(server: Server, request: Request) -> Response:
    workspace_id = path_id(request, "workspace_id")
    body = await read_body(request, WorkspaceUpdateRequest)
    workspace = await workspaces.existing(server, workspace_id)
    notifications = _plain(body.notifications, workspace.notifications)
    return reply(
        workspace_response(await workspaces.change(server, workspace, name=body.name, notifications=notifications))
    )


async def _delete(server: Server, request: Request) -> Response:
    await deletion.delete_workspace(server, path_id(request, "workspace_id"))
    return no_content()


async def _organizations(server: Server, _request: Request) -> Response:
    organization = await workspaces.existing_organization(server, DEFAULT_ORGANIZATION_ID)
    names = {"organizationId": organization.id, "organizationName": organization.name, "email": organization.email}
    return reply({"data": [names]})


async def _users(server: Server, request: Request) -> Response:
    await workspaces.existing_organization(server, str(query_id(request, "organizationId", required=True)))
    emails = [part for text in request.query_params.getlist("emails") for part in text.split(",") if part]
    matches = await users.listed(server, ids=query_ids(request, "ids"), emails=emails)
    return reply({"data": [{"id": user.id, "name": user.name, "email": user.email} for user in matches]})


def _permission_in_list(permission: Permission) -> dict[str, Any]:
    return {
        "permissionId": permission.id,
        "permissionType": permission.permission_type,
        "userId": permission.user_id,
        "scopeId": permission.workspace_id or permission.organization_id or DEFAULT_ORGANIZATION_ID,
        "scope": _scope(permission),
    }


def _scope(permission: Permission) -> str:
    if permission.workspace_id:
        return "workspace"
    return "organization" if permission.organization_id else "none"


async def _list_permissions(server: Server, request: Request) -> Response:
    rows = await permissions.listed(
        server,
        user_id=query_id(request, "userId"),
        organization_id=query_id(request, "organizationId"),
    )
    return reply({"data": [_permission_in_list(permission) for permission in rows]})


async def _create_permission(server: Server, request: Request) -> Response:
    body = await read_body(request, PermissionCreate)
    created = await create_permission(server, body)
    return reply(permission_response(created))


async def _get_permission(server: Server, request: Request) -> Response:
    return reply(permission_response(await permissions.existing(server, path_id(request, "permission_id"))))


async def _update_permission(server: Server, request: Request) -> Response:
    permission_id = path_id(request, "permission_id")
    body = await read_body(request, PermissionUpdateRequest)
    permission = await permissions.existing(server, permission_id)
    return reply(permission_response(await permissions.change(server, permission, body.permission_type)))


async def _delete_permission(server: Server, request: Request) -> Response:
    permission = await permissions.existing(server, path_id(request, "permission_id"))
    await permissions.remove(server, permission)
    return no_content()


async def _none(_server: Server, _request: Request) -> Response:
    return reply({"data": []})


OPERATIONS = [
    Operation("GET", "/groups", "listGroups", _none),  # there is one user,
    Operation("GET", "/regions", "listRegions", _none),  # and one machine
    Operation("GET", "/dataplanes", "listDataplanes", _none),
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
