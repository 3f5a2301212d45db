"""A permission: what a user may do in a workspace or an organization."""

from __future__ import annotations

from typing import Literal, TypeAlias

import pulumi

from .resource import AirbyteResource

PermissionType: TypeAlias = Literal[
    "organization_admin",
    "organization_editor",
    "organization_runner",
    "organization_reader",
    "organization_member",
    "workspace_admin",
    "workspace_editor",
    "workspace_runner",
    "workspace_reader",
]


class Permission(AirbyteResource):
    """A permission. Another user, workspace or organization replaces it."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        permission_type: pulumi.Input[PermissionType],
        user_id: pulumi.Input[str],
        workspace_id: pulumi.Input[str] | None = None,
        organization_id: pulumi.Input[str] | None = None,
    ) -> None:
        """Declare a permission; exactly one of `workspace_id` and `organization_id` says where it holds."""
        super().__init__(
            "airbyte:index/permission:Permission",
            resource_name,
            {
                "permissionType": permission_type,
                "userId": user_id,
                "workspaceId": workspace_id,
                "organizationId": organization_id,
            },
            ["permissionId"],
            opts,
        )

    @property
    @pulumi.getter(name="permissionId")
    def permission_id(self) -> pulumi.Output[str]:
        """The permission's id."""
        return pulumi.get(self, "permissionId")

    @property
    @pulumi.getter(name="permissionType")
    def permission_type(self) -> pulumi.Output[str]:
        """What the user may do."""
        return pulumi.get(self, "permissionType")
