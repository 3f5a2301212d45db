"""What a connector's specification says: the JSON schema of its configuration, and a destination's sync modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MANIFEST_REPOSITORY = "airbyte/source-declarative-manifest"
"""Docker repository of the one runner that all low-code manifests share (`airbyte_connector_builder_init`)."""

DESTINATION_SYNC_MODES = ("overwrite", "append")
"""What a destination supports whose spec does not say: the modes that need no key."""


class ManifestError(ValueError):
    """A low-code manifest does not say how its source is configured."""


def manifest_spec(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The specification of a source that is made of a low-code manifest.

    Raises:
        ManifestError: the manifest has none.
    """
    specification = manifest.get("spec")
    if not isinstance(specification, Mapping):
        raise ManifestError("The manifest has no spec (an object with connection_specification)")
    schema = specification.get("connection_specification")
    if not isinstance(schema, Mapping):
        raise ManifestError("The manifest's spec has no connection_specification (a JSON schema)")
    return {
        "documentationUrl": specification.get("documentation_url"),
        "connectionSpecification": schema,
        "advanced_auth": specification.get("advanced_auth"),
    }


def schema_of(specification: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema of a configuration."""
    schema = specification.get("connectionSpecification")
    return schema if isinstance(schema, Mapping) else {}


def destination_sync_modes(specification: Mapping[str, Any]) -> list[str]:
    """What a destination supports, by its spec."""
    return list(specification.get("supported_destination_sync_modes") or DESTINATION_SYNC_MODES)
