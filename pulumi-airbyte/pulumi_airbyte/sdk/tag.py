"""A tag: a coloured word on connections."""

from __future__ import annotations

import pulumi

from .resource import AirbyteResource


class Tag(AirbyteResource):
    """A tag of a workspace. Another workspace replaces it."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        color: pulumi.Input[str],
        workspace_id: pulumi.Input[str],
        name: pulumi.Input[str] | None = None,
    ) -> None:
        """Declare a tag; `color` is six hexadecimal digits, such as `FF5733`."""
        super().__init__(
            "airbyte:index/tag:Tag",
            resource_name,
            {"color": color, "workspaceId": workspace_id, "name": resource_name if name is None else name},
            ["tagId"],
            opts,
        )

    @property
    @pulumi.getter(name="tagId")
    def tag_id(self) -> pulumi.Output[str]:
        """The id that connections name."""
        return pulumi.get(self, "tagId")

    @property
    @pulumi.getter
    def name(self) -> pulumi.Output[str]:
        """The word."""
        return pulumi.get(self, "name")

    @property
    @pulumi.getter
    def color(self) -> pulumi.Output[str]:
        """Its colour."""
        return pulumi.get(self, "color")

    @property
    @pulumi.getter(name="workspaceId")
    def workspace_id(self) -> pulumi.Output[str]:
        """The workspace that owns it."""
        return pulumi.get(self, "workspaceId")
