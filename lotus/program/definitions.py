"""The connectors of sources and destinations, as Airbyte's API takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_airbyte as airbyte

from lotus.config import Destination, Source
from lotus.config.connector import Connector
from lotus.config.manifest import injected
from lotus.config.project import CONNECTORS, title

ConnectorInputs = tuple[pulumi.Input[str] | None, dict[str, Any]]
"""A definition's id, or none, and what the configuration says of the connector."""


class Definitions:
    """Tells Airbyte which connector is meant; a manifest or an image of its own is declared as a resource first.

    Args:
        options: the options of a resource, given its class and the names that it has and had before.
    """

    def __init__(self, workspace: str, options: Callable[..., pulumi.ResourceOptions]) -> None:
        self._workspace = workspace
        self._options = options
        self._shared_definitions: dict[str, pulumi.Input[str]] = {}

    def of_source(self, source: Source) -> ConnectorInputs:
        """The connector of a source."""
        if source.connector.shared:
            return self._shared(source), {}
        if source.manifest is not None:
            names = [f"{name}-manifest" for name in source.names]
            return self._manifest(names, source.title, source.manifest), injected(source.components)
        return self._connector(source.connector, "source", source.names)

    def of_destination(self, destination: Destination) -> ConnectorInputs:
        """The connector of a destination."""
        return self._connector(destination.connector, "destination", destination.names)

    def _shared(self, source: Source) -> pulumi.Input[str]:
        """The definition of a connector that several sources share, declared once."""
        connector = source.connector
        if connector.shared not in self._shared_definitions:
            name, words = f"{CONNECTORS}/{connector.shared}", title(connector.shared)
            if source.manifest is not None:
                definition = self._manifest([name], words, source.manifest)
            else:
                definition = self._image(airbyte.SourceDefinition, [name], words, connector)
            self._shared_definitions[connector.shared] = definition
        return self._shared_definitions[connector.shared]

    def _manifest(self, names: Sequence[str], words: str, manifest: Mapping[str, Any]) -> pulumi.Input[str]:
        options = self._options(airbyte.DeclarativeSourceDefinition, names)
        return airbyte.DeclarativeSourceDefinition(
            names[0], options, workspace_id=self._workspace, name=words, manifest=manifest
        ).definition_id

    def _image(
        self,
        definition: type[airbyte.SourceDefinition | airbyte.DestinationDefinition],
        names: Sequence[str],
        words: str,
        connector: Connector,
    ) -> pulumi.Input[str]:
        return definition(
            names[0],
            self._options(definition, names),
            workspace_id=self._workspace,
            name=words,
            docker_repository=connector.repository,
            docker_image_tag=connector.version,
        ).definition_id

    def _connector(self, connector: Connector, role: str, names: Sequence[str]) -> ConnectorInputs:
        if connector.kind == "definition":
            return connector.value, {}
        if connector.kind == "image":
            definition = airbyte.SourceDefinition if role == "source" else airbyte.DestinationDefinition
            words = f"{connector.value} {connector.version}"
            return self._image(definition, [f"{name}-connector" for name in names], words, connector), {}
        return None, {f"{role}Type": connector.value}
