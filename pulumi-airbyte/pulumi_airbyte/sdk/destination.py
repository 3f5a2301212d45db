"""A destination: where records go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import pulumi

from .resource import AirbyteResource
from .source import ResourceAllocationArgs

DestinationConfiguration: TypeAlias = "Mapping[str, Any] | str"
"""The connector's own configuration: a dict, whose leaves may be outputs and secrets, or the same as JSON text."""


class Destination(AirbyteResource):
    """A destination: a connector and its configuration.

    The connector is named by `definition_id`, or by `configuration["destinationType"]` (such as `s3`).
    Changing either, or the workspace, replaces the destination and loses the sync state of its connections.

    Example:
        Destination("lake", workspace_id=workspace, name="Lake", configuration={"destinationType": "s3", ...})
    """

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        configuration: pulumi.Input[DestinationConfiguration],
        workspace_id: pulumi.Input[str],
        name: pulumi.Input[str] | None = None,
        definition_id: pulumi.Input[str] | None = None,
        resource_allocation: pulumi.Input[ResourceAllocationArgs] | None = None,
    ) -> None:
        """Declare a destination.

        Args:
            configuration: what the connector's spec asks for; mark secrets with `pulumi.Output.secret` or from config.
                A leaf `**********` keeps what is stored.
            workspace_id: the workspace that owns it.
            name: shown in Airbyte; the resource's name when absent.
            definition_id: the connector's definition; not needed with `destinationType` in the configuration.
            resource_allocation: CPU and memory of its jobs.
        """
        super().__init__(
            "airbyte:index/destination:Destination",
            resource_name,
            {
                "configuration": configuration,
                "workspaceId": workspace_id,
                "name": resource_name if name is None else name,
                "definitionId": definition_id,
                "resourceAllocation": resource_allocation,
            },
            ["destinationId", "destinationType", "createdAt"],
            opts,
        )

    @property
    @pulumi.getter(name="destinationId")
    def destination_id(self) -> pulumi.Output[str]:
        """The id that connections name."""
        return pulumi.get(self, "destinationId")

    @property
    @pulumi.getter(name="destinationType")
    def destination_type(self) -> pulumi.Output[str]:
        """The connector's short name; empty for a custom definition."""
        return pulumi.get(self, "destinationType")

    @property
    @pulumi.getter(name="definitionId")
    def definition_id(self) -> pulumi.Output[str]:
        """The connector's definition."""
        return pulumi.get(self, "definitionId")

    @property
    @pulumi.getter(name="workspaceId")
    def workspace_id(self) -> pulumi.Output[str]:
        """The workspace that owns it."""
        return pulumi.get(self, "workspaceId")

    @property
    @pulumi.getter
    def name(self) -> pulumi.Output[str]:
        """The name shown in Airbyte."""
        return pulumi.get(self, "name")

    @property
    @pulumi.getter
    def configuration(self) -> pulumi.Output[Mapping[str, Any]]:
        """The configuration, with its secrets encrypted."""
        return pulumi.get(self, "configuration")

    @property
    @pulumi.getter(name="createdAt")
    def created_at(self) -> pulumi.Output[int]:
        """Seconds since the epoch."""
        return pulumi.get(self, "createdAt")
