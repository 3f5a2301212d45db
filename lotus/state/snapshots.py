"""What a stack's state was before: the versions that the bucket keeps of its checkpoint."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from lotus.errors import ConfigError
from lotus.state.bucket import Bucket


@dataclass(frozen=True)
class Snapshot:
    """One version of the checkpoint. `resources` is None for a deletion, or where it was not read."""

    version: str
    at: datetime
    bytes: int
    latest: bool
    deleted: bool
    key: str
    resources: int | None = None
    pending: int = 0
    """Operations that were under way when it was written."""
    run: str = ""
    """The run that ended with it, such as `update succeeded`; empty for what was written on the way."""
    commit: str = ""
    """The git commit of that run, where Pulumi found one."""


def snapshots(client: Any, bucket: Bucket, project: str, stack: str, *, limit: int = 20) -> list[Snapshot]:
    """The state at the end of the newest runs, newest first, and what a run left that never ended."""
    found = versions(client, bucket, project, stack)
    ends: list[Snapshot] = []
    for at, key in _runs(client, bucket, project, stack)[:limit]:
        # Both times are the bucket's own: Pulumi writes the run's record after its last checkpoint.
        last = next((one for one in found if one.at <= at), None)
        if last is not None and last.version not in {one.version for one in ends}:
            ends.append(_told(last, client, bucket, key))
    if found and (not ends or found[0].version != ends[0].version):
        ends.insert(0, replace(found[0], run="no end on record: killed, restored, or running"))
    return [read(client, bucket, one) for one in ends[:limit]]


def versions(client: Any, bucket: Bucket, project: str, stack: str) -> list[Snapshot]:
    """Every version that the bucket keeps, newest first, unread; a run writes one after each step."""
    found: list[Snapshot] = []
    keys = {checkpoint(bucket, project, stack), checkpoint(bucket, project, stack) + ".gz"}
    pages = client.get_paginator("list_object_versions").paginate(
        Bucket=bucket.name, Prefix=checkpoint(bucket, project, stack)
    )
    for page in pages:
        for kind, deleted in (("Versions", False), ("DeleteMarkers", True)):
            found += [
                Snapshot(
                    version=str(one["VersionId"]),
                    at=one["LastModified"],
                    bytes=int(one.get("Size", 0)),
                    latest=bool(one["IsLatest"]),
                    deleted=deleted,
                    key=str(one["Key"]),
                )
                for one in page.get(kind, ())
                if one["Key"] in keys  # not its .bak
            ]
    # S3 lists a key's versions newest first; the sort, which is stable, only merges deletions and the two keys.
    found.sort(key=lambda one: one.at, reverse=True)
    return found


def _runs(client: Any, bucket: Bucket, project: str, stack: str) -> list[tuple[datetime, str]]:
    """When each run's record was written, and its key, newest first."""
    prefix = bucket.key(f".pulumi/history/{project}/{stack}/")
    found: list[tuple[datetime, str]] = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=prefix):
        found += [
            (one["LastModified"], str(one["Key"]))
            for one in page.get("Contents", ())
            if str(one["Key"]).removesuffix(".gz").endswith(".history.json")
        ]
    return sorted(found, reverse=True)


def _told(one: Snapshot, client: Any, bucket: Bucket, key: str) -> Snapshot:
    """With what the run's record says of it."""
    record: Any = _json(client.get_object(Bucket=bucket.name, Key=key)["Body"].read())
    if not isinstance(record, dict):
        return one
    held = cast("dict[str, Any]", record)
    commit = str(cast("dict[str, Any]", held.get("environment") or {}).get("git.head") or "")
    return replace(one, run=f"{held.get('kind', 'run')} {held.get('result', '')}".strip(), commit=commit[:12])


def checkpoint(bucket: Bucket, project: str, stack: str) -> str:
    """The key of the stack's checkpoint."""
    return bucket.key(f".pulumi/stacks/{project}/{stack}.json")


def read(client: Any, bucket: Bucket, one: Snapshot) -> Snapshot:
    """With what is in it."""
    if one.deleted:
        return one
    counted = counts(client.get_object(Bucket=bucket.name, Key=one.key, VersionId=one.version)["Body"].read())
    return replace(one, resources=counted[0], pending=counted[1]) if counted else one


def counts(content: bytes) -> tuple[int, int] | None:
    """Resources (without the stack itself) and pending operations of a checkpoint; None if it is none."""
    document = _json(content)
    try:
        latest = cast("dict[str, Any]", document["checkpoint"]).get("latest") or {}
    except (KeyError, TypeError, AttributeError):
        return None
    resources = cast("list[dict[str, Any]]", latest.get("resources") or [])
    return (
        sum(one.get("type") != "pulumi:pulumi:Stack" for one in resources),
        len(cast("list[Any]", latest.get("pending_operations") or [])),
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except (ValueError, OSError):
        return None


def chosen(found: list[Snapshot], version: str) -> Snapshot:
    """The version that begins so.

    Raises:
        ConfigError: none or several do, or it is a deletion.
    """
    matching = [one for one in found if one.version.startswith(version)]
    if len(matching) != 1:
        what = "no version of the state begins" if not matching else f"{len(matching)} versions of the state begin"
        raise ConfigError(f'{what} with "{version}"', fix="lotus state snapshots --all")
    if matching[0].deleted:
        raise ConfigError(f"version {matching[0].version} is a deletion", fix="choose the snapshot before it")
    return matching[0]
