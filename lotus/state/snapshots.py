"""What a stack's state was before: the versions that the bucket keeps of its checkpoint."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lotus.errors import ConfigError
from lotus.state.bucket import Bucket
from lotus.untyped import as_list, as_mapping, as_mappings, is_mapping


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
    every_version = versions(client, bucket, project, stack)
    ends: list[Snapshot] = []
    for at, key in _runs(client, bucket, project, stack)[:limit]:
        # Both times are the bucket's own; the record comes last: docs/pulumi-behaviour.md#history-of-a-stack.
        # A list has whole seconds in some S3, such as AWS and versitygw.
        last = next((snapshot for snapshot in every_version if snapshot.at.replace(microsecond=0) <= at), None)
        if last is not None and last.version not in {snapshot.version for snapshot in ends}:
            ends.append(_with_run(last, client, bucket, key))
    if every_version and (not ends or every_version[0].version != ends[0].version):
        ends.insert(0, replace(every_version[0], run="no end on record: killed, restored, or running"))
    return [with_contents(client, bucket, snapshot) for snapshot in ends[:limit]]


def versions(client: Any, bucket: Bucket, project: str, stack: str) -> list[Snapshot]:
    """Every version that the bucket keeps, newest first, unread; a run writes one after each step."""
    snapshots: list[Snapshot] = []
    keys = {checkpoint(bucket, project, stack), checkpoint(bucket, project, stack) + ".gz"}
    pages = client.get_paginator("list_object_versions").paginate(
        Bucket=bucket.name, Prefix=checkpoint(bucket, project, stack)
    )
    for page in pages:
        for kind, deleted in (("Versions", False), ("DeleteMarkers", True)):
            snapshots += [
                Snapshot(
                    version=str(entry["VersionId"]),
                    at=_written_at(str(entry["VersionId"]), entry["LastModified"]),
                    bytes=int(entry.get("Size", 0)),
                    latest=bool(entry["IsLatest"]),
                    deleted=deleted,
                    key=str(entry["Key"]),
                )
                for entry in page.get(kind, ())
                if entry["Key"] in keys  # not its .bak
            ]
    # S3 lists a key's versions newest first; the sort, which is stable, only merges deletions and the two keys.
    snapshots.sort(key=lambda snapshot: snapshot.at, reverse=True)
    return snapshots


_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ULID_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _written_at(version: str, modified: datetime) -> datetime:
    """When a version was written.

    versitygw 1.8 gives an old version the time when the next one came. Its version ids are ULIDs, which no other S3
    has: their first ten digits are the milliseconds of the writing.
    """
    if not _ULID.fullmatch(version):
        return modified
    milliseconds = 0
    for digit in version[:10]:
        milliseconds = milliseconds * len(_ULID_DIGITS) + _ULID_DIGITS.index(digit)
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _runs(client: Any, bucket: Bucket, project: str, stack: str) -> list[tuple[datetime, str]]:
    """When each run's record was written, and its key, newest first."""
    prefix = bucket.key(f".pulumi/history/{project}/{stack}/")
    records: list[tuple[datetime, str]] = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=prefix):
        records += [
            (entry["LastModified"], str(entry["Key"]))
            for entry in page.get("Contents", ())
            if str(entry["Key"]).removesuffix(".gz").endswith(".history.json")
        ]
    return sorted(records, reverse=True)


def _with_run(snapshot: Snapshot, client: Any, bucket: Bucket, key: str) -> Snapshot:
    """With what the run's record says of it."""
    record: Any = _json(client.get_object(Bucket=bucket.name, Key=key)["Body"].read())
    if not is_mapping(record):
        return snapshot
    commit = str(as_mapping(record.get("environment")).get("git.head") or "")
    return replace(snapshot, run=f"{record.get('kind', 'run')} {record.get('result', '')}".strip(), commit=commit[:12])


def checkpoint(bucket: Bucket, project: str, stack: str) -> str:
    """The key of the stack's checkpoint."""
    return bucket.key(f".pulumi/stacks/{project}/{stack}.json")


def with_contents(client: Any, bucket: Bucket, snapshot: Snapshot) -> Snapshot:
    """With what is in it."""
    if snapshot.deleted:
        return snapshot
    counted = counts(client.get_object(Bucket=bucket.name, Key=snapshot.key, VersionId=snapshot.version)["Body"].read())
    return replace(snapshot, resources=counted[0], pending=counted[1]) if counted else snapshot


def counts(content: bytes) -> tuple[int, int] | None:
    """Resources (without the stack itself) and pending operations of a checkpoint; None if it is none."""
    document = as_mapping(_json(content)).get("checkpoint")
    if not is_mapping(document):
        return None
    latest = as_mapping(document.get("latest"))
    resources = as_mappings(latest.get("resources"))
    return (
        sum(resource.get("type") != "pulumi:pulumi:Stack" for resource in resources),
        len(as_list(latest.get("pending_operations"))),
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except (ValueError, OSError):
        return None


def chosen(candidates: list[Snapshot], version: str) -> Snapshot:
    """The version whose id starts with `version`.

    Raises:
        ConfigError: none or several do, or it is a deletion.
    """
    matching = [snapshot for snapshot in candidates if snapshot.version.startswith(version)]
    if len(matching) != 1:
        problem = "no version of the state starts" if not matching else f"{len(matching)} versions of the state start"
        raise ConfigError(f'{problem} with "{version}"', fix="lotus state snapshots --all")
    if matching[0].deleted:
        raise ConfigError(f"version {matching[0].version} is a deletion", fix="choose the snapshot before it")
    return matching[0]
