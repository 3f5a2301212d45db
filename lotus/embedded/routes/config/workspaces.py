"""Workspaces, organizations, users, permissions, tags, applications and health of the config API."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lotus.embedded.errors import BadRequest, ResourceNotFound
from lotus.embedded.routes.config.version import version
from lotus.embedded.routes.operation import Body, Operation, answer, no_content, read_body
from lotus.embedded.routes.public import applications as public_applications
from lotus.embedded.routes.public.connections import change_tag, create_tag, existing_tag, shown_tag
from lotus.embedded.routes.public.workspaces import (
    PermissionType,
    change_permission,
    create_permission,
    delete_workspace,
    existing_permission,
    existing_workspace,
    shown_permission,
)
from lotus.embedded.server import Server
from lotus.embedded.store import access, tags, workspaces
from lotus.embedded.store.access import User
from lotus.embedded.store.workspaces import DEFAULT_ORGANIZATION_ID, DEFAULT_WORKSPACE_ID, Organization, Workspace


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


class PermissionId(Body):
    """PermissionIdRequestBody."""

    permission_id: uuid.UUID


class PermissionCreate(Body):
    """PermissionCreate."""

    permission_type: PermissionType
    user_id: uuid.UUID
    workspace_id: uuid.UUID | None = None
    organization_id: uuid.UUID | None = None


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


def shown(workspace: Workspace) -> dict[str, Any]:
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


def _shown_organization(organization: Organization) -> dict[str, Any]:
    return {
        "organizationId": organization.id,
        "organizationName": organization.name,
        "email": organization.email,
    }


def _shown_user(user: User) -> dict[str, Any]:
    return {
        "userId": user.id,
        "name": user.name,
        "email": user.email,
        "status": user.status,
        "defaultWorkspaceId": DEFAULT_WORKSPACE_ID,
        "metadata": {},
    }


async def _organization(server: Server, organization_id: str) -> Organization:
    found = await server.store.read(workspaces.organization, organization_id)
    if found is None:
        raise ResourceNotFound("organization", organization_id)
    return found


async def _list(server: Server, _request: Request) -> Response:
    found = await server.store.read(workspaces.listed)
    return answer({"workspaces": [shown(workspace) for workspace in found]})


async def _list_by_organization(server: Server, request: Request) -> Response:
    body = await read_body(request, OrganizationId)
    await _organization(server, str(body.organization_id))
    return await _list(server, request)


async def _list_by_user(server: Server, request: Request) -> Response:
    await _existing_user(server, str((await read_body(request, UserId)).user_id))
    return await _list(server, request)


async def _get(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceId)
    return answer(shown(await existing_workspace(server, str(body.workspace_id))))


async def _get_by_slug(server: Server, request: Request) -> Response:
    body = await read_body(request, Slug)
    for workspace in await server.store.read(workspaces.listed):
        if workspace.slug == body.slug:
            return answer(shown(workspace))
    raise ResourceNotFound("workspace", body.slug)


async def _create(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceCreate)
    if not body.name.strip():
        raise BadRequest("name must not be empty")
    if body.organization_id is not None:
        await _organization(server, str(body.organization_id))
    return answer(shown(await server.store.write(workspaces.create, name=body.name, email=body.email)))


async def _update(server: Server, request: Request) -> Response:
    body = await read_body(request, WorkspaceUpdate)
    workspace = await existing_workspace(server, str(body.workspace_id))
    if body.name is not None and not body.name.strip():
        raise BadRequest("name must not be empty")
    name, email = body.name or workspace.name, body.email or workspace.email
    await server.store.write(workspaces.change, workspace.id, name=name, email=email)
    return answer(shown(await existing_workspace(server, workspace.id)))


async def _delete(server: Server, request: Request) -> Response:
    await delete_workspace(server, str((await read_body(request, WorkspaceId)).workspace_id))
    return no_content()


async def _organization_of_workspace(server: Server, request: Request) -> Response:
    workspace = await existing_workspace(server, str((await read_body(request, WorkspaceId)).workspace_id))
    return answer(_shown_organization_info(await _organization(server, workspace.organization_id)))


def _shown_organization_info(organization: Organization) -> dict[str, Any]:
    return {
        "organizationId": organization.id,
        "organizationName": organization.name,
        "sso": False,
        "scim": False,
    }


async def _get_organization(server: Server, request: Request) -> Response:
    body = await read_body(request, OrganizationId)
    return answer(_shown_organization(await _organization(server, str(body.organization_id))))


async def _get_organization_info(server: Server, request: Request) -> Response:
    body = await read_body(request, OrganizationId)
    return answer(_shown_organization_info(await _organization(server, str(body.organization_id))))


async def _organizations_of_user(server: Server, request: Request) -> Response:
    await _existing_user(server, str((await read_body(request, UserId)).user_id))
    organization = await _organization(server, DEFAULT_ORGANIZATION_ID)
    return answer({"organizations": [_shown_organization(organization)]})


async def _existing_user(server: Server, user_id: str) -> User:
    found = await server.store.read(access.user, user_id)
    if found is None:
        raise ResourceNotFound("user", user_id)
    return found


async def _get_user(server: Server, request: Request) -> Response:
    return answer(_shown_user(await _existing_user(server, str((await read_body(request, UserId)).user_id))))


async def _get_user_by_email(server: Server, request: Request) -> Response:
    body = await read_body(request, Email)
    for user in await server.store.read(access.listed_users):
        if user.email == body.email:
            return answer(_shown_user(user))
    raise ResourceNotFound("user", body.email)


async def _permissions_of_user(server: Server, request: Request) -> Response:
    user = await _existing_user(server, str((await read_body(request, UserId)).user_id))
    found = await server.store.read(access.listed_permissions, user_id=user.id)
    return answer({"permissions": [shown_permission(permission) for permission in found]})


async def _get_permission(server: Server, request: Request) -> Response:
    body = await read_body(request, PermissionId)
    return answer(shown_permission(await existing_permission(server, str(body.permission_id))))


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


async def _update_permission(server: Server, request: Request) -> Response:
    body = await read_body(request, PermissionUpdate)
    permission = await existing_permission(server, str(body.permission_id))
    await change_permission(server, permission, body.permission_type)
    return no_content()


async def _delete_permission(server: Server, request: Request) -> Response:
    permission = await existing_permission(server, str((await read_body(request, PermissionId)).permission_id))
    await server.store.write(access.remove_permission, permission.id)
    return no_content()


async def _list_tags(server: Server, request: Request) -> Response:
    workspace = await existing_workspace(server, str((await read_body(request, WorkspaceId)).workspace_id))
    return answer([shown_tag(tag) for tag in await server.store.read(tags.listed, [workspace.id])])


async def _create_tag(server: Server, request: Request) -> Response:
    body = await read_body(request, TagCreate)
    created = await create_tag(server, workspace_id=str(body.workspace_id), name=body.name, color=body.color)
    return answer(shown_tag(created))


async def _update_tag(server: Server, request: Request) -> Response:
    body = await read_body(request, TagUpdate)
    tag = await existing_tag(server, str(body.tag_id))
    return answer(shown_tag(await change_tag(server, tag, name=body.name, color=body.color)))


async def _delete_tag(server: Server, request: Request) -> Response:
    tag = await existing_tag(server, str((await read_body(request, TagDelete)).tag_id))
    await server.store.write(tags.remove, tag.id)
    return answer(shown_tag(tag))


async def _health(_server: Server, _request: Request) -> Response:
    return answer({"available": True})


async def _deployment(_server: Server, _request: Request) -> Response:
    return answer({"id": DEFAULT_WORKSPACE_ID, "mode": "OSS", "version": version()})


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
    Operation("POST", "/permissions/list_by_user", "listPermissionsByUser", _permissions_of_user),
    Operation("POST", "/permissions/get", "getPermission", _get_permission),
    Operation("POST", "/permissions/create", "createPermission", _create_permission),
    Operation("POST", "/permissions/update", "updatePermission", _update_permission),
    Operation("POST", "/permissions/delete", "deletePermission", _delete_permission),
    Operation("POST", "/tags/list", "listTags", _list_tags),
    Operation("POST", "/tags/create", "createTag", _create_tag),
    Operation("POST", "/tags/update", "updateTag", _update_tag),
    Operation("POST", "/tags/delete", "deleteTag", _delete_tag),
    Operation("POST", "/applications/token", "applicationTokenRequest", public_applications.token),
]
