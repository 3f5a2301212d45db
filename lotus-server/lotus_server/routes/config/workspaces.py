"""Workspaces, organizations, users, permissions, tags, applications and health of the config API."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.errors import Unavailable
from lotus_server.routes.access_tokens import issue_token
from lotus_server.routes.config.version import version
from lotus_server.routes.operation import Body, Operation, no_content, read_body, reply
from lotus_server.routes.permissions import (
    PermissionCreate,
    PermissionType,
    create_permission,
    permission_response,
)
from lotus_server.routes.tags import tag_response
from lotus_server.services import deletion, health, permissions, tags, users, workspaces
from lotus_server.services.server import Server
from lotus_server.store.access import DEFAULT_USER_ID, User
from lotus_server.store.workspaces import DEFAULT_ORGANIZATION_ID, DEFAULT_WORKSPACE_ID, Organization, Workspace


class WorkspaceId(Body):
    """WorkspaceIdRequestBody."""

    workspace_id: uuid.UUID


class Slug(Body):
    """SlugRequestBody."""

    slug: str


class WorkspaceCreate(Body):
    """WorkspaceCreate."""

    name: str
    email: str | None = None
    organization_id: uuid.UUID | None = None


class WorkspaceUpdate(WorkspaceId):
    """WorkspaceUpdate and WorkspaceUpdateName."""

    name: str | None = None
    email: str | None = None


class OrganizationId(Body):
    """OrganizationIdRequestBody."""

    organization_id: uuid.UUID


class UserId(Body):
    """UserIdRequestBody."""

    user_id: uuid.UUID


class Email(Body):
    """UserEmailRequestBody."""

    email: str


class AuthId(Body):
    """UserAuthIdRequestBody."""

    auth_user_id: str


class UserUpdate(UserId):
    """UserUpdate."""

    name: str | None = None
    default_workspace_id: uuid.UUID | None = None


class PermissionId(Body):
    """PermissionIdRequestBody."""

    permission_id: uuid.UUID


class PermissionUpdate(PermissionId):
    """PermissionUpdate."""

    permission_type: PermissionType


class TagCreate(WorkspaceId):
    """TagCreateRequestBody."""

    name: str
    color: str


class TagUpdate(TagCreate):
    """TagUpdateRequestBody."""

    tag_id: uuid.UUID


class TagDelete(WorkspaceId):
    """TagDeleteRequestBody."""

    tag_id: uuid.UUID


def workspace_read(workspace: Workspace) -> dict[str, Any]:
    """WorkspaceRead."""
    response: dict[str, Any] = {
        "workspaceId": workspace.id,
        "customerId": workspace.id,
        "name": workspace.name,
        "slug": workspace.slug,
        "initialSetupComplete": True,
        "displaySetupWizard": False,
        "anonymousDataCollection": False,
        "news": False,
        "securityUpdates": False,
        "notifications": [],
        "firstCompletedSync": False,
        "feedbackDone": False,
        "webhookConfigs": [],
        "organizationId": workspace.organization_id,
        "tombstone": workspace.tombstone,
    }
    if workspace.email is not None:
        response["email"] = workspace.email
    return response


def _organization_read(organization: Organization) -> dict[str, Any]:
    return {
        "organizationId": organization.id,
        "organizationName": organization.name,
        "email": organization.email,
    }


def _user_read(user: User) -> dict[str, Any]:
    return {
        "userId": user.id,
        "name": user.name,
        "email": user.email,
        "status": user.status,
        "defaultWorkspaceId": DEFAULT_WORKSPACE_ID,
        "metadata": {},
    }


async def _list(server: Server, _request: Request) -> Response:
    return reply({"workspaces": [workspace_read(workspace) for workspace in await workspaces.listed(server)]})


async def _list_by_organization(server: Server, request: Request) -> Response:
    body = await read_body(request, OrganizationId)
    await workspaces.existing_organization(server, str(body.organization_id))
    return await _list(server, request)


async def _list_by_user(server: Server, request: Request) -> Response:
    await users.existing(server, str((await read_body(request, UserId)).user_id))
    return await _list(server, request)


async def _get(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceId)
    return reply(workspace_read(await workspaces.existing(server, str(body.workspace_id))))


async def _get_by_slug(server: Server, request: Request) -> Response:
    return reply(workspace_read(await workspaces.with_slug(server, (await read_body(request, Slug)).slug)))


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceCreate)
    organization_id = None if body.organization_id is None else str(body.organization_id)
    created = await workspaces.create(server, name=body.name, organization_id=organization_id, email=body.email)
    return reply(workspace_read(created))


async def _update(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceUpdate)
    workspace = await workspaces.existing(server, str(body.workspace_id))
    return reply(workspace_read(await workspaces.change(server, workspace, name=body.name, email=body.email)))


async def _delete(server: Server, request: Request) -> Response:
    await deletion.delete_workspace(server, str((await read_body(request, WorkspaceId)).workspace_id))
    return no_content()


async def _organization_of_workspace(server: Server, request: Request) -> Response:
    workspace = await workspaces.existing(server, str((await read_body(request, WorkspaceId)).workspace_id))
    return reply(_organization_info_read(await workspaces.existing_organization(server, workspace.organization_id)))


def _organization_info_read(organization: Organization) -> dict[str, Any]:
    return {
        "organizationId": organization.id,
        "organizationName": organization.name,
        "sso": False,
        "scim": False,
    }


async def _get_organization(server: Server, request: Request) -> Response:
    body = await read_body(request, OrganizationId)
    return reply(_organization_read(await workspaces.existing_organization(server, str(body.organization_id))))


async def _get_organization_info(server: Server, request: Request) -> Response:
    body = await read_body(request, OrganizationId)
    return reply(_organization_info_read(await workspaces.existing_organization(server, str(body.organization_id))))


async def _organizations_of_user(server: Server, request: Request) -> Response:
    await users.existing(server, str((await read_body(request, UserId)).user_id))
    organization = await workspaces.existing_organization(server, DEFAULT_ORGANIZATION_ID)
    return reply({"organizations": [_organization_read(organization)]})


async def _get_user(server: Server, request: Request) -> Response:
    return reply(_user_read(await users.existing(server, str((await read_body(request, UserId)).user_id))))


async def _get_user_by_email(server: Server, request: Request) -> Response:
    return reply(_user_read(await users.with_email(server, (await read_body(request, Email)).email)))


async def _permissions_of_user(server: Server, request: Request) -> Response:
    user = await users.existing(server, str((await read_body(request, UserId)).user_id))
    listed = await permissions.listed(server, user_id=user.id)
    return reply({"permissions": [permission_response(permission) for permission in listed]})


async def _get_permission(server: Server, request: Request) -> Response:
    body = await read_body(request, PermissionId)
    return reply(permission_response(await permissions.existing(server, str(body.permission_id))))


async def _create_permission(server: Server, request: Request) -> Response:
    body = await read_body(request, PermissionCreate)
    created = await create_permission(server, body)
    return reply(permission_response(created))


async def _update_permission(server: Server, request: Request) -> Response:
    body = await read_body(request, PermissionUpdate)
    permission = await permissions.existing(server, str(body.permission_id))
    await permissions.change(server, permission, body.permission_type)
    return no_content()


async def _delete_permission(server: Server, request: Request) -> Response:
    permission = await permissions.existing(server, str((await read_body(request, PermissionId)).permission_id))
    await permissions.remove(server, permission)
    return no_content()


async def _list_tags(server: Server, request: Request) -> Response:
    workspace = await workspaces.existing(server, str((await read_body(request, WorkspaceId)).workspace_id))
    return reply([tag_response(tag) for tag in await tags.listed(server, [workspace.id])])


async def _create_tag(server: Server, request: Request) -> Response:
    body = await read_body(request, TagCreate)
    created = await tags.create(server, workspace_id=str(body.workspace_id), name=body.name, color=body.color)
    return reply(tag_response(created))


async def _update_tag(server: Server, request: Request) -> Response:
    body = await read_body(request, TagUpdate)
    tag = await tags.existing(server, str(body.tag_id))
    return reply(tag_response(await tags.change(server, tag, name=body.name, color=body.color)))


async def _delete_tag(server: Server, request: Request) -> Response:
    tag = await tags.existing(server, str((await read_body(request, TagDelete)).tag_id))
    await tags.remove(server, tag)
    return reply(tag_response(tag))


async def _health(server: Server, _request: Request) -> Response:
    try:
        health.require(server)
    except Unavailable as problem:
        return reply({"available": False, "message": problem.message}, problem.status)
    return reply({"available": True})


async def _get_user_by_auth_id(server: Server, request: Request) -> Response:
    """The one user, whatever the identity provider calls it."""
    await read_body(request, AuthId)
    return reply(_user_read(await users.existing(server, DEFAULT_USER_ID)))


async def _get_or_create_user(server: Server, request: Request) -> Response:
    body = await read_body(request, AuthId)
    user = await users.existing(server, DEFAULT_USER_ID)
    response = {"userRead": _user_read(user), "authUserId": body.auth_user_id, "authProvider": "airbyte"}
    return reply({**response, "newUserCreated": False})


async def _update_user(server: Server, request: Request) -> Response:
    body = await read_body(request, UserUpdate)
    if body.default_workspace_id is not None:
        await workspaces.existing(server, str(body.default_workspace_id))
    changed = await users.rename(server, str(body.user_id), name=body.name)
    return reply(_user_read(changed))


async def _list_users(server: Server, request: Request) -> Response:
    body = await read_body(request, OrganizationId)
    organization = await workspaces.existing_organization(server, str(body.organization_id))
    read: list[dict[str, Any]] = []
    for user in await users.listed(server):
        for permission in await permissions.listed(server, user_id=user.id):
            if permission.organization_id == organization.id:
                read.append(
                    {
                        "userId": user.id,
                        "name": user.name,
                        "email": user.email,
                        "organizationId": organization.id,
                        "permissionId": permission.id,
                        "permissionType": permission.permission_type,
                    }
                )
    return reply({"users": read})


async def _instance_configuration(_server: Server, request: Request) -> Response:
    response = {
        "airbyteUrl": str(request.base_url),
        "edition": "community",
        "version": version(),
        "licenseStatus": "pro",
        "auth": {"mode": "none"},
        "initialSetupComplete": True,
        "defaultUserId": DEFAULT_USER_ID,
        "defaultOrganizationId": DEFAULT_ORGANIZATION_ID,
        "defaultOrganizationEmail": "lotus@localhost.invalid",
        "defaultWorkspaceId": DEFAULT_WORKSPACE_ID,
        "trackingStrategy": "logging",
    }
    return reply(response)


async def _deployment(_server: Server, _request: Request) -> Response:
    return reply({"id": DEFAULT_WORKSPACE_ID, "mode": "OSS", "version": version()})


OPERATIONS = [
    Operation("GET", "/health", "getHealthCheck", _health),
    Operation("POST", "/deployment/metadata", "getDeploymentMetadata", _deployment),
    Operation("POST", "/workspaces/list", "listWorkspaces", _list),
    Operation("POST", "/workspaces/list_by_organization_id", "listWorkspacesInOrganization", _list_by_organization),
    Operation("POST", "/workspaces/list_by_user_id", "listWorkspacesByUser", _list_by_user),
    Operation("POST", "/workspaces/get", "getWorkspace", _get),
    Operation("POST", "/workspaces/get_by_slug", "getWorkspaceBySlug", _get_by_slug),
    Operation("POST", "/workspaces/create", "createWorkspace", _create),
    Operation("POST", "/workspaces/update", "updateWorkspace", _update),
    Operation("POST", "/workspaces/update_name", "updateWorkspaceName", _update),
    Operation("POST", "/workspaces/delete", "deleteWorkspace", _delete),
    Operation("POST", "/workspaces/get_organization_info", "getOrganizationInfo", _organization_of_workspace),
    Operation("POST", "/organizations/get", "getOrganization", _get_organization),
    Operation("POST", "/organizations/get_organization_info", "getOrgInfo", _get_organization_info),
    Operation("POST", "/organizations/list_by_user_id", "listOrganizationsByUser", _organizations_of_user),
    Operation("POST", "/users/get", "getUser", _get_user),
    Operation("POST", "/users/get_by_email", "getUserByEmail", _get_user_by_email),
    Operation("POST", "/users/get_by_auth_id", "getUserByAuthId", _get_user_by_auth_id),
    Operation("POST", "/users/get_or_create_by_auth_id", "getOrCreateUserByAuthId", _get_or_create_user),
    Operation("POST", "/users/update", "updateUser", _update_user),
    Operation("POST", "/users/list_by_organization_id", "listUsersInOrganization", _list_users),
    Operation("GET", "/instance_configuration", "getInstanceConfiguration", _instance_configuration),
    Operation("POST", "/permissions/list_by_user", "listPermissionsByUser", _permissions_of_user),
    Operation("POST", "/permissions/get", "getPermission", _get_permission),
    Operation("POST", "/permissions/create", "createPermission", _create_permission),
    Operation("POST", "/permissions/update", "updatePermission", _update_permission),
    Operation("POST", "/permissions/delete", "deletePermission", _delete_permission),
    Operation("POST", "/tags/list", "listTags", _list_tags),
    Operation("POST", "/tags/create", "createTag", _create_tag),
    Operation("POST", "/tags/update", "updateTag", _update_tag),
    Operation("POST", "/tags/delete", "deleteTag", _delete_tag),
    Operation("POST", "/applications/token", "applicationTokenRequest", issue_token),
]
