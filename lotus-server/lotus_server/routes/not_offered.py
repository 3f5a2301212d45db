"""Operations of Airbyte's APIs that make no sense for one local server and user: they answer 501 with the reason."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.errors import NotOffered
from lotus_server.routes.config.not_offered import paths as config_paths
from lotus_server.routes.operation import Handler, Operation
from lotus_server.services.server import Server

OAUTH = "OAuth flows need a browser and a registered client; put the credentials into the configuration"
GROUPS = "there is one user, and no groups"
REGIONS = "there is one machine, and no regions or data planes"
PAGES = "docs/api.md describes this server, and Airbyte's reference is at https://reference.airbyte.com"
WIDGETS = "embedding Airbyte's user interface needs Airbyte Cloud or Enterprise"


def _refusing(name: str, reason: str) -> Handler:
    async def handler(_server: Server, _request: Request) -> Response:
        raise NotOffered(name, reason)

    return handler


def _refused(reason: str, operations: Iterable[tuple[str, str, str]]) -> list[Operation]:
    return [Operation(method, path, name, _refusing(name, reason)) for method, path, name in operations]


PUBLIC = [
    *_refused(PAGES, [("GET", "/", "getDocumentation")]),
    *_refused(
        OAUTH,
        [
            ("GET", "/oauth/callback", "oauthCallback"),
            ("POST", "/sources/initiateOAuth", "initiateOAuth"),
            ("PUT", "/workspaces/{workspace_id}/oauthCredentials", "createOrUpdateWorkspaceOAuthCredentials"),
            (
                "DELETE",
                "/workspaces/{workspace_id}/oauthCredentials/{actor_type}/{name}",
                "deleteWorkspaceOAuthCredentials",
            ),
            ("PUT", "/organizations/{organization_id}/oauthCredentials", "createOrUpdateOrganizationOAuthCredentials"),
            (
                "DELETE",
                "/organizations/{organization_id}/oauthCredentials/{actor_type}/{name}",
                "deleteOrganizationOAuthCredentials",
            ),
        ],
    ),
    *_refused(
        GROUPS,
        [
            ("POST", "/groups", "createGroup"),
            ("GET", "/groups/{group_id}", "getGroup"),
            ("PATCH", "/groups/{group_id}", "updateGroup"),
            ("DELETE", "/groups/{group_id}", "deleteGroup"),
            ("GET", "/groups/{group_id}/members", "listGroupMembers"),
            ("POST", "/groups/{group_id}/members", "addGroupMember"),
            ("DELETE", "/groups/{group_id}/members/{user_id}", "removeGroupMember"),
            ("GET", "/groups/{group_id}/permissions", "listGroupPermissions"),
            ("POST", "/groups/{group_id}/permissions", "createGroupPermission"),
            ("DELETE", "/groups/{group_id}/permissions/{permission_id}", "deleteGroupPermission"),
        ],
    ),
    *_refused(
        REGIONS,
        [
            ("POST", "/regions", "createRegion"),
            ("GET", "/regions/{region_id}", "getRegion"),
            ("PATCH", "/regions/{region_id}", "updateRegion"),
            ("DELETE", "/regions/{region_id}", "deleteRegion"),
            ("POST", "/dataplanes", "createDataplane"),
            ("GET", "/dataplanes/{dataplane_id}", "getDataplane"),
            ("PATCH", "/dataplanes/{dataplane_id}", "updateDataplane"),
            ("DELETE", "/dataplanes/{dataplane_id}", "deleteDataplane"),
        ],
    ),
    *_refused(
        WIDGETS,
        [
            ("POST", "/embedded/widget_token", "getEmbeddedWidget"),
            ("POST", "/embedded/scoped_token", "generateEmbeddedScopedToken"),
            ("GET", "/embedded/organizations", "listEmbeddedOrganizationsByUser"),
        ],
    ),
]
"""What of the public API is not offered, by reason."""

CONFIG = _refused("", [(method, path, f"{method} /api/v1{path}") for method, path in config_paths()])
"""What of the config API is not offered."""
