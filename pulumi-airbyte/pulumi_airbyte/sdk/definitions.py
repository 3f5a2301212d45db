"""Connector definitions: container images, and low-code manifests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from .resource import AirbyteResource


class _Definition(AirbyteResource):
    @property
    @pulumi.getter(name="definitionId")
    def definition_id(self) -> pulumi.Output[str]:
        """The id that sources and destinations name; the same as the resource's id."""
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


class DeclarativeSourceDefinition(_Definition):
    """A low-code connector: its manifest, as a dict or as JSON or YAML text. The id stays when the manifest changes."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        manifest: pulumi.Input[Mapping[str, Any] | str],
        workspace_id: pulumi.Input[str],
        name: pulumi.Input[str] | None = None,
    ) -> None:
        """Declare a low-code connector. Another `name` replaces it: Airbyte cannot rename one."""
        super().__init__(
            "airbyte:index/declarativeSourceDefinition:DeclarativeSourceDefinition",
            resource_name,
            {"manifest": manifest, "workspaceId": workspace_id, "name": resource_name if name is None else name},
            ["definitionId", "version"],
            opts,
        )

    @property
    @pulumi.getter
    def manifest(self) -> pulumi.Output[Mapping[str, Any]]:
        """The manifest."""
        return pulumi.get(self, "manifest")

    @property
    @pulumi.getter
    def version(self) -> pulumi.Output[int]:
        """Counts the manifest's changes."""
        return pulumi.get(self, "version")


class _ImageDefinition(_Definition):
    def __init__(
        self,
        token: str,
        resource_name: str,
        inputs: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        super().__init__(token, resource_name, inputs, ["definitionId"], opts)

    @property
    @pulumi.getter(name="dockerRepository")
    def docker_repository(self) -> pulumi.Output[str]:
        """The image, without its tag."""
        return pulumi.get(self, "dockerRepository")

    @property
    @pulumi.getter(name="dockerImageTag")
    def docker_image_tag(self) -> pulumi.Output[str]:
        """The image's tag."""
        return pulumi.get(self, "dockerImageTag")


class SourceDefinition(_ImageDefinition):
    """A custom source connector in a container image."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        docker_repository: pulumi.Input[str],
        docker_image_tag: pulumi.Input[str],
        workspace_id: pulumi.Input[str],
        name: pulumi.Input[str] | None = None,
        documentation_url: pulumi.Input[str] | None = None,
    ) -> None:
        """Declare a source connector. Another repository or documentation URL replaces it."""
        super().__init__(
            "airbyte:index/sourceDefinition:SourceDefinition",
            resource_name,
            {
                "dockerRepository": docker_repository,
                "dockerImageTag": docker_image_tag,
                "workspaceId": workspace_id,
                "name": resource_name if name is None else name,
                "documentationUrl": documentation_url,
            },
            opts,
        )


class DestinationDefinition(_ImageDefinition):
    """A custom destination connector in a container image."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        docker_repository: pulumi.Input[str],
        docker_image_tag: pulumi.Input[str],
        workspace_id: pulumi.Input[str],
        name: pulumi.Input[str] | None = None,
        documentation_url: pulumi.Input[str] | None = None,
    ) -> None:
        """Declare a destination connector. Another repository or documentation URL replaces it."""
        super().__init__(
            "airbyte:index/destinationDefinition:DestinationDefinition",
            resource_name,
            {
                "dockerRepository": docker_repository,
                "dockerImageTag": docker_image_tag,
                "workspaceId": workspace_id,
                "name": resource_name if name is None else name,
                "documentationUrl": documentation_url,
            },
            opts,
        )
