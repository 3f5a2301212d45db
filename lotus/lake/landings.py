"""One stack's lake as the files declare it: its connections, and where each stream lands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lotus.config import Destination, Project
from lotus.config.landing import constant_prefix, is_s3
from lotus.config.references import with_values
from lotus.s3 import LandingBucket


@dataclass(frozen=True)
class Landing:
    """Where one stream lands: `path` is the key's format below the bucket with only date variables left."""

    source: str
    stream: str
    connection: str
    bucket: LandingBucket
    path: str

    @property
    def prefix(self) -> str:
        """The constant beginning of all keys of the stream."""
        return self.path.split("${", 1)[0]

    @property
    def url(self) -> str:
        """The folder of the stream as people write it: `s3://landing/raw/shop/orders/`."""
        return f"s3://{self.bucket.name}/{constant_prefix(self.path)}"


@dataclass(frozen=True)
class StackConnections:
    """The connections of a stack: names in Airbyte by folder."""

    workspace: str
    connections: Mapping[str, str]


def stack_connections(project: Project) -> StackConnections:
    """The connections that the files declare."""
    return StackConnections(
        project.settings.workspace,
        {connection.name: project.title_of(connection) for connection in project.connections if connection.streams},
    )


def with_secrets(project: Project, destination: Destination) -> dict[str, Any]:
    """A destination's configuration with the stack's secrets in."""
    return dict(with_values(destination.configuration, lambda each: project.secrets.get(each.name, "")))


def landings(project: Project) -> list[Landing]:
    """Where each stream of the stack lands, in name order; only destinations whose paths are known (S3)."""
    zones: list[Landing] = []
    for connection in project.connections:
        destination = project.destination_of(connection)
        if not is_s3(destination.settings.connector):
            continue
        configuration = with_secrets(project, destination)
        bucket = LandingBucket.of(configuration)
        for stream in connection.streams:
            path = connection.path_of(stream, configuration)
            zones.append(Landing(connection.name, stream.name, connection.title_to(destination), bucket, path))
    return zones
