"""The kinds of resources. A new one is one file here, one line below, and its class in `sdk/`."""

from __future__ import annotations

from .connection import ConnectionKind
from .connectors import DestinationKind, SourceKind
from .definitions import DeclarativeSourceDefinitionKind, DestinationDefinitionKind, SourceDefinitionKind
from .kind import ResourceKind
from .permission import PermissionKind
from .tag import TagKind
from .workspace import WorkspaceKind

RESOURCES: dict[str, ResourceKind] = {
    kind.token: kind
    for kind in (
        SourceKind(),
        DestinationKind(),
        ConnectionKind(),
        DeclarativeSourceDefinitionKind(),
        SourceDefinitionKind(),
        DestinationDefinitionKind(),
        WorkspaceKind(),
        PermissionKind(),
        TagKind(),
    )
}
"""By type token."""

__all__ = ["RESOURCES", "ResourceKind"]
