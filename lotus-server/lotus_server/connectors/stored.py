"""Connectors by the definitions that the store keeps."""

from __future__ import annotations

from lotus_server.connectors.definition import Definition
from lotus_server.store.definitions import StoredDefinition


def connector_of(definition: StoredDefinition) -> Definition:
    """The definition as ``Connectors`` and ``Jobs`` take it."""
    return Definition(
        id=definition.id,
        name=definition.name,
        docker_repository=definition.docker_repository,
        docker_image_tag=definition.docker_image_tag,
        actor_type=definition.kind,
        documentation_url=definition.documentation_url or "",
        manifest=definition.manifest,
        custom=definition.origin != "builtin",
    )
