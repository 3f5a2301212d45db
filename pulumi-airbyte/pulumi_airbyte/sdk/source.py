"""A source: where records come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

import pulumi

from .resource import AirbyteResource

SourceConfiguration: TypeAlias = "Mapping[str, Any] | str"
"""The connector's own configuration: a dict, whose leaves may be outputs and secrets, or the same as JSON text."""


class ResourceRequirements(TypedDict, total=False):
    """Kubernetes quantities, such as `500m` and `1Gi`."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    ephemeral_storage_request: str
    ephemeral_storage_limit: str


class JobSpecificResources(TypedDict):
    """What one kind of job may use."""

    jobType: str
    resourceRequirements: ResourceRequirements


class ResourceAllocationArgs(TypedDict, total=False):
    """What the connector's jobs may use, in Kubernetes' units; keys as Airbyte spells them."""

    default: ResourceRequirements
    jobSpecific: Sequence[JobSpecificResources]


class Source(AirbyteResource):
    """A source: a connector and its configuration.

    The connector is named by `definition_id`, or by `configuration["sourceType"]` (such as `faker`).
    Changing either, or the workspace, replaces the source and loses the sync state of its connections.

    Example:
        Source("faker", workspace_id=workspace, name="Faker", configuration={"sourceType": "faker", "count": 1000})
    """

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        configuration: pulumi.Input[SourceConfiguration],
        workspace_id: pulumi.Input[str],
        name: pulumi.Input[str] | None = None,
        definition_id: pulumi.Input[str] | None = None,
        secret_id: pulumi.Input[str] | None = None,
        resource_allocation: pulumi.Input[ResourceAllocationArgs] | None = None,
    ) -> None:
        """Declare a source.

        Args:
            configuration: what the connector's spec asks for; mark secrets with `pulumi.Output.secret` or from config.
                A leaf `**********` keeps what is stored.
            workspace_id: the workspace that owns it.
            name: shown in Airbyte; the resource's name when absent.
            definition_id: the connector's definition; not needed with `sourceType` in the configuration.
            secret_id: from Airbyte's OAuth redirect flow.
            resource_allocation: CPU and memory of its jobs.
        """
        super().__init__(
            "airbyte:index/source:Source",
            resource_name,
            {
                "configuration": configuration,
                "workspaceId": workspace_id,
                "name": resource_name if name is None else name,
                "definitionId": definition_id,
                "secretId": secret_id,
                "resourceAllocation": resource_allocation,
            },
            ["sourceId", "sourceType", "createdAt"],
            opts,
        )

    @property
    @pulumi.getter(name="sourceId")
    def source_id(self) -> pulumi.Output[str]:
        """The id that connections name."""
        return pulumi.get(self, "sourceId")

    @property
    @pulumi.getter(name="sourceType")
    def source_type(self) -> pulumi.Output[str]:
        """The connector's short name; empty for a custom definition."""
        return pulumi.get(self, "sourceType")

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
