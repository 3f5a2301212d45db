"""What a stack's state has, from a folder or a bucket."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from pulumi_airbyte.provider.state_store import Stored, backend_url, resources_in_state, state_store

from lotus.config.pulumi_yaml import required_name
from lotus.errors import ConfigError
from lotus.state.bucket import Bucket, bucket_errors


def managed(root: Path, stack: str, environment: Mapping[str, str]) -> list[Stored]:
    """The resources of a stack's state that are objects of Airbyte or Pulumi's own; none if there is no state yet.

    Raises:
        ConfigError: the state is in neither a folder nor an S3 bucket.
        UnavailableError, RemoteError: the bucket cannot be read.
    """
    places = {"PULUMI_ROOT_DIRECTORY": str(root), **environment}
    url = backend_url(places)
    with bucket_errors(Bucket.of(url)) if url.startswith("s3://") else contextlib.nullcontext():
        store, readable = state_store(places)
        if not readable:
            raise ConfigError(
                f"the state of stack {stack} cannot be read from here",
                where=url or "no backend",
                fix="lotus reads states in a folder (file://) or an S3 bucket (s3://): set PULUMI_BACKEND_URL",
            )
        return [each for each in resources_in_state(store, required_name(root), stack) if each.id and not each.going]
