"""A connection: which streams of a source go to a destination, how, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypeAlias, TypedDict

import pulumi

from .resource import AirbyteResource, on_the_wire

SyncMode: TypeAlias = Literal[
    "full_refresh_overwrite",
    "full_refresh_overwrite_deduped",
    "full_refresh_append",
    "full_refresh_update",
    "full_refresh_soft_delete",
    "incremental_append",
    "incremental_deduped_history",
    "incremental_update",
    "incremental_soft_delete",
]
NamespaceDefinition: TypeAlias = Literal["source", "destination", "custom_format"]
NonBreakingSchemaUpdatesBehavior: TypeAlias = Literal[
    "ignore", "disable_connection", "propagate_columns", "propagate_fully"
]
ConnectionStatus: TypeAlias = Literal["active", "inactive"]
ScheduleType: TypeAlias = Literal["manual", "cron", "basic"]
StreamMapperType: TypeAlias = Literal["hashing", "field-renaming", "row-filtering", "encryption", "field-filtering"]


class ConnectionConfigurationsStreamSelectedFieldArgs(TypedDict):
    """A top-level field that is synced, in the API's form; its name alone, `"id"`, says the same."""

    field_path: pulumi.Input[Sequence[pulumi.Input[str]]]


class ConnectionConfigurationsStreamMapperArgs(TypedDict, total=False):
    """A transformation of a stream's records; their order matters."""

    id: pulumi.Input[str]
    type: Required[pulumi.Input[StreamMapperType]]
    mapper_configuration: Required[pulumi.Input[Mapping[str, Any]]]


class ConnectionConfigurationsStreamArgs(TypedDict, total=False):
    """How one stream is synced. Keys and cursors that the source defines may be left out."""

    name: Required[pulumi.Input[str]]
    namespace: pulumi.Input[str]
    sync_mode: pulumi.Input[SyncMode]
    cursor_field: pulumi.Input[Sequence[pulumi.Input[str]]]
    primary_key: pulumi.Input[Sequence[pulumi.Input[Sequence[pulumi.Input[str]]]]]
    selected_fields: pulumi.Input[Sequence[pulumi.Input[str | ConnectionConfigurationsStreamSelectedFieldArgs]]]
    mappers: pulumi.Input[Sequence[pulumi.Input[ConnectionConfigurationsStreamMapperArgs]]]
    include_files: pulumi.Input[bool]
    destination_object_name: pulumi.Input[str]


class ConnectionConfigurationsArgs(TypedDict, total=False):
    """The streams that are synced, a set. No streams: all that the source offers, as full_refresh_overwrite."""

    streams: pulumi.Input[Sequence[pulumi.Input[ConnectionConfigurationsStreamArgs]]]


class ConnectionScheduleArgs(TypedDict, total=False):
    """When it runs: `manual`, a Quartz cron expression of 6 or 7 fields, or an interval.

    The expression is in UTC, or in the time zone that follows it: `0 0 3 * * ? Europe/Berlin`. An interval looks like
    `Every 24 HOURS`. Intervals and time zones need Airbyte's config API, which Airbyte Cloud does not open to
    applications.
    """

    schedule_type: Required[pulumi.Input[ScheduleType]]
    cron_expression: pulumi.Input[str]
    basic_timing: pulumi.Input[str]


class ConnectionTagArgs(TypedDict):
    """A tag on the connection, whole, as Airbyte wants it."""

    tag_id: pulumi.Input[str]
    workspace_id: pulumi.Input[str]
    name: pulumi.Input[str]
    color: pulumi.Input[str]


class ConnectionDefaultsArgs(TypedDict, total=False):
    """What settings that a program does not declare get when the connection is created, and go back to.

    In place of Airbyte's own: namespace `destination`, and `ignore` for new columns.
    """

    namespace_definition: pulumi.Input[NamespaceDefinition]
    namespace_format: pulumi.Input[str]
    non_breaking_schema_updates_behavior: pulumi.Input[NonBreakingSchemaUpdatesBehavior]


