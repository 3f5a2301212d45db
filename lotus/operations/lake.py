"""One stack's lake as the files declare it: its connections, and where each stream lands."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lotus.config import Project, from_stack_file, load
from lotus.config.landing import folder, is_s3
from lotus.config.references import reference
from lotus.errors import FaultsError


@dataclass(frozen=True)
class Bucket:
    """An S3 bucket and how it is reached; the endpoint is empty for AWS itself."""

    name: str
    endpoint: str
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)

    @functools.cached_property
    def client(self) -> Any:
        """A boto3 client."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint or None,
            region_name=self.region or None,
            aws_access_key_id=self.access_key_id or None,
            aws_secret_access_key=self.secret_access_key or None,
            config=Config(
                connect_timeout=10,
                retries={"total_max_attempts": 3},
                s3={"addressing_style": "path" if self.endpoint else "auto"},
            ),
        )

    @functools.cached_property
    def filesystem(self) -> Any:
        """The same for Arrow's readers."""
        from pyarrow.fs import S3FileSystem

        parts = urlsplit(self.endpoint)
        given = {
            "access_key": self.access_key_id or None,
            "secret_key": self.secret_access_key or None,
            "region": self.region or None,
            "endpoint_override": parts.netloc or None,
            "scheme": parts.scheme or None,
        }
        return S3FileSystem(**{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True)
class Landing:
    """Where one stream lands: `path` is the key's format below the bucket with only date variables left."""

    source: str
    stream: str
    connection: str
    bucket: Bucket
    path: str

    @property
    def prefix(self) -> str:
        """The constant beginning of all keys of the stream."""
        return self.path.split("${", 1)[0]

    @property
    def where(self) -> str:
        """The folder of the stream as people write it: `s3://landing/raw/shop/orders/`."""
        return f"s3://{self.bucket.name}/{self.prefix[: self.prefix.rfind('/') + 1]}"


@dataclass(frozen=True)
class Declared:
    """The connections of a stack: names in Airbyte by source folder."""

    workspace: str
    connections: Mapping[str, str]


def project_of(project: Path, stack: str, environment: Mapping[str, str]) -> Project:
    """Everything the files say for `stack`, references resolved.

    Raises:
        FaultsError: the files or the stack's settings have faults; all of them are in it.
    """
    loaded = load(project, from_stack_file(project, stack, environment=environment))
    if loaded.faults:
        raise FaultsError(loaded.faults)
    return loaded


def declared(project: Project) -> Declared:
    """The connections that the files declare."""
    return Declared(
        project.settings.workspace,
        {
            source.name: source.connection_to(project.destination(source.destination))
            for source in project.sources
            if source.streams
        },
    )


def landings(project: Project) -> list[Landing]:
    """Where each stream of the stack lands, in name order; only destinations whose paths are known (S3)."""
    found: list[Landing] = []
    for source in project.sources:
        destination = project.destination(source.destination)
        if not is_s3(destination.settings.connector):
            continue
        configuration = _with_secrets(project, destination.configuration)
        bucket = _bucket(configuration)
        for stream in source.streams:
            path = folder(configuration, source.namespace_of(stream), source.landed_name(stream)).lstrip("/")
            found.append(Landing(source.name, stream.name, source.connection_to(destination), bucket, path))
    return found


def _bucket(configuration: Mapping[str, Any]) -> Bucket:
    return Bucket(
        name=str(configuration.get("s3_bucket_name", "")),
        endpoint=str(configuration.get("s3_endpoint") or ""),
        region=str(configuration.get("s3_bucket_region") or ""),
        access_key_id=str(configuration.get("access_key_id") or ""),
        secret_access_key=str(configuration.get("secret_access_key") or ""),
    )


def _with_secrets(project: Project, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A destination's settings with the stack's secrets in place of their names; a bucket's lie at the top level."""
    resolved: dict[str, Any] = {}
    for key, value in configuration.items():
        named = reference(value)
        resolved[key] = project.secrets.get(named[1], "") if named else value
    return resolved
