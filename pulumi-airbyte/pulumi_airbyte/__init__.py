"""Airbyte as typed Pulumi resources.

Everything here is loaded when it is first used (PEP 562), so that `import pulumi_airbyte.api` does not import pulumi.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sdk.adoption import Adoptable, Wanted, adopt
    from .sdk.connection import (
        Connection,
        ConnectionConfigurationsArgs,
        ConnectionConfigurationsStreamArgs,
        ConnectionConfigurationsStreamMapperArgs,
        ConnectionConfigurationsStreamSelectedFieldArgs,
        ConnectionDefaultsArgs,
        ConnectionScheduleArgs,
        ConnectionStatus,
        ConnectionTagArgs,
        NamespaceDefinition,
        NonBreakingSchemaUpdatesBehavior,
        ScheduleType,
        SyncMode,
    )
    from .sdk.consent import Applied, applied, collect_faults, consent, foretell_deletions
    from .sdk.definitions import DeclarativeSourceDefinition, DestinationDefinition, SourceDefinition
    from .sdk.destination import Destination, DestinationConfiguration
    from .sdk.explicit_provider import Provider
    from .sdk.functions import (
        get_connection,
        get_connections,
        get_connector_configuration,
        get_declarative_source_definition,
        get_destination,
        get_destination_definition,
        get_permission,
        get_source,
        get_source_definition,
        get_streams,
        get_tag,
        get_workspace,
    )
    from .sdk.permission import Permission, PermissionType
    from .sdk.s3 import S3DestinationConfiguration
    from .sdk.source import ResourceAllocationArgs, Source, SourceConfiguration
    from .sdk.tag import Tag
    from .sdk.workspace import (
        EmailNotificationArgs,
        NotificationArgs,
        WebhookNotificationArgs,
        Workspace,
        WorkspaceNotificationsArgs,
    )

_HOMES: dict[str, str] = {
    "Adoptable": "adoption",
    "Connection": "connection",
    "ConnectionConfigurationsArgs": "connection",
    "ConnectionConfigurationsStreamArgs": "connection",
    "ConnectionConfigurationsStreamMapperArgs": "connection",
    "ConnectionConfigurationsStreamSelectedFieldArgs": "connection",
    "ConnectionDefaultsArgs": "connection",
    "ConnectionScheduleArgs": "connection",
    "ConnectionStatus": "connection",
    "ConnectionTagArgs": "connection",
    "DeclarativeSourceDefinition": "definitions",
    "Destination": "destination",
    "DestinationConfiguration": "destination",
    "DestinationDefinition": "definitions",
    "EmailNotificationArgs": "workspace",
    "NamespaceDefinition": "connection",
    "NonBreakingSchemaUpdatesBehavior": "connection",
    "NotificationArgs": "workspace",
    "Permission": "permission",
    "PermissionType": "permission",
    "Provider": "explicit_provider",
    "ResourceAllocationArgs": "source",
    "S3DestinationConfiguration": "s3",
    "ScheduleType": "connection",
    "Source": "source",
    "SourceConfiguration": "source",
    "SourceDefinition": "definitions",
    "SyncMode": "connection",
    "Tag": "tag",
    "WebhookNotificationArgs": "workspace",
    "Wanted": "adoption",
    "Workspace": "workspace",
    "WorkspaceNotificationsArgs": "workspace",
    "adopt": "adoption",
    "collect_faults": "consent",
    "consent": "consent",
    "foretell_deletions": "consent",
    "Applied": "consent",
    "applied": "consent",
    "get_connection": "functions",
    "get_connections": "functions",
    "get_connector_configuration": "functions",
    "get_declarative_source_definition": "functions",
    "get_destination": "functions",
    "get_destination_definition": "functions",
    "get_permission": "functions",
    "get_source": "functions",
    "get_source_definition": "functions",
    "get_streams": "functions",
    "get_tag": "functions",
    "get_workspace": "functions",
}

__all__ = [
    "Adoptable",
    "Applied",
    "Connection",
    "ConnectionConfigurationsArgs",
    "ConnectionConfigurationsStreamArgs",
    "ConnectionConfigurationsStreamMapperArgs",
    "ConnectionConfigurationsStreamSelectedFieldArgs",
    "ConnectionDefaultsArgs",
    "ConnectionScheduleArgs",
    "ConnectionStatus",
    "ConnectionTagArgs",
    "DeclarativeSourceDefinition",
    "Destination",
    "DestinationConfiguration",
    "DestinationDefinition",
    "EmailNotificationArgs",
    "NamespaceDefinition",
    "NonBreakingSchemaUpdatesBehavior",
    "NotificationArgs",
    "Permission",
    "PermissionType",
    "Provider",
    "ResourceAllocationArgs",
    "S3DestinationConfiguration",
    "ScheduleType",
    "Source",
    "SourceConfiguration",
    "SourceDefinition",
    "SyncMode",
    "Tag",
    "Wanted",
    "WebhookNotificationArgs",
    "Workspace",
    "WorkspaceNotificationsArgs",
    "adopt",
    "applied",
    "collect_faults",
    "consent",
    "foretell_deletions",
    "get_connection",
    "get_connections",
    "get_connector_configuration",
    "get_declarative_source_definition",
    "get_destination",
    "get_destination_definition",
    "get_permission",
    "get_source",
    "get_source_definition",
    "get_streams",
    "get_tag",
    "get_workspace",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.sdk.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
