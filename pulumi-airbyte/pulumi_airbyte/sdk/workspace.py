"""A workspace: what owns sources, destinations and connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi

from .resource import AirbyteResource, on_the_wire


class EmailNotificationArgs(TypedDict):
    """Whether a mail is sent."""

    enabled: pulumi.Input[bool]


class WebhookNotificationArgs(TypedDict, total=False):
    """Whether a URL is called."""

    enabled: pulumi.Input[bool]
    url: pulumi.Input[str]


class NotificationArgs(TypedDict, total=False):
    """How one kind of event is told."""

    email: pulumi.Input[EmailNotificationArgs]
    webhook: pulumi.Input[WebhookNotificationArgs]


class WorkspaceNotificationsArgs(TypedDict, total=False):
    """What is told, and how."""

    failure: pulumi.Input[NotificationArgs]
    success: pulumi.Input[NotificationArgs]
    connection_update: pulumi.Input[NotificationArgs]
    connection_update_action_required: pulumi.Input[NotificationArgs]
    sync_disabled: pulumi.Input[NotificationArgs]
    sync_disabled_warning: pulumi.Input[NotificationArgs]


class Workspace(AirbyteResource):
    """A workspace. Another organization replaces it."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        name: pulumi.Input[str] | None = None,
        organization_id: pulumi.Input[str] | None = None,
        notifications: pulumi.Input[WorkspaceNotificationsArgs] | None = None,
        region_id: pulumi.Input[str] | None = None,
    ) -> None:
        """Declare a workspace; a notification that is not named stays as it is."""
        super().__init__(
            "airbyte:index/workspace:Workspace",
            resource_name,
            {
                "name": resource_name if name is None else name,
                "organizationId": organization_id,
                "notifications": on_the_wire(notifications),
                "regionId": region_id,
            },
            ["workspaceId", "dataResidency"],
            opts,
        )

    @property
    @pulumi.getter(name="workspaceId")
    def workspace_id(self) -> pulumi.Output[str]:
        """The id that everything in it names."""
        return pulumi.get(self, "workspaceId")

    @property
    @pulumi.getter
    def name(self) -> pulumi.Output[str]:
        """The name shown in Airbyte."""
        return pulumi.get(self, "name")

    @property
    @pulumi.getter
    def notifications(self) -> pulumi.Output[Mapping[str, Any]]:
        """The declared notifications, keys as on the wire."""
        return pulumi.get(self, "notifications")
