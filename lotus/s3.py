"""S3 as lotus opens it: one client for state, landing and the dev stack."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often S3 is tried, in seconds."""

    connect: float = 10
    read: float = 20
    attempts: int = 4


def s3_client(
    *,
    endpoint: str | None = None,
    region: str | None = None,
    path_style: bool | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    session_token: str | None = None,
    profile: str | None = None,
    patience: Patience = Patience(),
) -> Any:
    """A boto3 client; without keys boto3 looks for them itself.

    Args:
        endpoint: an S3 other than AWS; absent or empty: AWS.
        path_style: the bucket in the path, not in the host's name; absent: with an endpoint only.
    """
    import boto3
    from botocore.config import Config

    session = boto3.Session(
        aws_access_key_id=access_key_id or None,
        aws_secret_access_key=secret_access_key or None,
        aws_session_token=session_token or None,
        profile_name=profile or None,
    )
    on_loopback = urlsplit(endpoint or "").hostname in LOOPBACK
    config = Config(
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"total_max_attempts": patience.attempts},
        s3={"addressing_style": "path" if (bool(endpoint) if path_style is None else path_style) else "auto"},
        # A proxy of the environment cannot reach this machine's own servers.
        proxies={} if on_loopback else None,
    )
    return session.client("s3", endpoint_url=endpoint or None, region_name=region or None, config=config)


@dataclass(frozen=True)
class LandingBucket:
    """The bucket of an S3 destination and how it is reached; the endpoint is empty for AWS itself."""

    name: str
    endpoint: str
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> LandingBucket:
        """The bucket that a destination-s3 configuration names, its secrets in."""
        return cls(
            name=str(configuration.get("s3_bucket_name", "")),
            endpoint=str(configuration.get("s3_endpoint") or ""),
            region=str(configuration.get("s3_bucket_region") or ""),
            access_key_id=str(configuration.get("access_key_id") or ""),
            secret_access_key=str(configuration.get("secret_access_key") or ""),
        )

    @functools.cached_property
    def client(self) -> Any:
        """A boto3 client."""
        return self.client_with(Patience(attempts=3))

    def client_with(self, patience: Patience) -> Any:
        """A boto3 client that gives up when `patience` says."""
        return s3_client(
            endpoint=self.endpoint,
            region=self.region,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            patience=patience,
        )

    @functools.cached_property
    def filesystem(self) -> Any:
        """The same for Arrow's readers."""
        from pyarrow.fs import S3FileSystem

        parts = urlsplit(self.endpoint)
        options = {
            "access_key": self.access_key_id or None,
            "secret_key": self.secret_access_key or None,
            "region": self.region or None,
            "endpoint_override": parts.netloc or None,
            "scheme": parts.scheme or None,
        }
        return S3FileSystem(**{name: value for name, value in options.items() if value is not None})