class Connection(AirbyteResource):
    """A connection. Changing its source or destination replaces it and loses its sync state.

    Example:
        Connection(
            "faker-to-lake",
            source_id=source.source_id,
            destination_id=lake.destination_id,
            configurations={"streams": [{"name": "users", "sync_mode": "incremental_append"}]},
            schedule={"schedule_type": "cron", "cron_expression": "0 0 3 * * ?"},
        )
    """

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        source_id: pulumi.Input[str],
        destination_id: pulumi.Input[str],
        name: pulumi.Input[str] | None = None,
        configurations: pulumi.Input[ConnectionConfigurationsArgs] | None = None,
        schedule: pulumi.Input[ConnectionScheduleArgs] | None = None,
        namespace_definition: pulumi.Input[NamespaceDefinition] | None = None,
        namespace_format: pulumi.Input[str] | None = None,
        prefix: pulumi.Input[str] | None = None,
        non_breaking_schema_updates_behavior: pulumi.Input[NonBreakingSchemaUpdatesBehavior] | None = None,
        status: pulumi.Input[ConnectionStatus] | None = None,
        tags: pulumi.Input[Sequence[pulumi.Input[ConnectionTagArgs]]] | None = None,
        data_residency: pulumi.Input[str] | None = None,
        defaults: pulumi.Input[ConnectionDefaultsArgs] | None = None,
    ) -> None:
        """Declare a connection.

        Args:
            source_id: where records come from.
            destination_id: where they go.
            name: shown in Airbyte; absent: "<source> <> <destination>", given by the server.
            configurations: the streams; absent: all that the source offers.
            schedule: absent: manual at first, then left as it is.
            namespace_definition: absent: `destination` at first, then left as it is.
            namespace_format: for `custom_format`, such as `raw` or `${SOURCE_NAMESPACE}`.
            prefix: put in front of every stream's name.
            non_breaking_schema_updates_behavior: what new columns and streams do; absent: `ignore` at first.
            status: absent: `active` at first, then left as it is.
            tags: a set.
            data_residency: deprecated by Airbyte: accepted, never stored.
            defaults: what settings that are absent here get at first, in place of Airbyte's defaults.
        """
        super().__init__(
            "airbyte:index/connection:Connection",
            resource_name,
            {
                "sourceId": source_id,
                "destinationId": destination_id,
                "name": name,
                "configurations": on_the_wire(configurations),
                "schedule": on_the_wire(schedule),
                "namespaceDefinition": namespace_definition,
                "namespaceFormat": namespace_format,
                "prefix": prefix,
                "nonBreakingSchemaUpdatesBehavior": non_breaking_schema_updates_behavior,
                "status": status,
                "tags": on_the_wire(tags),
                "dataResidency": data_residency,
                "defaults": on_the_wire(defaults),
            },
            ["connectionId", "workspaceId", "createdAt", "statusReason"],
            opts,
        )

    @property
    @pulumi.getter(name="connectionId")
    def connection_id(self) -> pulumi.Output[str]:
        """The id that jobs name."""
        return pulumi.get(self, "connectionId")

    @property
    @pulumi.getter(name="sourceId")
    def source_id(self) -> pulumi.Output[str]:
        """Where records come from."""
        return pulumi.get(self, "sourceId")

    @property
    @pulumi.getter(name="destinationId")
    def destination_id(self) -> pulumi.Output[str]:
        """Where records go."""
        return pulumi.get(self, "destinationId")

    @property
    @pulumi.getter(name="workspaceId")
    def workspace_id(self) -> pulumi.Output[str]:
        """The workspace of its source."""
        return pulumi.get(self, "workspaceId")

    @property
    @pulumi.getter
    def name(self) -> pulumi.Output[str]:
        """The name shown in Airbyte."""
        return pulumi.get(self, "name")

    @property
    @pulumi.getter
    def status(self) -> pulumi.Output[str]:
        """`active` or `inactive`."""
        return pulumi.get(self, "status")

    @property
    @pulumi.getter
    def configurations(self) -> pulumi.Output[Mapping[str, Any]]:
        """The streams as declared, keys as on the wire."""
        return pulumi.get(self, "configurations")

    @property
    @pulumi.getter
    def schedule(self) -> pulumi.Output[Mapping[str, Any]]:
        """When it runs, keys as on the wire."""
        return pulumi.get(self, "schedule")

    @property
    @pulumi.getter(name="statusReason")
    def status_reason(self) -> pulumi.Output[str | None]:
        """Why Airbyte changed its status, if it did."""
        return pulumi.get(self, "statusReason")

    @property
    @pulumi.getter(name="createdAt")
    def created_at(self) -> pulumi.Output[int]:
        """Seconds since the epoch."""
        return pulumi.get(self, "createdAt")
