"""Where a stream lands before and after, and what readers that go by the order of paths make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lotus.config import Connection, Destination, Project, Stream
from lotus.config.landing import is_s3
from lotus.config.references import SEALED, Reference, reference, with_values


def with_config(project: Project, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the stack's own `$config` values in place; what it does not give stays a reference."""

    def value_of(reference: Reference) -> Any:
        value = project.settings.values.config(str(reference.name)) if reference.kind == "$config" else None
        return reference.written if value is None or value.value is SEALED else value.value

    return with_values(configuration, value_of)


def location(project: Project, connection: Connection, stream: Stream, destination: Destination) -> str:
    """Where the stream's files land, `s3://landing/raw/shopify/orders/year=${YEAR}/…`; empty where it is not known."""
    if not is_s3(destination.settings.connector):
        return ""
    configuration = with_config(project, destination.settings.configuration)
    return f"s3://{bucket(configuration)}/{connection.path_of(stream, configuration)}"


def bucket(configuration: Mapping[str, Any]) -> str:
    """The bucket's name, or the reference that names it."""
    name = configuration.get("s3_bucket_name")
    ref = reference(name)
    return f"<{ref[1]}>" if ref else str(name or "")


def short(location: str) -> str:
    """A place without its dates: `s3://landing/raw/shopify/orders/`."""
    return location if "${" not in location else location[: location.index("${")].rpartition("/")[0] + "/"
