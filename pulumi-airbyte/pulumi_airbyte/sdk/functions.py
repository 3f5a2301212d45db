"""Functions: what a program may ask of the server without managing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import pulumi

from .resource import camel_case, on_the_wire

R = TypeVar("R")


def _ask(function: str, arguments: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> Mapping[str, Any]:
    token = f"airbyte:index/{function}:{function}"
    wire = {name: value for name, value in on_the_wire(arguments).items() if value is not None}
    answer: Any = pulumi.runtime.invoke(token, wire, opts).value
    return answer or {}


def _as(kind: type[R], answer: Mapping[str, Any]) -> R:
    values: dict[str, Any] = {}
    for field in fields(kind):  # pyright: ignore[reportArgumentType]  (every R here is a dataclass)
        value = answer.get(camel_case(field.name))
        # gRPC has floats only.
        values[field.name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return kind(**values)


@dataclass(frozen=True)
class GetConnectionResult:
    """A connection, as the server has it."""

    connection_id: str
    name: str
    source_id: str
    destination_id: str
    workspace_id: str
    status: str
    schedule: Mapping[str, Any]
    configurations: Mapping[str, Any]
    namespace_definition: str
    namespace_format: str | None
    prefix: str
    non_breaking_schema_updates_behavior: str
    tags: Sequence[Mapping[str, Any]]
    created_at: int


@dataclass(frozen=True)
class GetSourceResult:
    """A source; its secrets are masked."""

    source_id: str
    name: str
    source_type: str
    definition_id: str
    workspace_id: str
    configuration: Mapping[str, Any]
    created_at: int


@dataclass(frozen=True)
class GetDestinationResult:
    """A destination; its secrets are masked."""

    destination_id: str
    name: str
    destination_type: str
    definition_id: str
    workspace_id: str
    configuration: Mapping[str, Any]
    created_at: int


@dataclass(frozen=True)
class GetWorkspaceResult:
    """A workspace."""

    workspace_id: str
    name: str
    data_residency: str
    notifications: Mapping[str, Any]


@dataclass(frozen=True)
class GetPermissionResult:
    """A permission."""

    permission_id: str
    permission_type: str
    user_id: str
    workspace_id: str | None
    organization_id: str | None


@dataclass(frozen=True)
class GetTagResult:
    """A tag."""

    tag_id: str
    name: str
    color: str
    workspace_id: str


@dataclass(frozen=True)
class GetSourceDefinitionResult:
    """A custom source definition."""

    id: str
    name: str
    docker_repository: str
    docker_image_tag: str
    documentation_url: str | None


@dataclass(frozen=True)
class GetDestinationDefinitionResult:
    """A custom destination definition."""

    id: str
    name: str
    docker_repository: str
    docker_image_tag: str
    documentation_url: str | None


@dataclass(frozen=True)
class GetDeclarativeSourceDefinitionResult:
    """A low-code connector."""

    id: str
    name: str
    manifest: Mapping[str, Any]
    version: int


def get_connection(connection_id: str, opts: pulumi.InvokeOptions | None = None) -> GetConnectionResult:
    """A connection, as the server has it."""
    return _as(GetConnectionResult, _ask("getConnection", {"connection_id": connection_id}, opts))


def get_source(source_id: str, opts: pulumi.InvokeOptions | None = None) -> GetSourceResult:
    """A source; its secrets are masked."""
    return _as(GetSourceResult, _ask("getSource", {"source_id": source_id}, opts))


def get_destination(destination_id: str, opts: pulumi.InvokeOptions | None = None) -> GetDestinationResult:
    """A destination; its secrets are masked."""
    return _as(GetDestinationResult, _ask("getDestination", {"destination_id": destination_id}, opts))


def get_workspace(workspace_id: str, opts: pulumi.InvokeOptions | None = None) -> GetWorkspaceResult:
    """A workspace."""
    return _as(GetWorkspaceResult, _ask("getWorkspace", {"workspace_id": workspace_id}, opts))


def get_permission(permission_id: str, opts: pulumi.InvokeOptions | None = None) -> GetPermissionResult:
    """A permission."""
    return _as(GetPermissionResult, _ask("getPermission", {"permission_id": permission_id}, opts))


def get_tag(tag_id: str, opts: pulumi.InvokeOptions | None = None) -> GetTagResult:
    """A tag."""
    return _as(GetTagResult, _ask("getTag", {"tag_id": tag_id}, opts))


def get_source_definition(
    definition_id: str, workspace_id: str, opts: pulumi.InvokeOptions | None = None
) -> GetSourceDefinitionResult:
    """A custom source definition."""
    return _as(
        GetSourceDefinitionResult,
        _ask("getSourceDefinition", {"definition_id": definition_id, "workspace_id": workspace_id}, opts),
    )


def get_destination_definition(
    definition_id: str, workspace_id: str, opts: pulumi.InvokeOptions | None = None
) -> GetDestinationDefinitionResult:
    """A custom destination definition."""
    return _as(
        GetDestinationDefinitionResult,
        _ask("getDestinationDefinition", {"definition_id": definition_id, "workspace_id": workspace_id}, opts),
    )


def get_declarative_source_definition(
    definition_id: str, workspace_id: str, opts: pulumi.InvokeOptions | None = None
) -> GetDeclarativeSourceDefinitionResult:
    """A low-code connector."""
    return _as(
        GetDeclarativeSourceDefinitionResult,
        _ask("getDeclarativeSourceDefinition", {"definition_id": definition_id, "workspace_id": workspace_id}, opts),
    )


def get_connections(
    workspace_ids: Sequence[str] | None = None,
    tag_ids: Sequence[str] | None = None,
    include_deleted: bool | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> list[GetConnectionResult]:
    """Every connection of the given workspaces (of all when none is given), over all pages."""
    arguments = {"workspace_ids": workspace_ids, "tag_ids": tag_ids, "include_deleted": include_deleted}
    answer = _ask("getConnections", arguments, opts)
    return [_as(GetConnectionResult, connection) for connection in answer.get("data", [])]


@dataclass(frozen=True)
class StreamProperties:
    """One stream that a source offers."""

    stream_name: str
    sync_modes: Sequence[str] | None
    default_cursor_field: Sequence[str] | None
    source_defined_cursor_field: bool | None
    source_defined_primary_key: Sequence[Sequence[str]] | None
    property_fields: Sequence[Sequence[str]] | None


def get_streams(
    source_id: str,
    destination_id: str | None = None,
    ignore_cache: bool | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> list[StreamProperties]:
    """What a source offers; sync modes only with a destination. The server runs the connector's discover."""
    arguments = {"source_id": source_id, "destination_id": destination_id, "ignore_cache": ignore_cache}
    answer = _ask("getStreams", arguments, opts)
    return [_as(StreamProperties, stream) for stream in answer.get("streams", [])]


@dataclass(frozen=True)
class GetConnectorConfigurationResult:
    """A connector's definition and spec, and a configuration checked against it."""

    definition_id: str
    connector_type: str
    version: str | None
    specification: Mapping[str, Any]
    configuration: Mapping[str, Any]


def get_connector_configuration(
    connector_name: str,
    workspace_id: str,
    configuration: Mapping[str, Any] | None = None,
    configuration_secrets: Mapping[str, Any] | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> GetConnectorConfigurationResult:
    """The definition of a connector such as `source-faker`, its spec, and the merged configuration, checked.

    Unlike the registry package's function it asks the Airbyte server, not `connectors.airbyte.com`: what it finds is
    what this server runs.
    """
    wire = {
        "connectorName": connector_name,
        "workspaceId": workspace_id,
        "configuration": configuration,
        "configurationSecrets": configuration_secrets,
    }
    function = "airbyte:index/getConnectorConfiguration:getConnectorConfiguration"
    answer: Any = pulumi.runtime.invoke(function, {k: v for k, v in wire.items() if v is not None}, opts).value
    return _as(GetConnectorConfigurationResult, answer or {})
