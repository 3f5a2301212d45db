"""Removes the locks that this very pod left in the state's bucket when it was killed in mid-update.

A lock of Pulumi's own backends has no expiry; it names its host, which is the pod's name. A StatefulSet's pod exists at
most once under its name, so a lock of that name at the pod's start belongs to a predecessor that is gone. A lock of any
other host stays: `pulumi cancel` would remove that too, and give a live writer a rival.

`python -m lotus.gitops.stale_locks --backend s3://… --project lotus --stack prod`
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Lock:
    """One lock file of a stack, as Pulumi writes it."""

    key: str
    host: str
    user: str
    pid: int
    at: str


@dataclass(frozen=True)
class Bucket:
    """What `s3://bucket/prefix?endpoint=…` says, in boto3's words."""

    name: str
    prefix: str
    endpoint: str | None
    region: str | None
    path_style: bool

    @classmethod
    def of(cls, backend: str) -> Bucket:
        """Reads Pulumi's backend address: the old names of its parameters (disableSSL) as well as the new.

        Raises:
            ValueError: it is no s3:// address.
        """
        parts = urlsplit(backend)
        if parts.scheme != "s3" or not parts.netloc:
            raise ValueError(f"stale locks are looked for in s3:// backends only, not in {parts.scheme}://")
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        endpoint = query.get("endpoint")
        if endpoint and "://" not in endpoint:
            endpoint = f"{'http' if query.get('disableSSL') == 'true' else 'https'}://{endpoint}"
        style = query.get("s3ForcePathStyle") or query.get("use_path_style") or "false"
        return cls(parts.netloc, parts.path.strip("/"), endpoint, query.get("region"), style == "true")

    def client(self) -> Any:
        """A boto3 client for it; credentials come from the environment, as for Pulumi."""
        import boto3
        from botocore.config import Config

        style = "path" if self.path_style else "auto"
        config = Config(
            connect_timeout=10, read_timeout=20, retries={"total_max_attempts": 4}, s3={"addressing_style": style}
        )
        return boto3.client("s3", endpoint_url=self.endpoint, region_name=self.region, config=config)


def locks(client: Any, bucket: Bucket, project: str, stack: str) -> Iterator[Lock]:
    """Every lock of the stack."""
    folder = "/".join(part for part in (bucket.prefix, ".pulumi/locks/organization", project, stack, "") if part)
    if not folder.endswith("/"):
        folder += "/"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=folder):
        for entry in page.get("Contents", ()):
            body = json.loads(client.get_object(Bucket=bucket.name, Key=entry["Key"])["Body"].read())
            yield Lock(
                key=entry["Key"],
                host=str(body.get("hostname", "")),
                user=str(body.get("username", "")),
                pid=int(body.get("pid", 0)),
                at=str(body.get("timestamp", "")),
            )


def release_own(client: Any, bucket: Bucket, project: str, stack: str, *, host: str) -> tuple[list[Lock], list[Lock]]:
    """Deletes the locks that `host` left; returns those, and the ones of others, which stay."""
    released: list[Lock] = []
    kept: list[Lock] = []
    for lock in list(locks(client, bucket, project, stack)):
        if lock.host == host:
            client.delete_object(Bucket=bucket.name, Key=lock.key)
            released.append(lock)
        else:
            kept.append(lock)
    return released, kept


def main() -> int:
    """The workspace's init container. Always 0: see below."""
    from botocore.exceptions import BotoCoreError, ClientError

    parser = argparse.ArgumentParser(prog="python -m lotus.gitops.stale_locks", description=__doc__)
    for name in ("--backend", "--project", "--stack"):
        parser.add_argument(name, required=True)
    parser.add_argument("--host", default=socket.gethostname())
    asked = parser.parse_args()
    try:
        bucket = Bucket.of(asked.backend)
        released, kept = release_own(bucket.client(), bucket, asked.project, asked.stack, host=asked.host)
    except (BotoCoreError, ClientError, ValueError) as error:
        # A failing init container keeps the pod from starting, and the Stack then only says that it waits. pulumi meets
        # the same fault next, and its words do reach the Stack's status.
        print(f"cannot look for stale locks: {error}", file=sys.stderr)
        return 0
    for lock in released:
        print(f"removed the lock that {lock.host} left at {lock.at}: {lock.key}")
    for lock in kept:
        print(f"kept the lock of {lock.user}@{lock.host} (pid {lock.pid}) of {lock.at}: {lock.key}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
